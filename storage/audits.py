"""What people's labels say: precision and recall by audit, and how far two people agree.

An audit counts the labels on the random sample of `reviews.sample`, each part by what it stands for.
"""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from itertools import combinations

from sqlalchemy import func, select
from sqlalchemy.orm import Session

from storage.estimates import Estimate, Sampled, kappa, recall, wilson
from storage.models import ARTICLES, ENTRIES, LABELS
from storage.portable import batches
from storage.reviews import PARTS, has_topic, part_asked, whole_part

SAID = {"matched": "matched", "other": "matched another topic only", "near": "near misses", "rejected": "rejected"}
ANSWERED = 0.9  # of the sample: what was skipped is then too little to shift the estimate much
TOO_WIDE = 0.2  # an interval this wide says too little to be called an estimate


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
    for some in batches(differing):
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
    population, frame = _population(session, name, topic), part_asked(name, topic, share)
    asked = session.scalars(select(LABELS.c.entry_id).where(LABELS.c.topic == topic).distinct()).all()
    in_part = select(func.count()).select_from(ENTRIES).where(frame)
    labelled = sum(session.scalar(in_part.where(ENTRIES.c.id.in_(some))) or 0 for some in batches(asked))
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
        return f"no labels yet on the sample of: {', '.join(SAID[name] for name in empty)}; {ask}"
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
        query = select(func.count()).select_from(ENTRIES).where(whole_part(part, topic))
    else:
        query = select(func.count()).select_from(ARTICLES).where(ARTICLES.c.topics != "", has_topic(part, topic))
    return session.scalar(query) or 0
