"""Judging anew, with the present judge, what the ledger still holds: after a change of topic files or weights.

What a change gains and loses is worked out in batches, so that a ledger of any size takes little memory, and written
batch by batch: whoever is stopped half-way goes on where he was, for what has a verdict of this judge is passed over.
"""

from __future__ import annotations

import heapq
from collections import Counter, defaultdict
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from contextlib import nullcontext
from dataclasses import dataclass
from functools import partial
from itertools import count
from typing import TYPE_CHECKING, Any

from crawler.mentions import mention_records, shipped_tagger
from crawler.verdicts import verdict_records
from storage import entries, held, mentions

if TYPE_CHECKING:
    from datetime import datetime

    from crawler.classify import Judge, Verdict
    from storage.base import EntryState
    from storage.db import Database
    from storage.held import HeldEntry
    from storage.seen import MentionRecord

BATCH = 100  # entries judged and written at a time: a transaction of some 0.1 s
EXAMPLES = 5  # of what a topic gains and loses, those whose score moves most
TERMS = 4  # that made the difference, heaviest first


@dataclass(frozen=True, slots=True)
class Example:
    """An entry that a topic gains or loses; `because` are terms with the change of their part of the log-odds.

    `before` is None where the topic was never judged. `then` is the state that the entry gets.
    """

    id: int
    title: str
    before: float | None
    after: float
    threshold: float
    state: str
    then: str
    because: tuple[tuple[str, float], ...]


@dataclass(frozen=True, slots=True)
class TopicChange:
    """What a change does to one topic among the entries that were judged; `to_read` of the gained need their page."""

    before: int
    after: int
    gained: int
    to_read: int
    lost: int
    gained_examples: tuple[Example, ...]
    lost_examples: tuple[Example, ...]


@dataclass(frozen=True, slots=True)
class Report:
    """What was judged anew with which model, by topic, and how many entries moved from state to state."""

    dry_run: bool
    model: str
    judged: int
    topics: Mapping[str, TopicChange]
    moved: Mapping[str, int]


def to_judge(database: Database, judge: Judge, *, since: datetime | None = None) -> int:
    """How many entries there are to judge anew."""
    with database.read() as session:
        return held.count(session, model=judge.version, since=since)


def reclassify(
    database: Database,
    judge: Judge,
    *,
    now: datetime,
    since: datetime | None = None,
    dry_run: bool = False,
    examples: int = EXAMPLES,
    on_judged: Callable[[], None] | None = None,
) -> Report:
    """Judge what the ledger holds (first seen from `since` on) and write the new verdicts, or with `dry_run` nothing.

    Writing takes the crawl lock, for it changes states that a crawler claims: CrawlLockHeld while one runs.
    """
    tally = _Tally(judge.topics, examples)
    with nullcontext() if dry_run else database.crawl_lock():
        if not dry_run:
            with database.write() as session:
                entries.release_claims(session)
        for batch in _batches(database, judge, since):
            outcomes = []
            for entry in batch:
                verdicts = judge.judge(title=entry.title, text=entry.text, language=entry.language)
                outcomes.append((entry, verdicts, state_after(entry, verdicts)))
                tally.add(*outcomes[-1])
                if on_judged:
                    on_judged()
            if not dry_run:
                _write(database, outcomes, model=judge.version, now=now)
    return tally.report(dry_run=dry_run, model=judge.version)


def state_after(entry: HeldEntry, verdicts: Sequence[Verdict]) -> EntryState:
    """What becomes of an entry by new verdicts.

    A text that is no page's is no last word: what matches by its summary is read again (as is what is just under the
    threshold and was never read), and a near miss by its page stays one, for its page is no longer held.
    """
    near = any(verdict.near for verdict in verdicts)
    if any(verdict.matched for verdict in verdicts):
        return "match" if entry.whole or entry.state == "match" else "pending"
    if entry.state == "match" and entry.waits and not entry.whole:
        return "pending"
    if near and entry.state == "irrelevant" and not entry.was_read and not entry.whole:
        return "pending"
    by_page = entry.state == "near" and entry.was_read and not entry.whole
    return "near" if near or by_page else "irrelevant"


def _batches(database: Database, judge: Judge, since: datetime | None) -> Iterator[list[HeldEntry]]:
    last = 0
    while True:
        with database.read() as session:
            batch = held.page(session, model=judge.version, since=since, after=last, limit=BATCH)
        if not batch:
            return
        yield batch
        last = batch[-1].id


def _write(
    database: Database,
    outcomes: Iterable[tuple[HeldEntry, Sequence[Verdict], EntryState]],
    *,
    model: str,
    now: datetime,
) -> None:
    rejudged = [
        held.Rejudged(entry, verdict_records(verdicts, model=model), state) for entry, verdicts, state in outcomes
    ]
    named = {one.entry.id: _mentions(one.entry) for one in rejudged if one.state == "match"}
    with database.write() as session:
        held.rejudge(session, rejudged, now=now)
        mentions.replace(session, named)


def _mentions(entry: HeldEntry) -> tuple[MentionRecord, ...]:
    """What a match names by the present gazetteer, which may know more than the one of its day."""
    return mention_records(shipped_tagger().tag(entry.title, entry.text, entry.language, entry.day))


class _Examples:
    """The few whose score moves most, of any number."""

    def __init__(self, most: int) -> None:
        self._most = most
        self._heap: list[tuple[float, int, Example]] = []
        self._number = count(0, -1)  # of two equal ones the earlier stays

    def add(self, move: float, make: Callable[[], Example]) -> None:
        key = (abs(move), next(self._number))
        if len(self._heap) < self._most:
            heapq.heappush(self._heap, (*key, make()))
        elif self._heap and key > self._heap[0][:2]:
            heapq.heapreplace(self._heap, (*key, make()))

    def sorted(self) -> tuple[Example, ...]:
        return tuple(example for _, _, example in sorted(self._heap, key=lambda item: item[:2], reverse=True))


class _Tally:
    """Counts and examples, entry by entry."""

    def __init__(self, topics: Iterable[str], examples: int) -> None:
        self._counts: dict[str, Counter[str]] = {topic: Counter() for topic in topics}
        self._gained = {topic: _Examples(examples) for topic in self._counts}
        self._lost = {topic: _Examples(examples) for topic in self._counts}
        self._moved: Counter[str] = Counter()
        self._judged = 0

    def add(self, entry: HeldEntry, verdicts: Sequence[Verdict], then: str) -> None:
        self._judged += 1
        if then != entry.state:
            self._moved[f"{entry.state} -> {then}"] += 1
        for verdict in verdicts:
            old = entry.verdicts.get(verdict.topic)
            was = old is not None and old.matched
            counts = self._counts[verdict.topic]
            counts.update(before=was, after=verdict.matched)
            if was == verdict.matched:
                continue
            counts.update(gained=not was, lost=was, to_read=not was and then == "pending")
            kept = self._lost if was else self._gained
            move = verdict.score - (old.score if old else 0.0)
            kept[verdict.topic].add(move, partial(_example, entry, verdict, then))
        for topic in entry.verdicts.keys() - self._gained.keys():  # judged once, but its file is gone
            was = entry.verdicts[topic].matched
            self._counts.setdefault(topic, Counter()).update(before=was, lost=was)

    def report(self, *, dry_run: bool, model: str) -> Report:
        changes = {
            topic: TopicChange(
                before=counts["before"],
                after=counts["after"],
                gained=counts["gained"],
                to_read=counts["to_read"],
                lost=counts["lost"],
                gained_examples=self._gained[topic].sorted() if topic in self._gained else (),
                lost_examples=self._lost[topic].sorted() if topic in self._lost else (),
            )
            for topic, counts in self._counts.items()
        }
        return Report(dry_run, model, self._judged, changes, dict(sorted(self._moved.items())))


def _example(entry: HeldEntry, verdict: Verdict, then: str) -> Example:
    old = entry.verdicts.get(verdict.topic)
    before = _by_term((piece["term"], piece["weight"]) for piece in old.evidence) if old else {}
    after = _by_term((piece.term, piece.weight) for piece in verdict.evidence)
    changes = {term: round(after.get(term, 0.0) - before.get(term, 0.0), 2) for term in before.keys() | after.keys()}
    if not before:  # never judged, or forgotten: the present words are the reason, the bias is none
        changes.pop("bias", None)
    heaviest = sorted(changes.items(), key=lambda item: (-abs(item[1]), item[0]))
    return Example(
        id=entry.id,
        title=entry.title,
        before=old.score if old else None,
        after=verdict.score,
        threshold=verdict.threshold,
        state=entry.state,
        then=then,
        because=tuple((term, change) for term, change in heaviest[:TERMS] if change),
    )


def _by_term(pieces: Iterable[tuple[str, Any]]) -> dict[str, float]:
    weights: defaultdict[str, float] = defaultdict(float)
    for term, weight in pieces:
        weights[term] += weight
    return dict(weights)
