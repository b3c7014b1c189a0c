"""The desk through Starlette's test client, on both databases: hostile content, hostile addresses, and who may do what."""

from __future__ import annotations

import io
import re
import shutil
from collections.abc import Iterator
from datetime import date, timedelta
from html.parser import HTMLParser
from pathlib import Path
from typing import Any
from urllib.parse import quote
from urllib.request import urlopen

import pytest
from argon2 import PasswordHasher
from desk_server import desk_app
from sqlalchemy import update
from starlette.testclient import TestClient
from storage_samples import HOUR, NOW, add_feed, add_matches, labels_that_hold, verdict

from crawler.cli import main
from crawler.config import Config, ConfigError
from crawler.desk import drawings
from crawler.desk.asking import Asked
from crawler.desk.guard import COOKIE, local_address
from crawler.desk.pages import FOLDER, lacks
from crawler.desk.report import written
from crawler.desk.serve import rules_of
from crawler.desk.sessions import LIFE, WRONG_WITHIN, Keeper, WrongPasswords
from crawler.desk.writes import is_right
from crawler.options import Web
from storage import feeds, labels, overviews
from storage.coverage import PublisherCoverage
from storage.db import Database
from storage.models import FEEDS
from storage.search import Filters, search
from tests.command import Desk

CHEAP = PasswordHasher(time_cost=1, memory_cost=64, parallelism=1).hash("correct horse")
SCRIPT = "<script>alert(1)</script>"
BREAKOUT = "\"><img src=x onerror=alert(1)> ' --></title></textarea>"
HOSTILE: list[dict[str, Any]] = [
    {"title": SCRIPT, "text": f"Syria {SCRIPT}\n{BREAKOUT}", "url": "javascript:alert(1)", "author": BREAKOUT},
    {"title": f"Syria {BREAKOUT}", "publisher": BREAKOUT, "url": "data:text/html,<script>alert(1)</script>"},
    {"title": "{{ 7 * 7 }} {% raw %} ${7*7}", "text": "\u202eevil\u202c \u2066 \x07bell", "language": 'en" onload="alert(1)'},
    {"title": "سوريا: هدنة في الشمال", "text": "دخلت الهدنة يومها الثالث.", "language": "ar", "published_at": NOW - 2 * HOUR},
    {"title": "", "text": "", "summary": "", "url": None, "canonical_url": None, "author": None},
]  # fmt: skip
VIEWS = (
    "/",
    "/stories",
    "/timeline",
    "/map",
    "/publishers",
    "/feeds",
    "/review",
    "/?q=syria",
    "/?since=7d&topic=syria",
)


@pytest.fixture
def client(database: Database) -> TestClient:
    """A browser's requests to the desk of a database with hostile matches."""
    add_matches(database, add_feed(database, publisher=BREAKOUT, title=SCRIPT), *HOSTILE)
    return TestClient(desk_app(database, NOW + HOUR))


def token_of(client: TestClient, path: str = "/") -> str:
    """The token of a form on a page."""
    found = re.search(r'name="csrf" value="([0-9a-f]{64})"', client.get(path).text)
    assert found, path
    return found.group(1)


class Tags(HTMLParser):
    """Every tag of a page with its attributes, as a browser reads them."""

    def __init__(self) -> None:
        super().__init__()
        self.found: list[tuple[str, dict[str, str]]] = []

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.found.append((tag, {name: value or "" for name, value in attrs}))


def tags(page: str) -> list[tuple[str, dict[str, str]]]:
    parser = Tags()
    parser.feed(page)
    return parser.found


def ids(database: Database) -> list[int]:
    with database.read() as session:
        return [row.article_id for row in search(session, Filters(limit=None))]


# --- what strangers wrote ---


def test_no_view_runs_what_a_stranger_wrote(client: TestClient, database: Database) -> None:
    for path in (*VIEWS, *(f"/article/{id_}" for id_ in ids(database)), *(f"/story/{id_}" for id_ in range(1, 6))):
        answer = client.get(path)
        assert answer.status_code == 200, path
        assert not re.search("[\u202e\u2066\x07]", answer.text), path
        for tag, attributes in tags(answer.text):
            assert tag not in ("img", "iframe", "object", "embed", "style", "base"), path
            assert tag != "script" or attributes["src"].startswith("/static/"), path
            for name, value in attributes.items():
                assert not name.startswith("on"), (path, tag, name)
                assert name not in ("style", "srcdoc", "formaction"), (path, tag, name)
                if name in ("href", "src", "action"):
                    assert re.match(r"/(?!/)|#|https://northpost\.example/", value), (path, value)


def test_right_to_left_is_left_to_the_text(client: TestClient) -> None:
    page = client.get("/").text
    assert re.search(r'dir="auto" lang="ar">سوريا: هدنة في الشمال</a>', page)
    assert 'lang="">' in page  # a language that is none


def test_an_address_of_nonsense_is_answered(client: TestClient) -> None:
    nonsense = (BREAKOUT, SCRIPT, "\x00", "\ud800".encode("utf-8", "surrogatepass"), "((", '"', "@nobody", "%", "-" * 600, "9" * 40, "since:x", "١٢")  # fmt: skip
    names = ("topic", "publisher", "language", "country", "place", "actor", "since", "until", "before", "role", "days")
    for name in names:
        assert client.get(f"/?q=syria&{name}={quote(BREAKOUT)}").status_code == 200, name
    for value in nonsense:
        every = "&".join(f"{name}={quote(value)}" for name in names if value not in ("((", '"', "@nobody"))
        answer = client.get(f"/?q={quote(value)}&{every}")
        assert answer.status_code == 200, value
        assert "<script>alert" not in answer.text
    for path in ("/stories", "/timeline", "/map", "/publishers", "/feeds", "/review"):
        assert client.get(f"{path}?days=0&topic={quote(BREAKOUT)}").status_code == 200
    assert client.get("/?q=" + "a" * 9000).status_code == 414


def test_the_page_of_feeds_shows_a_hundred_of_them_the_worst_first(database: Database) -> None:
    with database.write() as session:
        for at in range(230):
            feeds.add(session, url=f"https://a.example/{at:03}", now=NOW)
        session.execute(update(FEEDS).where(FEEDS.c.url.endswith("/200")).values(failing_since=NOW))
    client, path, shown = TestClient(desk_app(database, NOW + HOUR)), "/feeds?days=30", []
    while path:
        text = client.get(path).text
        shown.append(re.findall(r"https://a.example/(\d{3})<", text))
        older = re.search(r'href="([^"]+)" rel="next"', text)
        path = older.group(1).replace("&amp;", "&") if older else ""
    assert [len(page) for page in shown] == [100, 100, 30]
    assert [int(url) for page in shown for url in page] == [200, *(at for at in range(230) if at != 200)]
    for beyond in ("300", "9" * 18, "-1", "x"):
        assert client.get(f"/feeds?from={beyond}").status_code == 200


def test_what_is_not_there_is_said_to_be_missing(client: TestClient) -> None:
    ids = ("/article/0", "/article/9223372036854775808", "/article/-1", "/story/77777")
    for path in (*ids, "/none", "/static/../app.py", "/static/none"):
        assert client.get(path).status_code == 404, path


def test_every_answer_has_the_headers(client: TestClient) -> None:
    for path in (*VIEWS, "/none", "/static/desk.css"):
        headers = client.get(path).headers
        policy = headers["content-security-policy"]
        assert "default-src 'none'" in policy
        assert "unsafe" not in policy
        assert (headers["x-content-type-options"], headers["referrer-policy"]) == ("nosniff", "no-referrer")


# --- the state is in the address ---


def test_pages_follow_one_another_without_loss(database: Database) -> None:
    feed = add_feed(database)
    add_matches(database, feed, *({"published_at": NOW - timedelta(minutes=7 * n)} for n in range(120)))
    client, path, found = TestClient(desk_app(database, NOW)), "/?topic=syria", []
    for _ in range(4):
        page = client.get(path).text
        found += [int(id_) for id_ in re.findall(r'<li data-row id="a(\d+)"', page)]
        older = re.search(r'href="([^"]+)" rel="next"', page)
        if not older:
            break
        path = older.group(1).replace("&amp;", "&")
        assert "topic=syria" in path
    assert found == ids(database)


def test_empty_fields_leave_the_address(client: TestClient) -> None:
    answer = client.get("/?q=syria&topic=&since=", follow_redirects=False)
    assert (answer.status_code, answer.headers["location"]) == (303, "/?q=syria")
    asked = Asked.read({"q": "a b", "place": "ar-raqqa", "nonsense": "x"})
    assert asked.link(before="9") == "/?q=a+b&place=ar-raqqa&before=9"


def test_a_mistake_in_a_query_is_explained(client: TestClient) -> None:
    assert "closes no parenthesis" in client.get("/?q=a)").text
    assert "there is no place" in client.get("/?place=atlantis-on-sea").text


# --- writing ---


def test_a_label_is_written_by_a_form_of_this_session(client: TestClient, database: Database) -> None:
    id_ = ids(database)[0]
    form = {"entry": str(id_), "topic": "syria", "value": "yes", "to": "/?q=syria", "csrf": token_of(client)}
    answer = client.post("/label", data=form, follow_redirects=False)
    assert (answer.status_code, answer.headers["location"]) == (303, "/?q=syria")
    part = client.post("/label", data=form | {"value": "no"}, headers={"HX-Request": "true"})
    assert re.search(r'value="no"[^>]*aria-pressed="true"', part.text)
    with database.read() as session:
        told = [(one.topic, one.value, one.who) for one in labels.of_entry(session, entry_id=id_)]
    assert told == [("syria", "no", "tester"), ("syria", "yes", "tester")]


NOT_OURS: list[tuple[dict[str, str], dict[str, str], int]] = [
    ({"csrf": ""}, {}, 403),
    ({"csrf": "0" * 64}, {}, 403),
    ({}, {"Origin": "https://elsewhere.example"}, 403),
    ({}, {"Sec-Fetch-Site": "cross-site"}, 403),
    ({"value": "maybe"}, {}, 400),
    ({"topic": SCRIPT}, {}, 400),
    ({"entry": "9" * 30}, {}, 400),
    ({"entry": "777777"}, {}, 404),
    ({"note": "x" * 20_000}, {}, 413),
]


def test_a_form_that_is_not_ours_writes_nothing(client: TestClient, database: Database) -> None:
    form = {"entry": str(ids(database)[0]), "topic": "syria", "value": "yes", "csrf": token_of(client)}
    for change, headers, status in NOT_OURS:
        assert client.post("/label", data=form | change, headers=headers).status_code == status, (change, headers)
    with database.read() as session:
        assert labels_that_hold(session) == []


def test_a_token_of_another_session_is_none(client: TestClient, database: Database) -> None:
    form = {"entry": str(ids(database)[0]), "topic": "syria", "value": "yes", "csrf": token_of(client)}
    client.cookies.clear()
    assert client.post("/label", data=form).status_code == 403


def test_another_name_is_not_answered(client: TestClient) -> None:
    for host in ("evil.example", "127.0.0.1.evil.example", "", "[::1", "localhost@evil.example"):
        assert client.get("/", headers={"Host": host}).status_code == 400, host


def test_other_methods_are_not_taken(client: TestClient) -> None:
    for method in ("PUT", "DELETE", "PATCH", "OPTIONS", "TRACE"):
        assert client.request(method, "/").status_code == 405
    assert client.get("/label").status_code == 404


def test_no_view_weighs_more_than_200_kb(database: Database) -> None:
    """A year in which every day has matches of both topics, long titles, many publishers; with the style and the scripts, as they travel."""
    verdicts = (verdict("syria"), verdict("isis"))
    for number in range(120):
        feed_id = add_feed(
            database, url=f"https://outlet-{number}.example/feed", publisher=f"The Outlet of Town {number}"
        )
        days = range(number, 366, 120)
        records = [
            {"title": f"Day {day}: " + "long words " * 15, "publisher": f"The Outlet of Town {number}", "verdicts": verdicts, "published_at": NOW - day * 24 * HOUR}
            for day in days
        ]  # fmt: skip
        add_matches(database, feed_id, *records, now=NOW - number * timedelta(seconds=1))
    client = TestClient(desk_app(database, NOW + HOUR))
    beside = sum(
        int(client.get(f"/static/{name}").headers["content-length"]) for name in ("desk.css", "desk.js", "htmx.min.js")
    )
    for path in (
        *VIEWS,
        "/timeline?days=365",
        "/feeds?days=365",
        "/publishers?days=365",
        "/stories?days=365",
        "/map?days=365",
    ):
        answer = client.get(path)
        assert answer.status_code == 200
        assert "content-encoding" not in answer.headers, path
        assert len(answer.content) + beside < 200_000, path
    assert client.get("/timeline?days=365").text.count("<rect") >= 2 * 365


@pytest.mark.parametrize("to", ["//evil.example", "https://evil.example", "/\\evil.example", "javascript:alert(1)", "/a\r\nX: y", "", "\t//evil.example", "/\t/evil.example"])  # fmt: skip
def test_no_redirect_leads_elsewhere(to: str) -> None:
    assert local_address(to) == "/"


# --- who may see it ---


@pytest.fixture
def locked(database: Database) -> Iterator[TestClient]:
    """A desk with a password."""
    add_matches(database, add_feed(database), {})
    with TestClient(desk_app(database, NOW, password_hash=CHEAP, https=True), base_url="https://testserver") as client:  # fmt: skip
        yield client


def log_in(client: TestClient, password: str, **more: str) -> Any:
    form = {"name": "Rana", "password": password, "csrf": token_of(client, "/login")} | more
    return client.post("/login", data=form, follow_redirects=False)


def test_a_password_opens_the_page_and_a_log_out_closes_it(locked: TestClient) -> None:
    closed = locked.get("/article/1?x=1", follow_redirects=False)
    assert (closed.status_code, closed.headers["location"]) == (303, "/login?to=%2Farticle%2F1%3Fx%3D1")
    assert "ceasefire" not in locked.get("/article/1").text.lower()
    assert locked.post("/label", data={}).status_code == 403
    before = locked.cookies[COOKIE]
    opened = log_in(locked, "correct horse", to="/stories")
    assert (opened.status_code, opened.headers["location"]) == (303, "/stories")
    assert re.search(r"HttpOnly; SameSite=Strict; Secure$", opened.headers["set-cookie"])
    cookie = locked.cookies[COOKIE]
    assert cookie != before
    assert "Log out" in locked.get("/").text
    locked.post("/logout", data={"csrf": token_of(locked)})
    locked.cookies.set(COOKIE, cookie)  # whoever kept it
    assert locked.get("/", follow_redirects=False).status_code == 303


def test_wrong_passwords_are_limited(locked: TestClient) -> None:
    assert [log_in(locked, "wrong").status_code for _ in range(5)] == [403] * 5
    answer = log_in(locked, "correct horse")
    assert answer.status_code == 429
    assert 0 < int(answer.headers["retry-after"]) <= WRONG_WITHIN + 1


def test_a_log_in_leads_nowhere_else(locked: TestClient) -> None:
    assert log_in(locked, "correct horse", to="//evil.example").headers["location"] == "/"


def test_the_header_of_a_proxy_says_who_it_is(database: Database) -> None:
    client = TestClient(desk_app(database, NOW, user_header="X-Remote-User"))
    assert client.get("/").status_code == 403
    assert client.get("/", headers={"X-Remote-User": "rana"}).status_code == 200


def test_limits_and_sessions_by_the_clock() -> None:
    wrong, keeper = WrongPasswords(), Keeper(b"k" * 32)
    for second in range(5):
        wrong.add("192.0.2.1", second)
    assert wrong.wait("192.0.2.1", 10) > 0
    assert wrong.wait("192.0.2.2", 10) == 0
    assert wrong.wait("192.0.2.1", WRONG_WITHIN + 5) == 0
    session = keeper.begin("رنا", 1000)
    assert keeper.read(keeper.cookie(session), 1000 + LIFE - 1) == session
    assert keeper.read(keeper.cookie(session), 1000 + LIFE) is None
    assert Keeper(b"o" * 32).read(keeper.cookie(session), 1001) is None
    assert keeper.read("a.b.c.d", 1001) is None


def test_the_page_is_not_opened_to_others_without_a_password() -> None:
    for host in ("0.0.0.0", "::", "192.0.2.7", "desk.example"):
        with pytest.raises(ConfigError, match="without a password"):
            rules_of(Config(), host)
    kept = Config(web=Web(password_hash=CHEAP, names="desk.example"))
    assert {"desk.example", "localhost"} <= rules_of(kept, "0.0.0.0").names
    assert "0.0.0.0" not in rules_of(kept, "0.0.0.0").names
    with pytest.raises(ConfigError, match="no argon2 hash"):
        rules_of(Config(web=Web(password_hash="plain")), "127.0.0.1")


# --- what is drawn and counted ---


def test_stories_languages_and_days(database: Database) -> None:
    feed = add_feed(database)
    same = {"signature": b"\x01" * 8, "bands": (1, 2)}
    add_matches(
        database, feed, same, {**same, "publisher": "Elsewhere", "language": "ar"}, {"verdicts": (verdict("isis"),)}
    )
    span = {"since": date(2026, 11, 20), "until": date(2026, 11, 24)}
    with database.read() as session:
        [story] = overviews.biggest_stories(session, **span)
        days = overviews.topic_days(session, **span)
        spoken = overviews.languages(session, **span)
        assert overviews.biggest_stories(session, **span, topic="isis") == []
    assert (story.articles, story.copies, story.publishers, story.independent, story.languages) == (2, 1, 2, 1, 2)
    assert [(one.topic, one.matches, one.own) for one in days] == [("isis", 1, 1), ("syria", 2, 1)]
    assert spoken == [("en", 2), ("ar", 1)]


def test_a_story_and_the_report_say_who_reports_independently(database: Database) -> None:
    same = {"signature": b"\x01" * 8, "bands": (1, 2)}
    add_matches(database, add_feed(database), same, {**same, "publisher": "Elsewhere"})
    page = TestClient(desk_app(database, NOW)).get("/story/1").text
    with database.read() as session:
        span = {"since": date(2026, 11, 20), "until": date(2026, 11, 24)}
        report = written(session, **span, topics=("isis", "syria"), now=NOW)
    for shown in (page, report):
        assert "<bdi>North Post</bdi>" in shown
    assert "1 independent" in page
    assert re.search(r'href="/article/1">of article 1</a><span>100 % alike', page)


def test_a_day_stands_out_against_the_four_weeks_before() -> None:
    first = date(2026, 1, 1)
    counts = {first + timedelta(days=n): 4 for n in range(40)} | {first + timedelta(days=40): 11}
    line = drawings.timeline("syria", counts, since=first + timedelta(days=30), until=first + timedelta(days=41))
    assert [(bar.day, bar.matches, bar.usual) for bar in line.spikes] == [(first + timedelta(days=40), 11, 4)]
    few = drawings.timeline("syria", {first: 50}, since=first, until=first)
    assert few.spikes == ()  # nothing is on record to hold it against


def test_the_report_is_one_page_that_asks_for_nothing(client: TestClient, database: Database) -> None:
    with database.read() as session:
        page = written(session, since=date(2026, 11, 1), until=date(2026, 11, 24), topics=("isis", "syria"), now=NOW)
    for tag, attributes in tags(page):
        assert tag not in ("script", "img", "link", "iframe", "object", "form", "base"), tag
        assert not attributes.keys() & {"src", "style", "srcset", "action"}
        assert attributes.get("href", "https://northpost.example/").startswith("https://northpost.example/")
    assert "url(" not in page.replace("&#34;", "")
    assert "@import" not in page
    assert "سوريا: هدنة في الشمال" in page


def colours(css: str) -> dict[str, tuple[int, int, int]]:
    """The variables of one block."""
    return {
        name: (int(value[:2], 16), int(value[2:4], 16), int(value[4:], 16))
        for name, value in re.findall(r"--([\w-]+): #([0-9a-f]{6})", css)
    }


def luminance(colour: tuple[int, int, int]) -> float:
    """https://www.w3.org/TR/WCAG21/#dfn-relative-luminance"""
    parts = [part / 255 for part in colour]
    red, green, blue = (part / 12.92 if part <= 0.03928 else ((part + 0.055) / 1.055) ** 2.4 for part in parts)
    return 0.2126 * red + 0.7152 * green + 0.0722 * blue


@pytest.mark.parametrize("scheme", ["light", "dark"])
def test_the_contrast_of_every_text_is_that_of_wcag_aa(scheme: str) -> None:
    light, dark = re.findall(
        r":root \{(.*?)\n *\}", (FOLDER / "static" / "desk.css").read_text(encoding="utf-8"), re.S
    )[:2]
    named = colours(light if scheme == "light" else dark)
    pairs = [(ink, ground) for ink in ("ink", "dim", "link") for ground in ("ground", "sheet")]
    pairs += [(name, f"{name}-soft") for name in ("syria", "isis", "other", "bad", "good")]
    pairs += [
        ("on-accent", "accent"),
        ("for-ink", "for"),
        ("against-ink", "against"),
        ("sheet", "good"),
        ("sheet", "bad"),
    ]
    pairs += [("ink", "rail"), ("dim", "rail"), ("dim", "home"), ("dim", "land"), ("accent", "sheet")]
    for ink, ground in pairs:
        high, low = sorted((luminance(named[ink]), luminance(named[ground])), reverse=True)
        assert (high + 0.05) / (low + 0.05) >= 4.5, (ink, ground)


# --- the commands ---


def test_web_and_report_run(tmp_path: Path, templates: dict[str, str]) -> None:
    shutil.copy(templates["sqlite"], tmp_path / "watch.db")
    desk = Desk(tmp_path, f"sqlite:///{tmp_path}/watch.db")
    server = desk.start("web", "--port", "0")
    try:
        assert server.stderr is not None
        said = server.stderr.readline().decode()
        address = re.search(r"http://127\.0\.0\.1:\d+/", said)
        assert address, said
        desk.ok("report", "--since", "7d", "-o", "report.html")
        with urlopen(address.group(), timeout=20) as answer:
            shown = answer.read().decode()
            assert "No match." in shown
            assert '<a href="/feeds">how the watch does</a>' in shown
    finally:
        server.terminate()
        server.communicate(timeout=20)
    assert "What was not collected" in (tmp_path / "report.html").read_text(encoding="utf-8")


def test_a_password_is_hashed_and_an_open_page_refused(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    def run(*arguments: str) -> tuple[object, str, str]:
        with pytest.raises(SystemExit) as end:
            main(arguments)
        told = capsys.readouterr()
        return end.value.code, told.out, told.err

    monkeypatch.setattr("sys.stdin", io.StringIO("correct horse\n"))
    code, printed, _ = run("web", "--hash-password")
    assert code == 0
    assert is_right(printed.strip(), "correct horse")
    monkeypatch.setattr("sys.stdin", io.StringIO("short\n"))
    assert run("web", "--hash-password") == (1, "", "levantwatch: a password needs 10 characters or more\n")
    code, _, said = run("web", "--host", "0.0.0.0")
    assert code == 1
    assert "without a password" in said


def test_without_the_extra_one_line_says_what_to_install(monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> None:  # fmt: skip
    monkeypatch.setitem(__import__("sys").modules, "starlette", None)
    with pytest.raises(SystemExit) as end:
        main(["web"])
    assert end.value.code == 1
    assert (
        capsys.readouterr().err == "levantwatch: the page needs the package starlette: pip install 'levantwatch[web]'\n"
    )


def test_what_was_not_collected_is_told_in_words() -> None:
    one = PublisherCoverage(
        "North Post", failures={"timeout": 1, "dns": 2}, gaps=1, summary_only=1, waiting=2, capped=1
    )
    assert (
        lacks(one)
        == "1 poll timeout; 2 polls dns; 1 gap; 2 pages to be read; 1 match by summary only; 1 cut off by our limits"
    )
    assert lacks(PublisherCoverage("South Post", summary_only=2)) == "2 matches by summary only"
    assert lacks(PublisherCoverage("East Post")) == ""
