"""One round of the real command over a farm of hostile and odd servers, and what is left in the database; and a stop in the middle of it."""

from __future__ import annotations

import re
import signal
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import datetime
from functools import cached_property
from pathlib import Path
from typing import Any

import pytest
from conftest import ENGINES, unavailable

from tests.command import Desk, wait_for
from tests.farm import NETWORKS, Case, Farm, answers, by_path
from tests.farm_answers import ANSWERS, SILENCE
from tests.farm_documents import BOMBS, DOCUMENTS
from tests.farm_pages import PAGES, TEXT, TITLE
from tests.farm_tls import Authority, tls_cases
from tests.processes import descendants
from tests.site import rss

HONEST = tuple(
    Case(
        f"honest-{number}",
        answers(
            rss(
                *(
                    (
                        f"{number}-{entry}",
                        f"Harvest {entry} in valley {number}",
                        f"https://honest.example/{number}/{entry}",
                    )
                    for entry in range(20)
                )
            )
        ),
        seen=20,
    )
    for number in range(8)
)
SETTINGS = {"LEVANTWATCH_REQUEST_TIMEOUT": "20", "LEVANTWATCH_PARSE_SECONDS": "5", "LEVANTWATCH_CONCURRENCY": "96"}
# what a terminal or a log could obey, and what is no character: in no column of any table
UNCLEAN = re.compile(
    "[\x00-\x08\x0b-\x1f\x7f-\x84\x86-\x9f\u061c\u200b\u200e\u200f\u202a-\u202e\u2060-\u2069\ufeff\ud800-\udfff]"
)
ARTICLES = "coalesce(e.error, '') not like 'same-article%'"  # not the links that redirects resolved
TEXTS = {
    "feeds": "url, title, homepage, etag, last_modified, last_error, language",
    "polls": "outcome, error, final_url, reason",
    "entries": "url, canonical_url, guid, title, summary, author, published_raw, updated_raw, language, error",
    "articles": "url, canonical_url, title, author, text, language, published_raw",
}


@dataclass(repr=False)
class Round:
    """A round that has been, on one database."""

    farm: Farm
    cases: tuple[Case, ...]
    desk: Desk
    exit: int
    log: str

    @cached_property
    def polls(self) -> dict[str, Any]:
        """The poll of each feed by the name of its server."""
        rows = self.desk.rows("select f.url, f.next_poll_at, f.etag, p.* from feeds f join polls p on p.feed_id = f.id")
        by_url = {row.url: row for row in rows}
        return {case.name: by_url.get(self.farm.url(case.name)) for case in self.cases}

    @cached_property
    def titles(self) -> dict[str, list[str]]:
        """The titles of each feed's entries by the name of its server."""
        rows = self.desk.rows(
            "select f.url, e.title from sightings s join feeds f on f.id = s.feed_id join entries e on e.id = s.entry_id"
        )
        found: dict[str, list[str]] = {}
        for row in rows:
            found.setdefault(row.url, []).append(row.title)
        return {case.name: sorted(found.get(self.farm.url(case.name), [])) for case in self.cases}


class Rounds:
    """The farm, and one round over it for each database, when somebody first asks for it."""

    def __init__(self, farm: Farm, authority: Authority, folder: Path, urls: dict[str, str]) -> None:
        self.farm, self.authority, self.folder, self.urls = farm, authority, folder, urls
        self._done: dict[str, Round] = {}

    def of(self, engine: str) -> Round:
        """The round on one database. Postgres is spared the servers that only take time: they are nothing to a database."""
        if engine not in self._done:
            slow = set() if engine == "sqlite" else {case.name for case in (*BOMBS, *SILENCE[3:])}
            cases = tuple(case for case in self.farm.cases.values() if case.name not in slow)
            self._done[engine] = self._run(engine, cases)
        return self._done[engine]

    def _run(self, engine: str, cases: tuple[Case, ...]) -> Round:
        folder = self.folder / engine
        folder.mkdir()
        url = self.urls[engine]
        desk = Desk(folder, url, networks=NETWORKS, settings={**SETTINGS, "SSL_CERT_FILE": str(self.authority.file)})
        names = set(asked_of(self.farm))
        asked = [case for case in cases if case.name in names]
        (folder / "feeds.txt").write_text("".join(f"{self.farm.url(case.name)}\n" for case in asked), encoding="utf-8")
        desk.ok("feeds", "import", "feeds.txt")
        done = desk.run("poll")
        return Round(self.farm, tuple(asked), desk, done.returncode, done.stderr.decode())


@contextmanager
def hostile_farm(folder: Path) -> Iterator[tuple[Farm, Authority]]:
    """The whole farm while the block runs, and who signs for its names."""
    authority = Authority(folder)
    cases = (*ANSWERS, *tls_cases(authority), *DOCUMENTS, *HONEST, *(page.case for page in PAGES))
    with Farm((*cases, Case("pages", answers(b"")))) as farm:
        feed = rss(
            *(
                (page.case.name, f"{TITLE}, report {number}", farm.site(page.case.name) + page.path)
                for number, page in enumerate(PAGES)
            ),
            summary=TEXT[0],
        )
        farm.cases["pages"] = Case("pages", answers(feed), seen=len(PAGES))
        yield farm, authority


def asked_of(farm: Farm) -> list[str]:
    """The names of the servers that are feeds; the others are pages of one of them."""
    return [name for name in farm.cases if not name.startswith(("page-", "robots-"))]


@pytest.fixture(scope="module")
def rounds(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Rounds]:
    folder = tmp_path_factory.mktemp("hostile")
    urls = {"sqlite": f"sqlite:///{folder}/hostile.db"}
    server = request.getfixturevalue("postgres")
    with hostile_farm(folder) as (farm, authority):
        if server is None:
            yield Rounds(farm, authority, folder, urls)
            return
        with server.database() as url:
            yield Rounds(farm, authority, folder, {**urls, "postgresql": url})


@pytest.fixture(params=ENGINES)
def engine(request: pytest.FixtureRequest, rounds: Rounds) -> str:
    if request.param not in rounds.urls:
        unavailable("postgres", "no Postgres here: neither TEST_POSTGRES_URL nor Debian's postgresql")
    return str(request.param)


@pytest.fixture
def over(rounds: Rounds, engine: str) -> Round:
    """The round on this database."""
    return rounds.of(engine)


def test_the_farm_is_large() -> None:
    names = [case.name for case in (*ANSWERS, *DOCUMENTS, *(page.case for page in PAGES))]
    assert len(names) == len(set(names)) > 500


def test_every_server_has_its_outcome(over: Round) -> None:
    assert over.exit == 0, over.log[-2000:]
    wrong = {}
    for case in over.cases:
        poll = over.polls[case.name]
        if poll is None:
            wrong[case.name] = "no poll"
        elif poll.outcome not in case.outcome.split("|"):
            wrong[case.name] = f"{poll.outcome} ({poll.error}), not {case.outcome}"
        elif case.seen is not None and poll.entries_seen != case.seen:
            wrong[case.name] = f"{poll.entries_seen} entries, not {case.seen}"
        elif case.status is not None and poll.http_status != case.status:
            wrong[case.name] = f"status {poll.http_status}, not {case.status}"
    assert not wrong, "\n".join(f"{name}: {told}" for name, told in wrong.items())


def test_every_title_is_clean_text(over: Round) -> None:
    wanted = {case.name: sorted(case.titles) for case in over.cases if case.titles is not None}
    assert wanted
    assert {name: over.titles[name] for name in wanted if over.titles[name] != wanted[name]} == {}


def test_the_honest_feeds_are_all_there(over: Round) -> None:
    for case in HONEST:
        assert over.polls[case.name].outcome == "ok"
        assert len(over.titles[case.name]) == 20


def test_every_feed_is_asked_again(over: Round) -> None:
    rows = over.desk.rows("select url, last_polled_at, next_poll_at from feeds")
    assert len(rows) == len(over.cases)
    hours = {row.url: (moment(row.next_poll_at) - moment(row.last_polled_at)).total_seconds() / 3600 for row in rows}
    assert {url: wait for url, wait in hours.items() if not 0 < wait <= 24.01} == {}


def moment(value: Any) -> datetime:
    """A time as this database gives it: SQLite has them as text."""
    return value if isinstance(value, datetime) else datetime.fromisoformat(value)


def test_every_page_gives_its_text_or_its_reason(over: Round) -> None:
    rows = over.desk.rows(
        "select e.guid, e.state, e.error, e.retry_at, e.claimed_at, a.extraction, a.text from entries e left join articles a on a.id = e.id"
        f" where {ARTICLES}"
    )
    found = {row.guid: row for row in rows}
    wrong = {}
    for page in PAGES:
        row = found[page.case.name]
        error = row.error or ""
        if row.state != "match" or row.claimed_at is not None:
            wrong[page.case.name] = f"state {row.state}, claimed {row.claimed_at}"
        elif page.extraction not in (None, row.extraction) or (page.error is not None and page.error not in error):
            wrong[page.case.name] = f"{row.extraction} ({error}), not {page.extraction} ({page.error})"
        elif page.retried not in (None, row.retry_at is not None):
            wrong[page.case.name] = f"asked again at {row.retry_at} after {error}"
        elif row.extraction == "full" and "Ariha" not in row.text:
            wrong[page.case.name] = f"text {row.text[:100]!r}"
    assert not wrong, "\n".join(f"{name}: {told}" for name, told in wrong.items())


def test_nobody_reached_an_inner_address(over: Round) -> None:
    assert over.farm.canary.connections == 0
    assert not over.desk.rows("select 1 from entries where title like '%root:%' or summary like '%root:%'")


def test_a_page_that_robots_txt_forbids_was_not_asked_for(over: Round) -> None:
    for page in PAGES:
        if page.error == "robots":
            assert page.path not in over.farm.asked(page.case.name), page.case.name


def test_every_log_line_is_one_line_of_its_own(over: Round) -> None:
    lines = over.log.splitlines()
    assert "Traceback" not in over.log
    assert [
        line for line in lines if not re.match(r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d[+-]\d{4} [A-Z]+ [\w.]+: ", line)
    ] == []
    assert [
        line for line in lines if " ERROR " in line or " CRITICAL " in line or "s3cret" in line or UNCLEAN.search(line)
    ] == []
    assert sum("polled feed=" in line for line in lines) == len(over.cases)


def test_every_column_holds_clean_text(over: Round) -> None:
    for table, columns in TEXTS.items():
        rows = over.desk.rows(f"select {columns} from {table}")
        assert rows
        unclean = [
            (table, name, value[:200])
            for row in rows
            for name, value in row._mapping.items()
            if value and UNCLEAN.search(value)
        ]
        assert not unclean


def test_both_databases_hold_the_same(rounds: Rounds, engine: str) -> None:
    if engine == "sqlite":
        return
    one, other = rounds.of("sqlite"), rounds.of("postgresql")
    steady = [case.name for case in other.cases if "|" not in case.outcome]
    assert {name: one.titles[name] for name in steady if one.titles[name] != other.titles[name]} == {}
    alike = [page.case.name for page in PAGES if page.extraction is not None]
    query = (
        "select e.guid, e.url, e.title, e.summary, e.error, a.title as read, a.text, a.author, a.language, a.extraction"
        f" from entries e left join articles a on a.id = e.id where {ARTICLES}"
    )
    held = [{row.guid: tuple(row) for row in over.desk.rows(query) if row.guid in alike} for over in (one, other)]
    assert held[0] == held[1]
    assert len(held[0]) == len(alike)


# --- a stop in the middle of it ---


@pytest.mark.parametrize(
    ("schema_url", "number"),
    [("sqlite", signal.SIGINT), pytest.param("postgresql", signal.SIGTERM, marks=pytest.mark.postgres)],
    indirect=["schema_url"],
)
def test_a_signal_ends_the_daemon_with_mute_servers_and_a_busy_worker_and_nobody_survives(
    tmp_path: Path, schema_url: str, number: int
) -> None:
    heavy = tuple(case for case in BOMBS if case.name in ("feed-100000-attributes", "feed-100000-unclosed"))
    page = Case("page-mute", by_path(page=SILENCE[1].serve))
    silence = tuple(case for case in SILENCE if case.name not in ("slow-hops", "redirect-then-silence"))
    settings = {"LEVANTWATCH_REQUEST_TIMEOUT": "120", "LEVANTWATCH_PARSE_SECONDS": "120"}
    with Farm((*silence, *HONEST, page, Case("a-page", answers(b"")), *heavy)) as farm:
        article = rss(("a", TITLE, farm.site("page-mute") + "/page"), summary=TEXT[0])
        farm.cases["a-page"] = Case("a-page", answers(article))
        desk = Desk(tmp_path, schema_url, networks=NETWORKS, settings=settings)
        (tmp_path / "feeds.txt").write_text(
            "".join(f"{farm.url(name)}\n" for name in farm.cases if name != "page-mute"), encoding="utf-8"
        )
        desk.ok("feeds", "import", "feeds.txt")
        daemon = desk.start("run")
        try:
            wait_for(
                lambda: (
                    all(farm.open.get(case.name) for case in (*silence, page))
                    and all(farm.asked(case.name) for case in heavy)
                )
            )
            wait_for(lambda: len(desk.rows("select 1 from polls")) >= len(HONEST) + 1)
            polled = {row.url for row in desk.rows("select f.url from polls p join feeds f on f.id = p.feed_id")}
            assert {farm.url(case.name) for case in HONEST} <= polled, "the mute delay nobody"
            assert not {farm.url(case.name) for case in silence} & polled
            family = descendants(daemon.pid)
            assert len(family) >= 3, "a forkserver and two workers"
            daemon.send_signal(number)
            _, said = daemon.communicate(timeout=30)
        finally:
            daemon.kill()
            daemon.wait()
    assert daemon.returncode == 0, said.decode()  # by itself: crawler.reactor ends who is not through in time, with 1
    assert "Traceback" not in said.decode()
    wait_for(lambda: not any(Path(f"/proc/{pid}").exists() for pid in family), 5)
    assert desk.rows("select count(*) as number from entries where claimed_at is not null")[0].number == 0
