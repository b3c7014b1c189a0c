"""When a matched article is looked at again, and what its page's answer means. PURE: no clock; a room of `crawler.polling`'s kind.

Corrections come early, and ever more rarely: so the looks follow a geometric schedule after the first fetch
(docs/decisions/0051-looking-again.md).
"""

from __future__ import annotations

import enum
from datetime import datetime, timedelta
from urllib.parse import urlsplit

from msgspec import Struct

from crawler.outcomes import Outcome

HOUR, DAY = timedelta(hours=1), timedelta(days=1)

SCHEDULE = (HOUR, 3 * HOUR, 12 * HOUR, 2 * DAY, 7 * DAY, 30 * DAY)  # after the first fetch
AGAIN_SOON = HOUR  # a page that is missing, or a server that failed, is asked once more after this
MOST_FAILURES = 3  # in a row of one step; then the next step is waited for
TAKEN_DOWN = 2  # looks in a row that found nothing: one may be a deployment, a cache or a moving site
PRESUMES_NOTHING = frozenset(
    {3}
)  # the look after two days sends no validators: some servers keep an ETag while the page changes
SHORTENED = 0.5  # a page whose text is the beginning of what it was, and less than this of it, is a teaser now

# what crawler.pagestatus says of a 200 that is no article because the article is not there (a soft 404)
_SAYS_MISSING = "a page that says that it was not found"
_CONSENT = "a consent page"


class Look(enum.StrEnum):
    """What one look at an article's page found."""

    SAME = "same"
    CHANGED = "changed"
    MISSING = "missing"
    REFUSED = "refused"  # a page came, or an answer, that is no text of the article: it says nothing of the text
    FAILED = "failed"  # no answer, or a server in trouble


class LookState(Struct, frozen=True):
    """What is known before a look. `step` is the place in SCHEDULE of the look that was due."""

    first_fetched_at: datetime
    step: int
    failures: int = 0
    missing: int = 0


class NextLook(Struct, frozen=True):
    """What is written after a look: the state, and when the next look is due; None when there is none."""

    step: int
    due_at: datetime | None
    failures: int
    missing: int

    @property
    def is_taken_down(self) -> bool:
        """Whether the page has been missing often enough."""
        return self.missing >= TAKEN_DOWN


_ABSENT = frozenset({Outcome.NOT_FOUND, Outcome.GONE})
_IN_TROUBLE = frozenset(
    {Outcome.RATE_LIMITED, Outcome.SERVER_ERROR, Outcome.TIMEOUT, Outcome.DNS, Outcome.TLS, Outcome.CONNECTION}
)


def look_of(outcome: Outcome) -> Look:
    """The meaning of an answer without a page that could be read, by its class."""
    if outcome in (Outcome.NOT_MODIFIED, Outcome.SAME_BODY):
        return Look.SAME
    if outcome in _ABSENT:
        return Look.MISSING
    return Look.FAILED if outcome in _IN_TROUBLE else Look.REFUSED


def look_of_page(status: str, problem: str | None, *, asked: str, final_url: str) -> Look:
    """The meaning of a page without an article's text: a soft 404, or a wall, a challenge, a notice that says nothing."""
    if status != "not-an-article" or problem == _CONSENT:
        return Look.REFUSED
    sent_home = _is_root(final_url) and not _is_root(asked)
    return Look.MISSING if problem == _SAYS_MISSING or sent_home else Look.REFUSED


def _is_root(url: str) -> bool:
    parts = urlsplit(url)
    return parts.path in ("", "/") and not parts.query


def replaces(old_status: str, old_text: str, new_status: str, new_text: str) -> bool:
    """Whether what a page gives now may stand for the text that it gave before. A teaser never may.

    `partial` after `full` is a cut text, and so is one that stops in the middle of the old one.
    """
    if new_status not in ("full", "partial"):
        return False
    if new_status == "partial" and old_status == "full":
        return False
    new, old = "".join(new_text.split()).rstrip(".…"), "".join(old_text.split())
    return not (len(new) < SHORTENED * len(old) and old.startswith(new))


def first_look(fetched_at: datetime) -> datetime:
    """When an article that was fetched then is looked at for the first time."""
    return fetched_at + SCHEDULE[0]


def next_look(state: LookState, look: Look, *, now: datetime, retry_after: datetime | None = None) -> NextLook:
    """When the article is looked at next, after what a look has found."""
    if look is Look.FAILED and state.failures + 1 < MOST_FAILURES:
        return NextLook(state.step, _soon(now, retry_after), state.failures + 1, state.missing)
    missing = state.missing if look in (Look.FAILED, Look.REFUSED) else 0
    if look is Look.MISSING:
        missing = state.missing + 1
        if missing < TAKEN_DOWN:
            return NextLook(state.step, _soon(now, retry_after), 0, missing)
    step, due_at = step_after(state.first_fetched_at, state.step + 1, now=now)
    return NextLook(step, due_at, 0, missing)


def step_after(first_fetched_at: datetime, least: int, *, now: datetime) -> tuple[int, datetime | None]:
    """The first place in the schedule, from `least` on, whose time is to come: missed looks are not made up for."""
    for step in range(least, len(SCHEDULE)):
        if first_fetched_at + SCHEDULE[step] > now:
            return step, first_fetched_at + SCHEDULE[step]
    return len(SCHEDULE), None


def _soon(now: datetime, retry_after: datetime | None) -> datetime:
    return max(now + AGAIN_SOON, retry_after or now)
