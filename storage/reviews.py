"""What people are asked to judge, and what their answers say: near misses, audits, agreement.

An audit asks in the order of `entries.audit_rank`, a lottery that the entry's key decides, so that what was labelled
first is a random sample of its part of the ledger. The parts, for a topic:

matched   kept for the topic              near      in quarantine: just under a threshold
other     kept for another topic alone    rejected  irrelevant; of these the first `share` of the lottery
"""

from __future__ import annotations

import math
from collections.abc import Collection, Iterator, Mapping, Sequence
from dataclasses import dataclass
from itertools import combinations, zip_longest
from typing import Any

from sqlalchemy import ColumnElement, and_, exists, func, not_, select, text
from sqlalchemy.orm import Session

from storage.articles import day_of, effective_time
from storage.base import CURRENT
from storage.estimates import Estimate, Sampled, kappa, recall, wilson
from storage.models import ARTICLES, ENTRIES, FEEDS, LABELS, VERDICTS

SHOWN = 1_500  # characters of a text that somebody reads before he answers
ANSWERED = 0.9  # of the sample: what was skipped is then too little to shift the estimate much
TOO_WIDE = 0.2  # an interval this wide says too little to be called an estimate
PARTS = ("matched", "other", "near", "rejected")

_Pairs = Sequence[tuple[int, str]]


@dataclass(frozen=True, slots=True)
class ReviewItem:
    """An entry with the question whether it is about a topic; score, threshold and evidence of the verdict, if any.

    `text` is the beginning of the article, or of the summary of what was not kept.
    """

    entry_id: int
    topic: str
    state: str
    score: float | None
    threshold: float | None
    matched: bool
    day: str
    publisher: str
    language: str | None
    url: str | None
    title: str
    text: str
    evidence: tuple[Mapping[str, Any], ...]


@dataclass(frozen=True, slots=True)
class Part:
    """A part of the ledger: how many entries it has, how many of its sample were labelled, and how many of these yes."""

    name: str
    population: int
    labelled: int
    yes: int
    skipped: int


@dataclass(frozen=True, slots=True)
class Audit:
    """What the labels on the random sample say about one topic. `problem` says what is missing, '' when nothing is."""

    topic: str
    precision: Estimate | None
    recall: Estimate | None
    problem: str
    parts: tuple[Part, ...]


@dataclass(frozen=True, slots=True)
class Disagreement:
    """An entry on which two people differ."""

    entry_id: int
    title: str
    first: str
    second: str


@dataclass(frozen=True, slots=True)
class Agreement:
    """How far two people agree on a topic: of `labelled` by both, so many `agreed`; kappa is None where it is undefined."""

    topic: str
    first: str
    second: str
    labelled: int
    agreed: int
    kappa: float | None
    disagreements: tuple[Disagreement, ...]


def uncertain(session: Session, *, topic: str | None = None, limit: int = 20) -> list[ReviewItem]:
    """Matches and near misses that nobody has labelled, those first whose score is nearest to its threshold."""
    # a single value for each verdict, lest a planner begins with all matches: verdicts are read in the order of their margin
    asked = and_(
        ENTRIES.c.id == VERDICTS.c.entry_id, ENTRIES.c.state.in_(("match", "near")), ENTRIES.c.text_pruned_at.is_(None)
    )
    query = (
        select(VERDICTS.c.entry_id, VERDICTS.c.topic)
        .where(text(f"verdicts.{CURRENT}"), select(ENTRIES.c.id).where(asked).limit(1).scalar_subquery().is_not(None))
        .where(~_labelled(VERDICTS.c.entry_id, VERDICTS.c.topic))
        .order_by(VERDICTS.c.margin, VERDICTS.c.id)
        .limit(limit)
    )
    if topic is not None:
        query = query.where(VERDICTS.c.topic == topic)
    return _items(session, [(row.entry_id, row.topic) for row in session.execute(query)])


def sample(session: Session, *, topics: Collection[str], share: float, limit: int = 20) -> list[ReviewItem]:
    """The next unlabelled entries of the audit's random sample: of every part one in turn, as long as it has some."""
    queues: list[list[tuple[int, str]]] = []
    for part in PARTS:
        for topic in topics:
            query = select(ENTRIES.c.id).where(_frame(part, topic, share), ~_labelled(ENTRIES.c.id, topic))
            ids = session.scalars(query.order_by(ENTRIES.c.audit_rank, ENTRIES.c.id).limit(limit))
            queues.append([(entry_id, topic) for entry_id in ids])
    turns = [pair for turn in zip_longest(*queues) for pair in turn if pair is not None]
    return _items(session, turns[:limit])


def second_opinions(session: Session, *, who: str, topic: str | None = None, limit: int = 20) -> list[ReviewItem]:
    """What others have labelled and `who` has not, in the order of the lottery."""
    own = LABELS.alias()
    mine = exists().where(own.c.entry_id == LABELS.c.entry_id, own.c.topic == LABELS.c.topic, own.c.who == who)
    query = (
        select(LABELS.c.entry_id, LABELS.c.topic, ENTRIES.c.audit_rank)
        .join(ENTRIES, ENTRIES.c.id == LABELS.c.entry_id)
        .where(~mine, ENTRIES.c.text_pruned_at.is_(None))
        .group_by(LABELS.c.entry_id, LABELS.c.topic, ENTRIES.c.audit_rank)
        .order_by(ENTRIES.c.audit_rank, LABELS.c.entry_id, LABELS.c.topic)
        .limit(limit)
    )
    if topic is not None:
        query = query.where(LABELS.c.topic == topic)
    return _items(session, [(row.entry_id, row.topic) for row in session.execute(query)])


def audit(session: Session, *, topic: str, share: float) -> Audit:
    """Precision and recall of a topic as the labels on the random sample have it, each with its 95 % interval.

    Of each part count the labels up to the place in the lottery to which nine of ten were answered: what was labelled
    beyond, because it was uncertain say, is no random sample.
    """
    parts = tuple(_part(session, name, topic, share) for name in PARTS)
    kept, *missed = (Sampled(part.population, part.labelled, part.yes) for part in parts)
    precision, found = wilson(kept.yes, kept.labelled), recall(kept, missed)
    return Audit(topic, precision, found, _problem(topic, parts, precision, found), parts)


def agreement(session: Session, *, topic: str | None = None) -> list[Agreement]:
    """How far every two people agree who labelled the same entries, by topic; a person's newest label is his answer."""
    query = select(LABELS.c.topic, LABELS.c.who, LABELS.c.entry_id, LABELS.c.value).order_by(LABELS.c.id)
    if topic is not None:
        query = query.where(LABELS.c.topic == topic)
    answers: dict[str, dict[str, dict[int, str]]] = {}
    for row in session.execute(query):
        answers.setdefault(row.topic, {}).setdefault(row.who, {})[row.entry_id] = row.value
    found = []
    for name, people in sorted(answers.items()):
        for first, second in combinations(sorted(people), 2):
            both = sorted(people[first].keys() & people[second].keys())
            if both:
                pairs = {entry_id: (people[first][entry_id], people[second][entry_id]) for entry_id in both}
                found.append(_agreement(session, name, first, second, pairs))
    return found


def _agreement(
    session: Session, topic: str, first: str, second: str, pairs: Mapping[int, tuple[str, str]]
) -> Agreement:
    differing = [entry_id for entry_id, (one, other) in pairs.items() if one != other]
    title = func.coalesce(ARTICLES.c.title, ENTRIES.c.title)
    query = select(ENTRIES.c.id, title).outerjoin_from(ENTRIES, ARTICLES, ARTICLES.c.id == ENTRIES.c.id)
    titles: dict[int, str] = {}
    for some in _batches(differing):
        titles.update((row[0], row[1]) for row in session.execute(query.where(ENTRIES.c.id.in_(some))))
    return Agreement(
        topic=topic,
        first=first,
        second=second,
        labelled=len(pairs),
        agreed=len(pairs) - len(differing),
        kappa=kappa(list(pairs.values())),
        disagreements=tuple(Disagreement(one, titles[one], *pairs[one]) for one in differing),
    )


def _part(session: Session, name: str, topic: str, share: float) -> Part:
    population, frame = _population(session, name, topic), _frame(name, topic, share)
    asked = session.scalars(select(LABELS.c.entry_id).where(LABELS.c.topic == topic).distinct()).all()
    in_part = select(func.count()).select_from(ENTRIES).where(frame)
    labelled = sum(session.scalar(in_part.where(ENTRIES.c.id.in_(some))) or 0 for some in _batches(asked))
    if not labelled:
        return Part(name, population, 0, 0, 0)
    newest = (
        select(LABELS.c.value)
        .where(LABELS.c.entry_id == ENTRIES.c.id, LABELS.c.topic == topic)
        .order_by(LABELS.c.id.desc())
        .limit(1)
        .scalar_subquery()
    )
    in_order = select(newest).where(frame).order_by(ENTRIES.c.audit_rank, ENTRIES.c.id)
    # a longer beginning cannot be answered to nine tenths
    answers = answered(session.scalars(in_order.limit(math.floor(labelled / ANSWERED))).all())
    given = [answer for answer in answers if answer is not None]
    return Part(name, population, len(given), given.count("yes"), len(answers) - len(given))


def answered(answers: Sequence[str | None]) -> Sequence[str | None]:
    """The longest beginning of which nine tenths or more were answered; what follows it was not asked in turn."""
    given, end = 0, 0
    for number, answer in enumerate(answers, start=1):
        given += answer is not None
        if answer is not None and given >= ANSWERED * number:
            end = number
    return answers[:end]


def _problem(topic: str, parts: Sequence[Part], precision: Estimate | None, found: Estimate | None) -> str:
    ask = f"label more: levantwatch audit --topic {topic}"
    empty = [part.name for part in parts if part.population and not part.labelled]
    if empty:
        return f"no labels yet on the sample of {', '.join(empty)}; {ask}"
    if precision is None:
        return "nothing has matched yet"
    if found is None:
        return f"none of the labelled entries is about {topic}; {ask}"
    wide = [name for name, one in (("precision", precision), ("recall", found)) if one.width > TOO_WIDE]
    return (
        f"too few labels to say: the interval of {' and '.join(wide)} is wider than {TOO_WIDE}; {ask}" if wide else ""
    )


def _population(session: Session, part: str, topic: str) -> int:
    """How many entries a part has; matches are counted where an index has them."""
    if part in ("near", "rejected"):
        query = select(func.count()).select_from(ENTRIES).where(_whole(part, topic))
    else:
        query = select(func.count()).select_from(ARTICLES).where(ARTICLES.c.topics != "", _is(part, topic))
    return session.scalar(query) or 0


def _whole(part: str, topic: str) -> ColumnElement[bool]:
    """The entries of a part."""
    if part in ("near", "rejected"):
        return ENTRIES.c.state == {"near": "near", "rejected": "irrelevant"}[part]
    kept = exists().where(ARTICLES.c.id == ENTRIES.c.id, _is(part, topic)).correlate(ENTRIES)
    return and_(ENTRIES.c.state == "match", kept)


def _is(part: str, topic: str) -> ColumnElement[bool]:
    """Whether an article matched the topic, or did not."""
    has = ("," + ARTICLES.c.topics + ",").like(f"%,{topic},%")
    return has if part == "matched" else not_(has)


def _frame(part: str, topic: str, share: float) -> ColumnElement[bool]:
    """Those of a part that can be asked about: their text is held. Near misses that were forgotten are like the others."""
    whole = _whole(part, topic)
    if part in ("matched", "other"):
        return whole
    held = and_(whole, ENTRIES.c.text_pruned_at.is_(None))
    return held if part == "near" else and_(held, ENTRIES.c.audit_rank < share)


def _labelled(entry_id: ColumnElement[int], topic: ColumnElement[str] | str) -> ColumnElement[bool]:
    return exists().where(LABELS.c.entry_id == entry_id, LABELS.c.topic == topic)


def _items(session: Session, pairs: _Pairs) -> list[ReviewItem]:
    """The questions in the order of the pairs (entry, topic)."""
    ids = sorted({entry_id for entry_id, _ in pairs})
    rows: dict[int, Any] = {}
    verdicts: dict[tuple[int, str], Any] = {}
    for some in _batches(ids):
        rows.update((row.id, row) for row in session.execute(_DETAILS.where(ENTRIES.c.id.in_(some))))
        said = session.execute(select(VERDICTS).where(VERDICTS.c.entry_id.in_(some), VERDICTS.c.current))
        verdicts.update(((row.entry_id, row.topic), row) for row in said)
    return [_item(rows[entry_id], topic, verdicts.get((entry_id, topic))) for entry_id, topic in pairs]


def _item(row: Any, topic: str, verdict: Any | None) -> ReviewItem:
    return ReviewItem(
        entry_id=row.id,
        topic=topic,
        state=row.state,
        score=verdict.score if verdict else None,
        threshold=verdict.threshold if verdict else None,
        matched=bool(verdict and verdict.matched),
        day=row.day or day_of(effective_time(row.published_at, row.first_seen_at)),
        publisher=row.publisher,
        language=row.language,
        url=row.url,
        title=row.title,
        text=row.shown,
        evidence=tuple(verdict.evidence) if verdict else (),
    )


_DETAILS = (
    select(
        ENTRIES.c.id,
        ENTRIES.c.state,
        ENTRIES.c.published_at,
        ENTRIES.c.first_seen_at,
        ARTICLES.c.day,
        func.coalesce(ARTICLES.c.publisher, func.nullif(FEEDS.c.publisher, ""), FEEDS.c.title).label("publisher"),
        func.coalesce(ARTICLES.c.language, ENTRIES.c.language).label("language"),
        func.coalesce(ARTICLES.c.url, ENTRIES.c.url).label("url"),
        func.coalesce(ARTICLES.c.title, ENTRIES.c.title).label("title"),
        func.substr(func.coalesce(ARTICLES.c.text, ENTRIES.c.summary), 1, SHOWN).label("shown"),
    )
    .outerjoin_from(ENTRIES, ARTICLES, ARTICLES.c.id == ENTRIES.c.id)
    .outerjoin(FEEDS, FEEDS.c.id == ENTRIES.c.feed_id)
)


def _batches(ids: Sequence[int], size: int = 500) -> Iterator[Sequence[int]]:
    for start in range(0, len(ids), size):
        yield ids[start : start + size]
