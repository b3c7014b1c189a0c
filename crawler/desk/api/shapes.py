"""What is answered, as types: the schema of the API is made from them. Rows of storage stand as they are where they can."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, fields, make_dataclass
from datetime import date, datetime
from typing import TYPE_CHECKING, Any, TypeVar, cast, dataclass_transform, get_type_hints

from pydantic import ConfigDict

from storage.account import ListedFeed, SeenIn
from storage.clocks import ClockRecord
from storage.counts import Count
from storage.coverage import Gap, PublisherCoverage, Silence
from storage.mentions import Named
from storage.proofs import CaptureRecord
from storage.revisions import RevisionRow
from storage.search import Match
from storage.silence import Span
from storage.story_list import Member, Source, StoryRow

T = TypeVar("T")
_CLOSED = ConfigDict(extra="forbid")


@dataclass_transform(frozen_default=True)
def _shape(kind: type[T]) -> type[T]:
    """A frozen dataclass of which nothing is answered but its fields, as the schema says."""
    made: Any = dataclass(frozen=True, slots=True)(kind)
    made.__pydantic_config__ = _CLOSED
    return cast("type[T]", made)


def _with(name: str, row: type, **more: Any) -> Any:
    """A row's fields, in their order, with others in place of theirs or behind them."""
    hints = get_type_hints(row)
    kinds = {one.name: hints[one.name] for one in fields(row)} | more
    return make_dataclass(name, list(kinds.items()), namespace={"__doc__": row.__doc__, "__pydantic_config__": _CLOSED})


if TYPE_CHECKING:
    MatchRow = Match
    FoundMatch = Match
    FoundStory = StoryRow
    PublisherRow = PublisherCoverage
    TotalRow = PublisherCoverage
    RevisionShown = RevisionRow
    CaptureRow = CaptureRecord
else:
    MatchRow = _with("Match", Match, topics=list[str])
    FoundMatch = _with("FoundMatch", Match, topics=list[str], snippet=str | None)
    FoundStory = _with("Story", StoryRow, matches=int | None)
    PublisherRow = _with("PublisherCoverage", PublisherCoverage, missed=int, whole=bool, notes=str)
    TotalRow = _with("TotalCoverage", PublisherCoverage, missed=int)
    RevisionShown = _with("RevisionRow", RevisionRow, topics=list[str])
    CaptureRow = _with("CaptureRow", CaptureRecord, erased_at=datetime | None)


def picked(kind: type[T], row: Any) -> T:
    """The fields of `kind` from a stored row."""
    return kind(**{one.name: getattr(row, one.name) for one in fields(kind)})  # type: ignore[arg-type]


@_shape
class EntryRow:
    """An item that a feed listed, kept or not; `error` is why its page could not be read."""

    id: int
    state: str
    url: str | None
    canonical_url: str | None
    title: str
    summary: str
    author: str | None
    language: str | None
    published_at: datetime | None
    updated_at: datetime | None
    first_seen_at: datetime
    error: str | None


@_shape
class VerdictRow:
    """What the judge said on one topic, and the evidence whose weights add up to the score's log-odds."""

    topic: str
    score: float
    threshold: float
    matched: bool
    model: str
    decided_at: datetime
    evidence: list[dict[str, Any]]


@_shape
class LabelRow:
    """An analyst's yes or no."""

    topic: str
    value: str
    who: str
    labelled_at: datetime
    note: str | None


@_shape
class ProofAnswer:
    """What the ledger of proof says of an article: its line, its hash, whether it is held; `levantwatch verify` checks it."""

    seq: int | None
    article_hash: str | None
    held_at: datetime | None
    held_why: str | None
    forgotten_at: datetime | None
    forgotten_why: str | None
    captures: list[CaptureRow]


@_shape
class ArticleAnswer:
    """Everything that is known of one entry; `article` is its row of `matches`, null when it is none."""

    article: MatchRow | None
    entry: EntryRow
    verdicts: list[VerdictRow]
    labels: list[LabelRow]
    seen_in: list[SeenIn]
    story_members: int
    named: list[Named]
    clocks: list[ClockRecord]
    revisions: list[RevisionShown]
    proof: ProofAnswer | None


@_shape
class MatchesAnswer:
    """A page of matches; `next` is the cursor of the following one, null on the last."""

    matches: list[FoundMatch]
    next: str | None


@_shape
class StoriesAnswer:
    """A page of stories, biggest first; with a query those of the newest 1,000 matches that answer, most `matches` first."""

    stories: list[FoundStory]
    next: str | None


@_shape
class StoryAnswer:
    """A story with its independent sources and its first 1,000 members."""

    story: StoryRow
    sources: list[Source]
    members: list[Member]


@_shape
class FeedsAnswer:
    """A page of feeds, by id."""

    feeds: list[ListedFeed]
    next: str | None


@_shape
class CountsAnswer:
    """How many matches the days from `since` to `until` brought, both included; `next` leads to the days before them."""

    by: str
    since: date
    until: date
    counts: list[Count]
    next: str | None


@_shape
class CoverageAnswer:
    """What was not collected, as `levantwatch coverage --format json` tells it; the headline can stand in a footnote."""

    headline: str
    since: date
    until: date
    began: datetime | None
    total: TotalRow
    refusing: int
    silent: int
    publishers: list[PublisherRow]
    gaps: list[Gap]
    silences: list[Silence]
    stops: list[Span]
    run_caps: Mapping[str, int]
