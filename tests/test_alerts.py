"""What rules find, what is written of it and what is sent, on both databases; channels are a webhook on loopback."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from datetime import date, datetime, timedelta
from pathlib import Path
from typing import Any

from lxml import html as parser
from sqlalchemy import insert, select, update
from storage_samples import DAY, HOUR, MINUTE, NOW, add_feed, add_matches, poll, verdict
from webhook import Webhook

from crawler.alerts.compose import parcels
from crawler.alerts.digest import as_html, as_text, message
from crawler.alerts.figures import figures
from crawler.alerts.findings import Look, look
from crawler.alerts.rules import Rules, parse
from crawler.alerts.spiking import new_terms
from crawler.alerts.telling import Outcome, keep, tell
from storage import mentions, removal, retention, saved, setback, told
from storage.db import Database
from storage.models import FEEDS, MESSAGES, POLLS, TOLD
from storage.seen import MentionRecord

HEAD = '[channels]\ndesk = "{address}"\n'
SYRIA = '[[rule]]\nname = "syria"\ntopic = "syria"\nchannels = ["desk"]\n'
SPIKES = '[[rule]]\nname = "spikes"\nspike = "syria"\nchannels = ["desk"]\n'
SILENT = '[[rule]]\nname = "silence"\nsilent = "North"\nchannels = ["desk"]\n'
QUIET = '[quiet]\nfrom = "22:00"\nuntil = "06:30"\n'
HOSTILE = "<img src=x onerror=alert(1)>\u202e @everyone\n[go](http://evil.example)"


def rules(text: str, address: str = "json://127.0.0.1:1/") -> Rules:
    top, _, tables = text.rpartition("%%")
    return parse(
        top + HEAD.format(address=address) + tables, file=Path("alerts.toml"), topics=("isis", "syria"), environ={}
    )


def found(database: Database, file: Rules, now: datetime = NOW) -> Look:
    with database.read() as session:
        return look(session, file, now=now)


def written(database: Database, file: Rules, now: datetime = NOW) -> list[Any]:
    """Look and write; the messages that are new."""
    with database.read() as session:
        before = set(session.scalars(select(MESSAGES.c.id)))
    seen = found(database, file, now)
    with database.write() as session:
        keep(session, seen, None, file, now=now)
        rows = session.execute(select(MESSAGES).order_by(MESSAGES.c.id)).all()
    return [row for row in rows if row.id not in before]


def told_now(database: Database, file: Rules, now: datetime) -> Outcome:
    def write(function: Callable[..., Any], *arguments: Any, **named: Any) -> Any:
        with database.write() as session:
            return function(session, *arguments, **named)

    return tell(database, write, file, clock=lambda: now)


def days(
    database: Database, feed: int, counts: Sequence[int], *, until: datetime, title: str = "Ceasefire in Syria"
) -> None:
    """So many matches on each of the days that end with that of `until`."""
    for back, number in zip(reversed(range(len(counts))), counts, strict=True):
        at = until - back * DAY
        rows = [{"published_at": at - MINUTE, "title": f"{title}, report {n}"} for n in range(number)]
        if rows:
            add_matches(database, feed, *rows, now=at)


# --- new matches ---


def test_new_matches_are_told_once_with_the_reason_and_nothing_of_before(database: Database) -> None:
    file, feed = rules('desk = "https://desk.example"\n%%' + SYRIA), add_feed(database)
    add_matches(database, feed, {}, {})
    assert written(database, file) == []  # what is there when a rule begins is known to it
    [new] = add_matches(database, feed, {"title": "Aid reaches Raqqa"}, now=NOW + HOUR)
    [row] = written(database, file, NOW + HOUR)
    assert (row.rule, row.key, row.channel) == ("syria", f"articles/{new}", "desk")
    assert row.subject == "syria: Aid reaches Raqqa"
    assert "North Post, 2026-11-24, syria: syria" in row.body  # the word that weighed
    assert f"https://northpost.example/story-{new}" in row.body
    assert f"https://desk.example/article/{new}" in row.body
    assert "Rule syria: topic syria." in row.body
    assert written(database, file, NOW + 2 * HOUR) == []


def test_many_matches_are_one_message_with_their_number(database: Database) -> None:
    file, feed = rules(SYRIA), add_feed(database)
    written(database, file)
    ids = add_matches(database, feed, *({} for _ in range(60)), now=NOW + HOUR)
    [row] = written(database, file, NOW + HOUR)
    assert row.subject == "syria: 60 new matches"
    assert f"day {ids[-1]}" in row.body
    assert f"day {ids[39]}\n" not in row.body
    assert "… and 40 more" in row.body
    assert written(database, file, NOW + HOUR) == []


def test_a_place_is_told_with_all_that_lies_in_it(database: Database) -> None:
    file = rules('[[rule]]\nname = "east"\nplace = "Deir ez-Zor"\nchannels = ["desk"]\n')
    feed = add_feed(database)
    written(database, file)
    here, _ = add_matches(database, feed, {}, {}, now=NOW + HOUR)
    with database.write() as session:
        named = MentionRecord("place", "mayadin", "deir-ez-zor", "title", 0, 9, "Ceasefire", resolved=True)
        mentions.replace(session, {here: [named]})
    [row] = written(database, file, NOW + HOUR)
    assert row.key == f"articles/{here}"
    assert "1 new match:" in row.body


def test_a_saved_search_that_is_changed_begins_anew(database: Database) -> None:
    file = rules('[[rule]]\nname = "camps"\nsearch = "@camps"\nchannels = ["desk"]\n')
    feed = add_feed(database)
    assert "there is no saved search @camps" in found(database, file).broken["camps"]
    for number, query in enumerate(("camp", "camp OR convoys")):
        with database.write() as session:
            saved.save(session, name="camps", query=query, now=NOW)
        assert written(database, file) == []
        assert (len(found(database, file).beginnings), number) == (0, number)
        add_matches(database, feed, {"title": "Aid for the camp"}, {}, now=NOW + (number + 1) * HOUR)
    [row] = written(database, file, NOW + 2 * HOUR)
    assert row.subject == "camps: 2 new matches"


def test_a_rule_that_cannot_be_asked_costs_the_others_nothing(database: Database) -> None:
    file = rules('[[rule]]\nname = "lost"\nsearch = "@lost"\nchannels = ["desk"]\n' + SYRIA)
    written(database, file)
    add_matches(database, add_feed(database), {}, now=NOW + HOUR)
    assert [row.rule for row in written(database, file, NOW + HOUR)] == ["syria"]


def test_two_processes_that_look_at_once_tell_once(database: Database) -> None:
    file = rules(SYRIA)
    written(database, file)
    add_matches(database, add_feed(database), {}, {}, now=NOW + HOUR)
    both = [found(database, file, NOW + HOUR) for _ in range(2)]
    with database.write() as session:
        assert [keep(session, one, None, file, now=NOW + HOUR) for one in both] == [1, 0]


def test_what_strangers_wrote_is_text_on_one_line(database: Database) -> None:
    file, feed = rules(SYRIA), add_feed(database)
    written(database, file)
    add_matches(database, feed, {"title": HOSTILE, "publisher": HOSTILE, "url": "javascript:alert(1)"}, now=NOW + HOUR)
    [row] = written(database, file, NOW + HOUR)
    assert row.subject == "syria: <img src=x onerror=alert(1)> ＠everyone [go](http://evil.example)"
    assert "\u202e" not in row.body
    assert "javascript:" not in row.body


# --- spikes ---


def test_a_spike_is_told_once_a_day_and_says_why(database: Database) -> None:
    file, north = rules(SPIKES), add_feed(database)
    days(database, north, [1] * 15 + [0], until=NOW)
    assert written(database, file) == []
    titles = (
        "Earthquake near Aleppo",
        "Quake shakes Aleppo: earthquake kills",
        "Aid after earthquake",
        "Earthquake: the toll",
    )
    rows = [{"title": f"{title} {n}", "publisher": "Harbour Courier"} for title in titles for n in range(2)]
    add_matches(database, north, *rows, now=NOW)
    [row] = written(database, file)
    assert row.key == "spike/syria/2026-11-24"
    assert row.subject == "syria: 8 matches on 2026-11-24, usually 1.0 a day"
    assert "the mean of the 28 days before is 1.0, 8.0 times as many; a day stands out above 4.0." in row.body
    assert "Publishers: Harbour Courier 8 (usually 0.0)." in row.body
    assert "New in the headlines: Earthquake (8)" in row.body
    add_matches(database, north, {}, now=NOW + MINUTE)
    assert written(database, file, NOW + HOUR) == []


def test_words_are_new_that_stand_in_far_more_headlines_than_before() -> None:
    before = ["Ceasefire in Syria holds"] * 20 + ["Aid for Deir ez-Zor"] * 5
    today = [
        "Syria: Tabqa dam breached",
        "Dam at Tabqa breached, 40 dead",
        "Water from the dam at Tabqa",
        "Ceasefire in Syria",
    ]
    assert dict(new_terms(today, before)) == {"dam": 3, "Tabqa": 3}
    assert new_terms([], []) == []
    assert ("الرقة", 3) in new_terms(["الرقة تحت القصف"] * 3, before)


# --- silences ---


def polled(database: Database, feed: int, since: datetime, until: datetime, *, new: int) -> None:
    base = {column.name: getattr(poll(feed), column.name) for column in POLLS.c if column.name != "id"}
    rows = [
        {**base, "overlap": 20, "started_at": since + n * HOUR, "entries_new": new}
        for n in range(int((until - since) / HOUR))
    ]
    with database.write() as session:
        session.execute(insert(POLLS), rows)
        if new:
            session.execute(update(FEEDS).where(FEEDS.c.id == feed).values(last_new_at=rows[-1]["started_at"]))


def test_a_silent_publisher_is_told_and_so_is_its_return(database: Database) -> None:
    file = rules(SILENT)
    feed = add_feed(database, "https://user:pw@north.example/feed", publisher="North")
    with database.write() as session:
        session.execute(update(FEEDS).values(added_at=NOW - 10 * DAY))
    other = add_feed(database, "https://south.example/feed", publisher="South")
    for one in (feed, other):
        polled(database, one, NOW - 9 * DAY, NOW - DAY, new=2)
        polled(database, one, NOW - DAY, NOW, new=0)
    [row] = written(database, file)
    assert row.subject == "North is silent: nothing new for 25 h"
    assert "nothing new since 2026-11-23 11:00Z" in row.body
    assert "usually pauses for 60 min" in row.body
    assert written(database, file, NOW + MINUTE) == []
    polled(database, feed, NOW, NOW + 2 * HOUR, new=1)
    [row] = written(database, file, NOW + 2 * HOUR)
    assert row.subject == "Fixed: North is back after 26 h"
    assert written(database, file, NOW + 3 * HOUR) == []


# --- quiet hours ---


def test_what_is_found_in_quiet_hours_comes_after_them_as_one_message(database: Database) -> None:
    file = rules(QUIET + "%%" + SYRIA + SPIKES + SYRIA.replace('"syria"\ntopic', '"now"\nurgent = true\ntopic'))
    night, morning = datetime.combine(date(2026, 11, 24), NOW.timetz()).replace(hour=23), NOW + 18.5 * HOUR
    feed = add_feed(database)
    days(database, feed, [1] * 15 + [0], until=NOW)
    written(database, file)
    add_matches(database, feed, *({} for _ in range(8)), now=NOW)
    at_night = written(database, file, night)
    assert {(row.rule, row.due_at) for row in at_night} == {("spikes", morning), ("now", night)}
    add_matches(database, feed, {}, now=night + HOUR)
    assert [row.rule for row in written(database, file, morning - MINUTE)] == ["now"]
    with database.write() as session:
        assert [one.rule for one in told.claim(session, now=morning - MINUTE)] == ["now", "now"]
    [late] = written(database, file, morning)
    assert late.subject == "syria: 9 new matches"
    with database.write() as session:
        [parcel] = parcels(told.claim(session, now=morning))
    assert parcel.subject == "2 messages: spikes, syria"
    assert late.body in parcel.body
    assert len(parcel.ids) == 2


# --- the digest ---


def test_the_digest_says_what_was_and_what_was_quiet(database: Database) -> None:
    file = rules('desk = "https://desk.example"\n%%' + SYRIA + SYRIA.replace("syria", "isis"))
    north, south = add_feed(database), add_feed(database, "https://south.example/feed", publisher="South")
    days(database, north, [1] * 28, until=NOW - 2 * DAY)
    for back in reversed(range(2, 30)):
        rows = [
            {"publisher": "South", "published_at": NOW - back * DAY, "verdicts": (verdict("isis"),)} for _ in range(5)
        ]
        add_matches(database, south, *rows, now=NOW - back * DAY + MINUTE)
    add_matches(database, north, {"title": HOSTILE, "published_at": NOW - DAY}, now=NOW - DAY)
    with database.read() as session:
        of_day = figures(session, date(2026, 11, 23), file, now=NOW)
    text, page = as_text(of_day, file.desk), as_html(of_day, file.desk)
    quiet = text[text.index("WHAT WAS QUIET") : text.index("WHAT WAS NOT COLLECTED")]
    assert "- syria: 1 match; usually 1.0 a day" in text
    assert "- isis: 0 matches (usually 5.0 a day)" in quiet
    assert "- South: no match (usually 5.0 a day)" in quiet
    assert "- rule isis: no match" in quiet
    assert "rule syria" not in quiet
    tree = parser.fromstring(page)
    assert [one.get("href") for one in tree.iter("a")] == [
        f"https://desk.example/article/{of_day.newest[0].article_id}"
    ]
    assert not {one.tag for one in tree.iter()} & {"script", "img", "link", "iframe", "base"}
    assert not [name for one in tree.iter() for name in one.attrib if name in ("src", "onerror", "style")]
    assert "<img src=x onerror=alert(1)> ＠everyone" in tree.text_content()
    assert "WHAT WAS QUIET" in tree.text_content().upper()
    assert page.startswith("<!doctype html>")


def test_an_empty_day_has_a_digest(database: Database) -> None:
    with database.read() as session:
        nothing = figures(session, date(2026, 11, 23), None, now=NOW)
    assert "There were none." in as_text(nothing)
    assert "nothing was polled yet" in as_html(nothing)


# --- the ledger ---


def test_what_is_forgotten_stands_in_no_message_that_waits(database: Database) -> None:
    file, feed = rules(SYRIA), add_feed(database)
    written(database, file)
    [article] = add_matches(database, feed, {"title": "A name that must go"}, now=NOW - HOUR)
    assert len(written(database, file)) == 1
    with database.write() as session:
        summary = message(figures(session, NOW.date(), file, now=NOW), file, channels=("desk",), due_at=NOW)
        assert "A name that must go" in str(summary.html)
        told.add(session, summary, now=NOW)
        removal.forget(session, entry_id=article, why="court", tombstones={}, now=NOW)
        rows = session.execute(select(MESSAGES)).all()
    assert [row.rule for row in rows] == ["syria", "digest"]
    assert not [row for row in rows if "must go" in f"{row.subject}{row.body}{row.html}"]


def test_messages_are_kept_for_a_year_and_marks_while_they_are_needed(database: Database) -> None:
    file, feed = rules(SYRIA), add_feed(database)
    [before] = add_matches(database, feed, {})
    written(database, file)
    [after] = add_matches(database, feed, {}, now=NOW + HOUR)
    [row] = written(database, file, NOW + HOUR)

    def pruned(at: datetime) -> tuple[list[int], int]:
        with database.write() as session:
            while retention.prune(session, now=at):
                pass
            marks = list(session.scalars(select(TOLD.c.article_id).order_by(TOLD.c.article_id)))
            return marks, len(session.execute(select(MESSAGES.c.id)).all())

    assert pruned(NOW + 20 * DAY) == ([before, after], 1)
    assert pruned(NOW + 22 * DAY) == ([after], 1)
    assert pruned(NOW + 400 * DAY) == ([], 1)  # it waits still
    with database.write() as session:
        told.record_told(session, message_id=row.id, now=NOW + 2 * HOUR)
    assert pruned(NOW + 400 * DAY) == ([], 0)


def test_a_clock_that_was_ahead_puts_no_message_off(database: Database) -> None:
    ahead = NOW + 365 * DAY
    with database.write() as session:
        told.add(session, told.MessageRecord("syria", "k", ("desk",), "s", "b", ahead + HOUR), now=ahead)
        assert told.claim(session, now=NOW) == []
        assert setback.bring_back(session, now=NOW) == 1
        assert [one.subject for one in told.claim(session, now=NOW)] == ["s"]


# --- sending ---


def test_a_channel_that_fails_is_told_later_and_a_restart_tells_nothing_twice(database: Database) -> None:
    feed = add_feed(database)
    with Webhook(500, 200) as hook:
        file = rules(SYRIA, hook.address())
        told_now(database, file, NOW)
        add_matches(database, feed, {"title": "Aid reaches Raqqa"}, now=NOW + HOUR)
        failed = told_now(database, file, NOW + HOUR)
        assert (failed.made, failed.sent) == (1, 0)
        assert "error=500" in failed.failed["desk"]
        assert told_now(database, file, NOW + HOUR + MINUTE / 2).failed == {}  # it is not its time yet
        assert told_now(database, file, NOW + HOUR + MINUTE) == Outcome(sent=1)
        assert told_now(database, file, NOW + 2 * HOUR) == Outcome()
    assert hook.titles == ["syria: Aid reaches Raqqa"] * 2
    with database.read() as session:
        [account] = told.accounts(session)
    assert (account.rule, account.told, account.waiting, account.given_up, account.error) == ("syria", 1, 0, 0, None)


def test_whoever_dies_between_sending_and_recording_sends_again(database: Database) -> None:
    feed = add_feed(database)
    with Webhook() as hook:
        file = rules(SYRIA, hook.address())
        told_now(database, file, NOW)
        add_matches(database, feed, {}, now=NOW + HOUR)
        written(database, file, NOW + HOUR)
        with database.write() as session:  # by somebody who is killed now
            assert len(told.claim(session, now=NOW + HOUR)) == 1
        assert told_now(database, file, NOW + HOUR + told.LEASE - MINUTE).sent == 0
        assert told_now(database, file, NOW + HOUR + told.LEASE).sent == 1
        assert told_now(database, file, NOW + DAY).sent == 0
    assert len(hook.posts) == 1


def test_a_message_that_no_channel_takes_for_days_is_given_up_and_told_so(database: Database) -> None:
    file = rules(SYRIA)
    with database.write() as session:
        told.add(session, told.MessageRecord("syria", "articles/1", ("gone",), "s", "b", NOW), now=NOW)
    now, tries, outcome = NOW, 0, Outcome()
    while not outcome.given_up:
        outcome = told_now(database, file, now)
        tries += bool(outcome.failed)
        now += timedelta(hours=6)
    assert now - NOW > told.GIVEN_UP
    assert tries == 14
    with database.read() as session:
        [account] = told.accounts(session)
    assert (account.waiting, account.given_up, account.error) == (0, 1, "the file has no such channel any more")
    assert told_now(database, file, now + DAY) == Outcome()


def test_what_failed_once_is_sent_alone(database: Database) -> None:
    with database.write() as session:
        for number in (1, 2):
            told.add(session, told.MessageRecord("syria", f"k{number}", ("desk",), f"s{number}", "b", NOW), now=NOW)
        first = told.claim(session, now=NOW)
        assert [one.ids for one in parcels(first)] == [(1, 2)]
        for one in first:
            told.record_failure(session, message=one, error="no", now=NOW)
        again = told.claim(session, now=NOW + MINUTE)
    assert [one.ids for one in parcels(again)] == [(1,), (2,)]


def test_messages_beyond_those_that_one_can_read_are_named(database: Database) -> None:
    number = 25
    with database.write() as session:
        for one in range(number):
            told.add(
                session,
                told.MessageRecord("syria", f"k{one}", ("desk",), f"subject {one}.", f"body {one}.", NOW),
                now=NOW,
            )
        [parcel] = parcels(told.claim(session, now=NOW))
    assert len(parcel.ids) == number
    assert all(f"subject {one}." in parcel.body for one in range(number))
    assert ("body 19." in parcel.body, "body 20." in parcel.body) == (True, False)
