"""The API on both databases: its answers are those of the command, its errors say what to do, and it opens to whoever may ask."""

from __future__ import annotations

import json
import re
from collections.abc import Iterator
from dataclasses import replace
from datetime import date, datetime, timedelta
from pathlib import Path
from typing import Any
from urllib.parse import quote, urlencode

import pytest
from argon2 import PasswordHasher
from desk_server import desk_app
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from starlette.testclient import TestClient
from storage_samples import HOUR, NOW, add_feed, add_matches, verdict

from crawler.cli import main
from crawler.config import Config, ConfigError
from crawler.desk.api import tokens
from crawler.desk.api.asked import MOST_DAYS, fewer, window
from crawler.desk.api.cursors import BadCursorError, read, written
from crawler.desk.api.problems import KINDS
from crawler.desk.app import create_app
from crawler.desk.guard import COOKIE, Rules
from crawler.desk.serve import rules_of
from crawler.desk.views import Desk
from crawler.export import json_text, row_to_json
from crawler.options import Web
from storage import articles, counts, labels, proofs, revisions, search
from storage.db import Database, open_database
from storage.search import Filters

SCRIPT = "<script>alert(1)</script> \u202eevil"
CHEAP = PasswordHasher(time_cost=1, memory_cost=64, parallelism=1).hash("correct horse")
FREE = (
    "q",
    "since",
    "place",
    "publisher",
    "cursor",
    "limit",
    "story",
)  # parameters that take the most different values


@pytest.fixture
def client(database: Database) -> Iterator[TestClient]:
    """Asks the API of a database with matches in two topics, three publishers and two stories of several articles."""
    feed = add_feed(database)
    other = add_feed(database, url="https://souk.example/rss", publisher="Souk Daily", country="JO", language="ar")
    same = {"signature": b"\x01" * 8, "bands": (1, 2)}
    add_matches(
        database, feed, {**same, "title": SCRIPT}, {**same, "publisher": "Elsewhere"}, {"verdicts": (verdict("isis"),)},
        {"published_at": NOW - timedelta(days=500)},
    )  # fmt: skip
    add_matches(
        database, other, {**same, "publisher": "Souk Daily", "title": "سوريا: هدنة في الشمال", "language": "ar"},
        now=NOW + HOUR,
    )  # fmt: skip
    with TestClient(desk_app(database, NOW + 2 * HOUR)) as client:  # one event loop for all its requests
        yield client


def get(client: TestClient, path: str, status: int = 200, **asked: Any) -> Any:
    """The JSON of an answer with this status."""
    answer = client.get(f"/api/v1/{path}", params=asked)
    assert answer.status_code == status, answer.text
    return answer.json()


def problem(client: TestClient, kind: str, path: str, method: str = "GET", **more: Any) -> dict[str, Any]:
    """The problem of this kind that a request brings, checked whole."""
    answer = client.request(method, path, **more)
    status, title, _ = KINDS[kind]
    told: dict[str, Any] = answer.json()
    assert (answer.status_code, answer.headers["content-type"]) == (status, "application/problem+json"), answer.text
    assert (told["type"], told["title"], told["status"]) == (f"/api#{kind}", title, status)
    assert told["detail"]
    assert "default-src 'none'" in answer.headers["content-security-policy"]
    assert "Traceback" not in answer.text
    return told


# --- answers ---


def test_matches_are_those_of_search_in_the_same_columns(client: TestClient, database: Database) -> None:
    for asked, filters in (
        ({}, Filters()),
        ({"q": "ceasefire -elsewhere"}, Filters(words="ceasefire -elsewhere")),
        ({"topic": "isis"}, Filters(topic="isis")),
        ({"publisher": "Elsewhere"}, Filters(publisher="Elsewhere")),
        ({"country": "jo", "language": "ar"}, Filters(country="JO", language="ar")),
        ({"role": "copy", "since": "2026-11"}, Filters(role="copy", since=date(2026, 11, 1))),
        ({"until": "2026-01-01"}, Filters(until=date(2026, 1, 1))),
    ):
        with database.read() as session:
            rows = [row_to_json(row) | {"snippet": None} for row in search.search(session, filters)]
        told = get(client, "matches", **asked)
        assert told["matches"] == json.loads(json_text(rows)), asked
        assert rows, asked
        assert told["next"] is None


def test_snippets_and_relevance(client: TestClient) -> None:
    [first, *_] = get(client, "matches", q="هدنة", snippets="true")["matches"]
    assert "[[هدنة]]" in first["snippet"]
    assert len(get(client, "matches", q="ceasefire", order="relevance", limit=2)["matches"]) == 2
    problem(client, "bad-query", "/api/v1/matches?order=relevance")


def test_a_story_is_a_filter_of_api_and_page(client: TestClient) -> None:
    [biggest, *_] = get(client, "stories")["stories"]
    members = get(client, f"stories/{biggest['story_id']}")["members"]
    found = get(client, "matches", story=biggest["story_id"])["matches"]
    assert {one["article_id"] for one in members} == {one["article_id"] for one in found}
    assert len(found) == 3
    page = client.get(f"/?story={biggest['story_id']}").text
    assert len(re.findall(r'<li data-row id="a\d+"', page)) == 3
    assert "no story" in client.get("/?story=x").text


def test_stories_biggest_first_or_those_of_a_query(client: TestClient) -> None:
    found = get(client, "stories")["stories"]
    assert [one["articles"] for one in found] == [3, 1, 1]
    assert found[0]["publishers"] == 1  # copies of one text
    assert found[0]["matches"] is None
    [one] = get(client, "stories", q="هدنة")["stories"]
    assert (one["story_id"], one["articles"], one["matches"]) == (found[0]["story_id"], 3, 1)
    assert len(get(client, "stories", topic="isis", since="2026-11")["stories"]) == 1


def test_counts_by_each_name(client: TestClient) -> None:
    assert get(client, "counts", since="2026-11-01", by="country")["counts"] == [
        {"name": "GB", "matches": 3, "syria": 2, "isis": 1},
        {"name": "JO", "matches": 1, "syria": 1, "isis": 0},
    ]
    assert [one["name"] for one in get(client, "counts", by="language", q="سوريا")["counts"]] == ["ar"]
    publishers = get(client, "counts", by="publisher", limit=1, topic="syria")["counts"]
    assert publishers == [{"name": "Elsewhere", "matches": 1, "syria": 1, "isis": 0}]


def test_an_article_says_all_that_is_known_of_it(client: TestClient, database: Database) -> None:
    [row, *_] = get(client, "matches", publisher="Elsewhere")["matches"]
    id_ = row["article_id"]
    with database.write() as session:
        labels.add(session, entry_id=id_, topic="syria", value="yes", who="Rana", now=NOW)
        revisions.keep_first(session, article_id=id_)
        edit = {"field": "title", "left": "", "before": "Ten", "after": "Twelve", "right": "killed"}
        changed = revisions.ChangeRecord(edits=[edit], numbers=[], added=1, removed=1)
        revisions.add(session, article_id=id_, kind="edited", now=NOW + HOUR, change=changed)
        capture = proofs.CaptureRecord("a.warc.gz", 0, 9, "0" * 64, "1" * 64, "https://x.example/", 200, NOW, "<urn:a>")
        proofs.follow(session, entry_id=id_, captures=[capture], now=NOW)
    told = get(client, f"articles/{id_}")
    assert told["article"] == {name: value for name, value in row.items() if name != "snippet"} | {"syria_label": "yes"}
    assert [one["evidence"][0]["term"] for one in told["verdicts"]] == ["syria", "syria"]
    assert [(one["value"], one["who"]) for one in told["labels"]] == [("yes", "Rana")]
    assert [(one["kind"], one["topics"]) for one in told["revisions"]] == [("first", ["syria"]), ("edited", ["syria"])]
    assert told["proof"]["captures"][0]["file"] == "a.warc.gz"
    page = client.get(f"/article/{id_}").text
    assert "<del>Ten</del>" in page
    assert "<ins>Twelve</ins>" in page
    assert "a.warc.gz" in page


def test_what_was_not_kept_is_told_as_well(client: TestClient, database: Database) -> None:
    [id_] = add_matches(database, 1, {"verdicts": (verdict(score=0.1),)}, now=NOW + 3 * HOUR)
    told = get(client, f"articles/{id_}")
    assert told["article"] is None
    assert told["entry"]["title"]


def test_feeds_and_coverage(client: TestClient) -> None:
    assert [one["publisher"] for one in get(client, "feeds")["feeds"]] == ["North Post", "Souk Daily"]
    assert [one["id"] for one in get(client, "feeds", country="jo", language="ar", state="active")["feeds"]] == [2]
    assert get(client, "feeds", state="gone")["feeds"] == []
    assert [one["publisher"] for one in get(client, "coverage")["publishers"]] == ["North Post", "Souk Daily"]
    assert get(client, "coverage", publisher="Souk Daily", since="3d")["headline"].startswith("From 2026-11-21")
    problem(client, "not-found", "/api/v1/coverage?publisher=Nobody")


# --- pages, ETags, HEAD ---


def test_pages_follow_one_another_without_loss(client: TestClient) -> None:
    for path in ("matches?", "matches?q=syria", "stories?", "stories?q=syria", "feeds?", "counts?"):
        name, address, pages = path.partition("?")[0], f"/api/v1/{path}&limit=1", []
        for _ in range(9):
            answer = client.get(address)
            pages += answer.json()[name]
            if answer.json()["next"] is None:
                break
            [address] = re.findall(r'^<([^>]+)>; rel="next"$', answer.headers["link"])
            assert answer.json()["next"] in address
        assert "link" not in answer.headers
        assert len(pages) >= 2
        if name != "counts":  # whose pages are years
            assert pages == client.get(f"/api/v1/{path}").json()[name]


def test_counts_of_many_years_come_a_year_at_a_time(client: TestClient) -> None:
    first = get(client, "counts")
    assert (first["until"], first["since"]) == ("2026-11-24", "2025-11-24")
    second = get(client, "counts", cursor=first["next"])
    assert second["until"] == "2025-11-23"
    assert second["next"] is None
    days = [one["name"] for one in (*first["counts"], *second["counts"])]
    assert days == ["2026-11-24", "2025-07-12"]


def test_the_days_of_a_page_of_counts() -> None:
    today = date(2026, 11, 24)
    ends = {"oldest": date(2020, 1, 1), "newest": today, "today": today}
    span = window(Filters(), MOST_DAYS, last=None, **ends)
    assert (span.until - span.since).days == MOST_DAYS - 1
    assert span.earlier == span.since - timedelta(days=1)
    assert window(Filters(), MOST_DAYS, last=date(2020, 3, 1), **ends).earlier is None
    future = window(Filters(since=date(2027, 1, 1)), MOST_DAYS, last=None, **ends)
    assert (future.since, future.until) == (date(2027, 1, 1), date(2027, 1, 1))
    nothing = window(Filters(), MOST_DAYS, oldest=None, newest=None, today=today, last=None)
    assert (nothing.since, nothing.until, nothing.earlier) == (today, today, None)


@pytest.mark.parametrize("most", [0, 1, 2, 3, 4, 5, 6, 7, 50])
def test_pages_of_whole_days_with_no_more_matches_than_are_counted_at_once(database: Database, most: int) -> None:
    feed = add_feed(database)
    came = {1: 2, 2: 1, 3: 3, 6: 1}
    add_matches(database, feed, *({"published_at": NOW - timedelta(days=ago)} for ago, many in came.items() for _ in range(many)))  # fmt: skip
    today, oldest, words = NOW.date(), NOW.date() - timedelta(days=6), Filters(words="ceasefire", limit=None)
    last, found = None, list[tuple[str, int]]()
    with database.read() as session:
        while True:
            page = window(Filters(), 5, oldest=oldest, newest=today, today=today, last=last)
            page = fewer(session, page, most)
            counted = counts.per_day(session, replace(words, since=page.since, until=page.until))
            assert sum(one.matches for one in counted) <= most or page.since == page.until
            found += [(one.name, one.matches) for one in counted]
            if page.earlier is None:
                break
            assert page.earlier == page.since - timedelta(days=1)
            last = page.earlier
        assert found == [(one.name, one.matches) for one in counts.per_day(session, words)]
    assert found == [(f"{today - timedelta(days=ago)}", many) for ago, many in came.items()]


def test_a_cursor_belongs_to_its_question() -> None:
    cursor = written({"of": "matches", "q": "a"}, (7, 8))
    assert read(cursor, {"q": "a", "of": "matches"}, 2) == (7, 8)
    for wrong, question, length in ((cursor, {"q": "b"}, 2), (cursor, {"of": "matches", "q": "a"}, 1), ("x", {}, 1), ("W10", {}, 1), ("\u0663", {}, 1)):  # fmt: skip
        with pytest.raises(BadCursorError):
            read(wrong, question, length)


def test_the_last_article_of_a_page_may_go_without_loss(client: TestClient, database: Database) -> None:
    first = get(client, "matches", limit=2)
    gone = first["matches"][-1]["article_id"]
    with database.write() as session:
        session.execute(articles.ARTICLES.update().where(articles.ARTICLES.c.id == gone).values(topics=""))
    rest = get(client, "matches", limit=50, cursor=first["next"])["matches"]
    assert len(rest) == 3


def test_what_is_held_already_is_not_sent_again(client: TestClient) -> None:
    for path in ("matches", "stories", "feeds", "counts", "articles/1", "coverage", "openapi.json"):
        answer = client.get(f"/api/v1/{path}")
        tag = answer.headers["etag"]
        assert answer.headers["cache-control"] == "private, no-cache"
        assert answer.headers["vary"] == "Accept, Authorization, Cookie"
        for held in (tag, f'"x", W/{tag}', "*"):
            again = client.get(f"/api/v1/{path}", headers={"If-None-Match": held})
            assert (again.status_code, again.content, again.headers["etag"]) == (304, b"", tag), held
        other = client.get(f"/api/v1/{path}", headers={"If-None-Match": f'"x", {tag[:-1]}'})
        assert other.status_code == 200


def test_a_change_changes_the_etag(client: TestClient, database: Database) -> None:
    tag = client.get("/api/v1/matches").headers["etag"]
    add_matches(database, 1, {}, now=NOW + 4 * HOUR)
    assert client.get("/api/v1/matches", headers={"If-None-Match": tag}).status_code == 200


def test_head_is_get_without_its_body(client: TestClient) -> None:
    for path in ("matches", "nope", "matches?limit=0", "openapi.json"):
        whole, head = client.get(f"/api/v1/{path}"), client.head(f"/api/v1/{path}")
        assert (head.status_code, head.content) == (whole.status_code, b"")
        assert head.headers == whole.headers


# --- errors ---


WRONG = [
    ("bad-parameter", "matches?limit=0", "limit"),
    ("bad-parameter", "matches?limit=201", "limit"),
    ("bad-parameter", f"matches?limit={'9' * 5000}", "limit"),
    ("bad-parameter", "matches?publsher=x", "did you mean publisher?"),
    ("bad-parameter", "articles/1?x=1", "takes none"),
    ("bad-parameter", "matches?topic=football", "there is no topic 'football'"),
    ("bad-parameter", "matches?since=2026-02-30", "is no date"),
    ("bad-parameter", "counts?since=2026-02-03&until=2026-02-02", "is after"),
    ("bad-parameter", "coverage?since=2026-02-03&until=2026-02-02", "is after"),
    ("bad-parameter", "coverage?since=2020", "92 days"),
    ("bad-parameter", "coverage?until=never", "is no date"),
    ("bad-parameter", "matches?place=atlantis-on-sea", "there is no place"),
    ("bad-parameter", "matches?q=%00", "control character"),
    ("bad-parameter", "matches?country=Syria", "'Syria' is no country; write its two letters: SY, GB"),
    ("bad-parameter", "feeds?language=english", "'english' is no language; write its code: en, ar, tr"),
    ("bad-parameter", "matches?country={0}{x!r:>99999999}", "is no country"),
    ("bad-parameter", "matches?q=a&q=b", "q: it is given more than once"),
    ("bad-parameter", "counts?by=day&by=publisher", "by: it is given more than once"),
    ("bad-query", "matches?q=since:2026-02-03+until:2026-02-02", "is after until:2026-02-02"),
    ("bad-parameter", "matches?story=0", "story"),
    ("bad-parameter", f"matches?q={'a' * 2001}", "at most 2000"),
    ("bad-parameter", "articles/one", "id"),
    ("bad-parameter", "counts?by=hour", "by"),
    ("bad-parameter", "matches?order=relevance&q=a&cursor=W10", "cursor"),
    ("bad-query", "matches?q=(a", "character 1: this ( is not closed"),
    ("bad-query", "stories?q=publsher:x", "did you mean publisher:?"),
    ("bad-query", "counts?q=@nobody", "no saved search"),
    ("bad-query", "matches?q=a%20sy*ria", "a * stands at the end of a word"),
    ("bad-query", "matches?q=-", "no letter"),
    ("bad-cursor", "matches?cursor=nonsense", "it is no cursor"),
    ("bad-cursor", "feeds?cursor=W10", "it is no cursor"),
    ("not-found", "articles/0", "no article 0"),
    ("not-found", "articles/-1", "no article -1"),
    ("not-found", f"articles/{'9' * 30}", "no article 999"),
    ("not-found", "stories/777", "no story 777"),
    ("not-found", "", "No such"),
    ("not-found", "matches/", "No such"),
    ("not-found", "docs", "No such"),
    ("address-too-long", f"matches?q={'a' * 17_000}", "16 KiB"),
]


def test_every_mistake_is_explained_with_its_status(client: TestClient) -> None:
    for kind, path, said in WRONG:
        told = problem(client, kind, f"/api/v1/{path}")
        assert said in told["detail"], (path, told)
        assert kind != "bad-parameter" or told["errors"], path
    told = problem(client, "bad-query", "/api/v1/matches?q=a%20(b")
    assert told["errors"] == [{"parameter": "q", "detail": told["detail"], "at": 3}]
    assert "title:" in told["help"]


def test_what_no_request_may_do(client: TestClient) -> None:
    for method in ("POST", "PUT", "DELETE", "PATCH", "OPTIONS", "TRACE"):
        problem(client, "method-not-allowed", "/api/v1/matches", method)
        assert client.request(method, "/api/v1/matches").headers["allow"] == "GET, HEAD"
    at = "/api/v1/matches"
    problem(client, "unknown-host", at, headers={"Host": "evil.example"})
    problem(client, "forbidden", at, headers={"Sec-Fetch-Site": "cross-site", "Sec-Fetch-Mode": "no-cors"})
    problem(client, "forbidden", at, headers={"Origin": "https://evil.example"})
    problem(client, "too-large", at, content=b"x" * 20_000)
    problem(client, "too-large", at, headers={"Content-Length": "-1"})
    for accepted in ("text/html", "text/*;q=1", "application/json;q=0", "image/png, application/json; q=0.000"):
        problem(client, "not-acceptable", at, headers={"Accept": accepted})
    for accepted in ("", "*/*", "application/*", "text/html, application/json;q=0.1", "text/html;q=0.9, */*;q=0.8"):
        assert client.get(at, headers={"Accept": accepted}).status_code == 200


def test_a_fault_of_ours_is_no_traceback(database: Database, caplog: pytest.LogCaptureFixture) -> None:
    def broken() -> datetime:
        raise RuntimeError("the secret of the clock")

    app = create_app(Desk(database, ("isis", "syria"), broken), Rules(frozenset({"testserver"}), local_user="x"))
    client = TestClient(app, raise_server_exceptions=False)
    told = problem(client, "failed", "/api/v1/coverage")
    assert "secret" not in json.dumps(told)
    assert "the secret of the clock" in caplog.text


def test_a_database_that_does_not_answer_is_said_to_be_so(tmp_path: Path) -> None:
    database = open_database(f"sqlite:///{tmp_path}/none.db")
    told = problem(TestClient(desk_app(database, NOW)), "unavailable", "/api/v1/matches")
    assert "no levantwatch database here yet" in told["detail"]
    database.close()


# --- nonsense ---

NONSENSE = (
    "", " ", "\x00", "a\x00b", "\x1b[31m", "\u202e", "\ufffe", "\U0010ffff", "%", "%%%s", "'", '"', "''--", "<script>", "((((", "*", "NaN", "-1",
    "0", "9" * 400, "1e9", "2026-13-01", "0000-00-00", "99999d", "1' OR '1'='1", "{{7*7}}", "../../etc/passwd", "a" * 3000,
    "title:", "-" * 300, "NOT NOT NOT", "سوريا" * 50, "١٢", "true", "null", "[]", "@a", "\ud800", "\r\nX: y",
)  # fmt: skip


def test_every_parameter_takes_any_nonsense(client: TestClient) -> None:
    schema = client.get("/api/v1/openapi.json").json()
    for path, operations in schema["paths"].items():
        names = [one["name"] for one in operations["get"]["parameters"] if one["in"] == "query"]
        address = path.replace("{id}", "1")
        for name in names:
            for value in NONSENSE if name in FREE and path.endswith("/matches") else NONSENSE[::6]:
                answer = client.get(f"{address}?{name}={quote(value.encode('utf-8', 'surrogatepass'))}")
                assert answer.status_code in (200, 404, 422), (address, name, value, answer.text)
                assert "<" not in answer.text
                assert answer.headers["x-content-type-options"] == "nosniff"
    for value in NONSENSE:
        for path in ("articles", "stories"):
            address = f"/api/v1/{path}/{quote(value.encode('utf-8', 'surrogatepass'), safe='')}"
            assert client.get(address).status_code in (404, 422), address


@settings(max_examples=40, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture], database=None)
@given(
    q=st.text(max_size=40)
    | st.from_regex(r'(-?(title:|place:|since:|score:)?[a-z"(*]{1,6} ?(OR )?){1,6}', fullmatch=True),
    since=st.text(max_size=12),
    publisher=st.text(max_size=30),
)
def test_any_text_is_answered(client: TestClient, q: str, since: str, publisher: str) -> None:
    asked = urlencode({"q": q, "publisher": publisher, "since": since}, errors="surrogatepass")
    for address in (f"matches?{asked}&snippets=true", f"matches?{urlencode({'q': q}, errors='surrogatepass')}"):
        assert client.get(f"/api/v1/{address}").status_code in (200, 422)


def test_what_a_stranger_wrote_cannot_be_taken_for_a_page(client: TestClient) -> None:
    for path in ("matches", "stories"):
        text = client.get(f"/api/v1/{path}").text
        assert not re.search("[<>\u202e]", text)
        assert "\\u003cscript\\u003e" in text
    assert "\u202e" in client.get("/api/v1/matches").json()["matches"][-2]["title"] or SCRIPT in str(
        get(client, "matches")
    )


# --- who may ask ---

TOKEN = "lw_" + "t" * 43


@pytest.fixture
def locked(database: Database) -> Iterator[TestClient]:
    """A desk with a password and one token."""
    add_matches(database, add_feed(database), {})
    app = desk_app(database, NOW, password_hash=CHEAP, tokens={"notebook": tokens.hashed(TOKEN)})
    with TestClient(app) as client:
        yield client


def test_a_token_opens_the_api_and_nothing_else(locked: TestClient) -> None:
    for path in ("matches", "openapi.json", "nope"):
        problem(locked, "unauthorized", f"/api/v1/{path}")
    for wrong in ("Basic x", "Bearer", "Bearer ", f"Token {TOKEN}"):
        problem(locked, "unauthorized", "/api/v1/matches", headers={"Authorization": wrong})
    asked = {"Authorization": f"bearer {TOKEN}"}
    assert locked.get("/api/v1/matches", headers=asked).status_code == 200
    assert locked.get("/", headers=asked, follow_redirects=False).status_code == 303
    assert COOKIE not in locked.get("/api/v1/matches", headers=asked).cookies


def test_wrong_tokens_are_limited_and_right_ones_never(locked: TestClient) -> None:
    for _ in range(5):
        answer = locked.get("/api/v1/matches", headers={"Authorization": f"Bearer {TOKEN}x"})
        assert answer.headers["www-authenticate"] == 'Bearer realm="levantwatch", error="invalid_token"'
    problem(locked, "too-many", "/api/v1/matches", headers={"Authorization": b"Bearer \xe9"})
    assert locked.get("/api/v1/matches", headers={"Authorization": f"Bearer {TOKEN}"}).status_code == 200


def test_whoever_logged_in_on_the_page_may_ask(locked: TestClient) -> None:
    [csrf] = re.findall(r'name="csrf" value="([0-9a-f]{64})"', locked.get("/login").text)
    locked.post("/login", data={"name": "Rana", "password": "correct horse", "csrf": csrf})
    assert locked.get("/api/v1/matches").status_code == 200


def test_the_header_of_a_proxy_opens_the_api(database: Database) -> None:
    client = TestClient(desk_app(database, NOW, user_header="X-Remote-User"))
    problem(client, "unauthorized", "/api/v1/feeds")
    assert client.get("/api/v1/feeds", headers={"X-Remote-User": "rana"}).status_code == 200


def test_tokens_are_kept_as_hashes_by_name() -> None:
    token = tokens.new_token()
    kept = tokens.read(f"a:{tokens.hashed(token)}, b-2:{'0' * 64}")
    assert tokens.owner(kept, token) == "a"
    assert tokens.owner(kept, tokens.hashed(token)) is None
    assert tokens.owner({}, "") is None
    assert rules_of(Config(web=Web(tokens=f"a:{tokens.hashed(token)}")), "127.0.0.1").tokens == {
        "a": tokens.hashed(token)
    }
    for wrong in ("a", "a:1", f"a b:{'0' * 64}", f"a:{'0' * 64} a:{'1' * 64}", f"ä:{'0' * 64}"):
        with pytest.raises(ConfigError, match=r"web\.tokens"):
            rules_of(Config(web=Web(tokens=wrong)), "127.0.0.1")
    with pytest.raises(ConfigError, match="without a password"):  # a token opens the API, and would leave the page open
        rules_of(Config(web=Web(tokens=f"a:{'0' * 64}")), "0.0.0.0")


def test_the_command_makes_a_token(capsys: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(SystemExit) as end:
        main(["web", "--new-token", "notebook"])
    assert end.value.code == 0
    token, line = capsys.readouterr().out.splitlines()
    assert tokens.owner(tokens.read(line), token) == "notebook"
    with pytest.raises(SystemExit) as end:
        main(["web", "--new-token", "a b"])
    assert end.value.code == 2


# --- its description ---


def test_the_page_names_every_question_parameter_and_error(client: TestClient) -> None:
    answer = client.get("/api")
    assert "default-src 'none'" in answer.headers["content-security-policy"]
    assert not re.findall(r"(?:src|href)=\"(?!/(?!/)|#)", answer.text)
    for path, operations in client.get("/api/v1/openapi.json").json()["paths"].items():
        assert f"<code>{path}</code>" in answer.text
        for one in operations["get"]["parameters"]:
            assert one["description"], (path, one["name"])
            assert f"<code>{one['name']}</code>" in answer.text
    for kind in KINDS:
        assert f'id="{kind}"' in answer.text
