"""When a match is looked at again, and what an answer means: a truth table of the decider."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

import pytest

from crawler.extract import extract_page
from crawler.looks import (
    AGAIN_SOON,
    MOST_FAILURES,
    SCHEDULE,
    Look,
    LookState,
    first_look,
    look_of,
    look_of_page,
    next_look,
    replaces,
)
from crawler.polling import Outcome

FETCHED = datetime(2026, 11, 24, 12, 0, tzinfo=UTC)
HOUR, DAY = timedelta(hours=1), timedelta(days=1)
LATE = timedelta(minutes=4)  # how late a daemon's job may be
TEXT = "Shells hit a market in Idlib on Monday, killing nine people.\nRescue workers dug through the stalls all night."


def state(step: int = 0, **values: int) -> LookState:
    return LookState(FETCHED, step, **values)


def test_the_looks_are_an_hour_three_twelve_two_days_seven_and_thirty_after_the_first_fetch() -> None:
    due, found = first_look(FETCHED), []
    known = state()
    while due is not None:
        found.append(due - FETCHED)
        after = next_look(known, Look.SAME, now=due + LATE)
        known, due = state(after.step), after.due_at
    assert found == [HOUR, 3 * HOUR, 12 * HOUR, 2 * DAY, 7 * DAY, 30 * DAY] == list(SCHEDULE)


def test_looks_that_were_missed_are_not_made_up_for() -> None:
    after = next_look(state(0), Look.CHANGED, now=FETCHED + 3 * DAY)
    assert (after.step, after.due_at) == (4, FETCHED + 7 * DAY)
    assert next_look(state(1), Look.SAME, now=FETCHED + 31 * DAY).due_at is None


@pytest.mark.parametrize("step", range(len(SCHEDULE)))
@pytest.mark.parametrize("look", Look)
def test_the_next_look_is_later_or_never(step: int, look: Look) -> None:
    now = FETCHED + SCHEDULE[step]
    after = next_look(state(step), look, now=now)
    assert after.due_at is None or after.due_at > now
    assert after.step >= step


def test_a_server_in_trouble_is_asked_once_more_soon_and_then_at_the_next_step() -> None:
    now = FETCHED + 12 * HOUR
    known = state(2)
    for failures in range(1, MOST_FAILURES):
        after = next_look(known, Look.FAILED, now=now)
        assert (after.step, after.due_at, after.failures) == (2, now + AGAIN_SOON, failures)
        known = state(2, failures=after.failures)
    after = next_look(known, Look.FAILED, now=now)
    assert (after.step, after.due_at, after.failures) == (3, FETCHED + 2 * DAY, 0)


def test_a_retry_after_is_kept() -> None:
    now = FETCHED + HOUR
    assert next_look(state(), Look.FAILED, now=now, retry_after=now + 5 * HOUR).due_at == now + 5 * HOUR


def test_a_page_is_taken_down_when_it_is_missing_twice_in_a_row() -> None:
    now = FETCHED + HOUR
    once = next_look(state(), Look.MISSING, now=now)
    assert (once.is_taken_down, once.due_at) == (False, now + AGAIN_SOON)
    twice = next_look(state(once.step, missing=once.missing), Look.MISSING, now=now + AGAIN_SOON)
    assert (twice.is_taken_down, twice.due_at) == (True, FETCHED + 3 * HOUR)


@pytest.mark.parametrize(("between", "taken_down"), [(Look.SAME, False), (Look.FAILED, True), (Look.REFUSED, True)])
def test_only_the_page_itself_shows_that_it_is_not_gone(between: Look, taken_down: bool) -> None:
    now, known = FETCHED + HOUR, state(missing=1)
    after = next_look(known, between, now=now)
    again = next_look(state(after.step, missing=after.missing), Look.MISSING, now=now + DAY)
    assert again.is_taken_down is taken_down


@pytest.mark.parametrize("outcome", [outcome for outcome in Outcome if outcome is not Outcome.OK])
def test_every_outcome_means_something(outcome: Outcome) -> None:
    expected = {
        Outcome.NOT_MODIFIED: Look.SAME,
        Outcome.SAME_BODY: Look.SAME,
        Outcome.NOT_FOUND: Look.MISSING,
        Outcome.GONE: Look.MISSING,
        **dict.fromkeys(("rate-limited", "server-error", "timeout", "dns", "tls", "connection"), Look.FAILED),
    }
    assert look_of(outcome) is expected.get(outcome, Look.REFUSED)


SOFT_404 = b"<html><head><title>Page not found | Northern Post</title></head><body><h1>Page not found</h1><p>Try the search.</p></body></html>"
HOME = b"<html><head><title>Northern Post</title><meta property='og:type' content='website'></head><body><p>Today: a fair.</p><p>Rain.</p></body></html>"
CONSENT = b"<html><head><title>Before you continue</title></head><body><p>We value your privacy. Accept all cookies or manage your cookies.</p></body></html>"


@pytest.mark.parametrize(
    ("body", "final", "look"),
    [
        (SOFT_404, "/a/one", Look.MISSING),
        (HOME, "/", Look.MISSING),
        (CONSENT, "/a/one", Look.REFUSED),
        (CONSENT, "/", Look.REFUSED),
        (b"<html><body><div id='app'></div></body></html>", "/a/one", Look.REFUSED),
    ],
)
def test_a_page_that_is_no_article_is_missing_only_when_it_says_so(body: bytes, final: str, look: Look) -> None:
    host = "https://northern-post.example"
    page = extract_page(body, url=host + final, content_type="text/html")
    assert page.text == ""
    assert look_of_page(page.status, page.problem, asked=host + "/a/one", final_url=host + final) is look


@pytest.mark.parametrize(
    ("old", "new", "text", "stands"),
    [
        ("full", "full", TEXT.replace("nine", "13"), True),
        ("full", "full", "This story was withdrawn. It was based on a report that turned out to be false.", True),
        ("full", "partial", TEXT.replace("nine", "13"), False),
        ("full", "paywalled", TEXT.replace("nine", "13"), False),
        ("partial", "partial", TEXT.replace("nine", "13"), True),
        ("partial", "full", TEXT + "\nMore.", True),
        ("full", "full", "Shells hit a market in Idlib on…", False),
        ("summary-only", "full", TEXT, True),
    ],
)
def test_a_teaser_never_replaces_a_text(old: str, new: str, text: str, stands: bool) -> None:
    assert replaces(old, TEXT, new, text) is stands
