"""One poll becomes one transaction: what the feed showed, what triage says of it, and when to ask again."""

from __future__ import annotations

from dataclasses import dataclass, field
from datetime import datetime, timedelta
from functools import cached_property, partial
from typing import TYPE_CHECKING

from msgspec import Struct

from crawler import hints, polling, rhythm
from crawler.blind import BlindFetches, Charge
from crawler.following import confirm_move, follow, move_target, note_renamed, with_suspicion
from crawler.hints import Hints
from crawler.hubs import Heard, hear
from crawler.judged import triaged
from crawler.listing import EMPTY, Listing, listing_of
from crawler.urls import path_words
from storage import entries, feeds, subscriptions

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence
    from typing import Self

    from sqlalchemy.orm import Session

    from crawler.answers import HttpAnswer
    from crawler.classify import Judge
    from crawler.config import Config
    from crawler.feed import ParsedFeed
    from storage.feeds import FeedForPoll


NOTHING = entries.SeenResult(new_ids=(), new_keys=(), seen=0, overlap=0)
PUSHED = "pushed-by-hub"
TELLING_WORDS = 4  # of a title that stands alone
USABLE_CHARS = 40  # of a summary beside the title: less is "Read more" or a byline


@dataclass(frozen=True)
class FeedReading:
    """A feed's answer after reading it; `parsed` is None unless the outcome is ok. A worker that parsed it has made the `listing`, too."""

    feed: FeedForPoll
    answer: HttpAnswer
    outcome: polling.Outcome
    parsed: ParsedFeed | None = None
    listing: Listing | None = None
    charge: Charge = field(default_factory=Charge, init=False, compare=False)

    @cached_property
    def listed(self) -> Listing:
        """What the document lists, as the ledger keys it."""
        if self.listing is not None or self.parsed is None:
            return self.listing or EMPTY
        return listing_of(self.parsed, feed_url=self.feed.key_url or self.feed.url, language=self.feed.language)


class Found(Struct, frozen=True):
    """What a poll brought: entries seen, new ones, those worth reading, and the next poll.

    `ask` is an address that the document gives as its new one, long enough for it to be asked whether it is.
    """

    seen: int
    new: int
    candidates: int
    next_poll_at: datetime
    reason: str
    ask: str | None = None


class _Noted(Struct, frozen=True):
    reading: FeedReading
    shown: entries.SeenResult
    record: feeds.PollRecord


@dataclass(frozen=True, slots=True)
class Recorder:
    """Records readings with one judge, one policy and one way of fetching. Called in the storage thread.

    `judge` gives the judge, when there is something to judge that no worker has.
    """

    judge: Callable[[], Judge]
    policy: polling.Policy
    fetch: str  # candidates | all | none
    run_id: int | None
    blind: BlindFetches = field(default_factory=lambda: BlindFetches(0))
    pushes: bool = False  # whether hubs can reach us (WebSub)
    # whether a title, or an address in words, is enough to go by: of the past there is too much to look at
    titles_tell: bool = False

    @classmethod
    def configured(cls, config: Config, judge: Callable[[], Judge], *, run_id: int | None) -> Self:
        """One that polls, fetches and listens as the configuration says."""
        policy = polling.Policy(timedelta(seconds=config.min_interval), timedelta(seconds=config.max_interval))
        blind, pushes = BlindFetches(config.blind_fetches), bool(config.websub.callback_url)
        return cls(judge, policy, config.fetch, run_id, blind, pushes=pushes)

    def record(self, session: Session, reading: FeedReading, *, now: datetime) -> Found:
        """Write one poll: sightings and new entries, their triage, the audit row, the feed's next poll, and its move."""
        [found] = self._record(session, [(reading, now)])
        return found

    def record_all(self, session: Session, readings: Sequence[FeedReading]) -> list[Found]:
        """The same for answers of different feeds, each at its own time, in fewer statements."""
        return self._record(session, [(reading, reading.answer.at) for reading in readings])

    def _record(self, session: Session, readings: Sequence[tuple[FeedReading, datetime]]) -> list[Found]:
        if len({reading.feed.id for reading, _ in readings}) < len(
            readings
        ):  # one feed twice: its documents are no batch
            return [found for one in readings for found in self._record(session, [one])]
        shown = self.note(session, readings)
        noted = [
            self._note_poll(session, reading, seen, now=now)
            for (reading, now), seen in zip(readings, shown, strict=True)
        ]
        feeds.record_polls(session, [one.record for one in noted])
        return [_found(session, one, now=now) for one, (_, now) in zip(noted, readings, strict=True)]

    def _note_poll(self, session: Session, reading: FeedReading, shown: entries.SeenResult, *, now: datetime) -> _Noted:
        """What is to be written of a poll itself, by what it showed."""
        in_force = _hints(reading)
        hub = hear(session, reading, shown, now=now, listening=self.pushes)
        plan = polling.after(_state(reading.feed), _answer(reading, shown, in_force, hub), self.policy)
        record = _poll_record(reading, shown, plan, in_force, run_id=self.run_id)
        return _Noted(reading, shown, with_suspicion(record, reading, reading.listed.entries, shown))

    def record_push(self, session: Session, reading: FeedReading, *, now: datetime) -> Found:
        """Write what a hub pushed, as a poll's new entries are written. It says nothing of what the feed lists else, nor of its next poll."""
        feed, answer = reading.feed, reading.answer
        following = feed.next_poll_at or now
        [shown] = self.note(session, [(reading, now)])
        record = feeds.PollRecord(
            feed_id=feed.id, run_id=self.run_id, started_at=now, seconds=answer.seconds, outcome=reading.outcome, bytes=answer.size,
            entries_seen=shown.seen, entries_new=len(shown.new_ids), overlap=shown.overlap, next_poll_at=following, reason=PUSHED,
        )  # fmt: skip
        feeds.record_push(session, record)
        subscriptions.note_push(session, feed_id=feed.id, new=len(shown.new_ids), now=now)
        return Found(shown.seen, len(shown.new_ids), shown.candidates, following, PUSHED)

    def note(self, session: Session, readings: Sequence[tuple[FeedReading, datetime]]) -> list[entries.SeenResult]:
        """Write sightings, new entries and their triage: of each document, read at that time, what it lists and what of it is new."""
        for reading, _ in readings:
            self.blind.give_back(reading.charge)
        documents = {
            reading.feed.id: entries.Document(
                feed_id=reading.feed.id,
                entries=reading.listed.entries,
                now=now,
                whole=not reading.answer.delta,
                triage=partial(self._triage, reading),
            )
            for reading, now in readings
            if reading.parsed
        }
        seen = entries.record_seen(session, list(documents.values())) if documents else []
        shown = dict(zip(documents, seen, strict=True))
        for reading, now in readings:
            if reading.feed.id in shown:
                note_renamed(session, reading.feed, shown[reading.feed.id], now=now)
        return [shown.get(reading.feed.id, NOTHING) for reading, _ in readings]

    def confirm(self, session: Session, reading: FeedReading, url: str, *, now: datetime) -> bool:
        """Move a feed to the address that its document gives, when that one answers with the same feed; whether it did."""
        return confirm_move(session, reading, url, [entry.key for entry in reading.listed.entries], now=now)

    def _triage(self, reading: FeedReading, entry: entries.SeenEntry) -> entries.Triage:
        """Whether a new entry is worth reading. A feed tagged with a topic is wholly read."""
        feed = reading.feed
        triage = entry.triage or triaged(self.judge(), entry)
        if triage.candidate or self.fetch == "all":
            return entries.Triage(triage.score, True)
        if feed.tags and any(topic in feed.tags for topic in self.judge().topics):
            return entries.Triage(triage.score, True)
        title = entry.title or path_words(entry.canonical_url or "")
        told = self.titles_tell and len(title.split()) >= TELLING_WORDS
        blind = self.fetch == "candidates" and not told and _tells_nothing(entry)
        return entries.Triage(triage.score, blind and self.blind.take(reading.charge))


def _found(session: Session, noted: _Noted, *, now: datetime) -> Found:
    """What a poll brought, once it is written; a feed whose time has come is moved."""
    shown, record = noted.shown, noted.record
    return Found(
        seen=shown.seen,
        new=len(shown.new_ids),
        candidates=shown.candidates,
        next_poll_at=record.next_poll_at,
        reason=record.reason,
        ask=follow(session, noted.reading, record.permanent_url, shown, now=now),
    )


def _tells_nothing(entry: entries.SeenEntry) -> bool:
    """Whether an entry has a page and no summary that triage could go by: none, or the title once more."""
    said = entry.summary.replace(entry.title, "") if entry.title else entry.summary
    return entry.url is not None and len(said.strip()) < USABLE_CHARS


def _state(feed: FeedForPoll) -> polling.FeedState:
    return polling.FeedState(
        url=feed.key_url or feed.url,
        interval=timedelta(seconds=feed.interval_seconds) if feed.interval_seconds else None,
        rate=feed.rate,
        rhythm=rhythm.from_json(feed.rhythm),
        failures=feed.failures,
        failing_since=feed.failing_since,
        last_polled_at=feed.last_polled_at,
        gone_count=feed.gone_count,
    )


def _hints(reading: FeedReading) -> Hints:
    """The hints in force after this answer: a document's own; without one those of the last, and how fresh it says it is."""
    kept, parsed, max_age = hints.from_json(reading.feed.hints), reading.parsed, reading.answer.max_age
    if not reading.outcome.is_success:
        return kept
    if parsed is None or reading.answer.delta:
        return kept.after_304(max_age)
    period = parsed.update_period_seconds
    return Hints(
        max_age=max_age,
        ttl=timedelta(minutes=parsed.ttl_minutes) if parsed.ttl_minutes else None,
        period=timedelta(seconds=period) if period else None,
        skip_hours=parsed.skip_hours,
        skip_days=parsed.skip_days,
        new_url=parsed.new_url,
    )


def _answer(reading: FeedReading, shown: entries.SeenResult, in_force: Hints, hub: Heard) -> polling.Answer:
    return polling.Answer(
        at=reading.answer.at,
        outcome=reading.outcome,
        seen=shown.seen,
        new=len(shown.new_ids) + hub.pushed,
        overlap=shown.overlap,
        claimed=reading.listed.claimed,
        retry_after=reading.answer.retry_after,
        first=reading.feed.rate is None,  # only a document gives a rate; a failure is nothing to overlap with
        delta=reading.answer.delta,
        hints=in_force,
        pushed_until=hub.pushes_until,
    )


def _poll_record(
    reading: FeedReading, shown: entries.SeenResult, plan: polling.NextPoll, in_force: Hints, *, run_id: int | None
) -> feeds.PollRecord:
    answer, parsed = reading.answer, reading.parsed
    return feeds.PollRecord(
        feed_id=reading.feed.id,
        run_id=run_id,
        started_at=answer.at - timedelta(seconds=answer.seconds),
        seconds=answer.seconds,
        http_status=answer.http_status,
        outcome=reading.outcome,
        error=answer.error,
        bytes=answer.size,
        entries_seen=reading.listed.size,
        entries_new=len(shown.new_ids),
        overlap=shown.overlap,
        gap=plan.gap,
        final_url=answer.final_url,
        permanent_url=move_target(reading, in_force),
        etag=answer.etag,
        last_modified=answer.last_modified,
        body_hash=answer.body_hash if answer.size and not answer.delta else None,
        title=parsed.title if parsed else None,
        homepage=parsed.homepage if parsed else None,
        language=parsed.language if parsed else None,
        next_poll_at=plan.at,
        interval_seconds=round(plan.interval.total_seconds()),
        reason=plan.reason,
        rate=plan.rate,
        failures=plan.failures,
        failing_since=plan.failing_since,
        status=plan.status,
        retry_after_at=answer.retry_after,
        unconditional=not answer.conditional,
        rhythm=rhythm.to_json(plan.rhythm) if plan.rhythm else None,
        hints=in_force.to_json(),
        hidden_count=reading.feed.hidden_count,
    )
