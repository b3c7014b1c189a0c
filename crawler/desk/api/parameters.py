"""What may be asked: the parameters of each question, checked by their types, and the filters that they amount to."""

from __future__ import annotations

from typing import Annotated, Any, Literal

from pydantic import BaseModel, ConfigDict, Field

from crawler.desk.api import cursors
from storage.query import LONGEST

MOST = 200  # rows of a page: a match with its text is some 5 KB
LINE = r"^[^\x00-\x08\x0b\x0c\x0e-\x1f\x7f]*$"  # no control characters but blanks

Line = Annotated[str, Field(max_length=200, pattern=LINE)]
DayTyped = Annotated[str, Field(max_length=40, pattern=LINE)]
Code = Annotated[str, Field(max_length=20, pattern=r"^[A-Za-z]{2,3}([-_][A-Za-z0-9]{1,8})*$")]
Number = Annotated[int, Field(ge=1, le=cursors.LARGEST)]


class Paged(BaseModel):
    """A list that comes in pages. A name that no parameter has is an error: the filter that was meant would be missing."""

    model_config = ConfigDict(extra="forbid")

    limit: Annotated[int, Field(ge=1, le=MOST, description="At most so many rows on this page.")] = 50
    cursor: Annotated[
        str, Field(max_length=cursors.LONGEST, pattern=LINE, description="`next` of the page before.")
    ] = ""

    def question(self, name: str) -> dict[str, Any]:
        """What makes two pages those of one answer."""
        return {"of": name, **self.model_dump(exclude={"limit", "cursor"})}


class Asking(Paged):
    """The filters of a list of matches, all of which must hold."""

    q: Annotated[
        str, Field(max_length=LONGEST, pattern=LINE, description="A query, as `levantwatch search` takes it.")
    ] = ""
    topic: Annotated[Line, Field(description="Matches of this topic: syria, isis.")] = ""
    publisher: Annotated[Line, Field(description="Of this publisher, as `publisher` names it.")] = ""
    country: Annotated[
        str | None, Field(pattern="^[A-Za-z]{2}$", description="Of publishers in this country: SY, GB.")
    ] = None
    language: Annotated[Code | None, Field(description="In this language: en, ar, tr.")] = None
    place: Annotated[Line, Field(description="Naming this place or one in it.")] = ""
    actor: Annotated[Line, Field(description="Naming this actor or one of its parts.")] = ""
    role: Annotated[
        Literal["original", "copy", "related"] | None, Field(description="With this part in its story.")
    ] = None
    story: Annotated[Number | None, Field(description="Of the story with this number.")] = None
    since: Annotated[DayTyped, Field(description="From this UTC day on: 2026-01-31, 2026-01, yesterday, 7d.")] = ""
    until: Annotated[DayTyped, Field(description="Up to and with this UTC day.")] = ""


class MatchParameters(Asking):
    """What may be asked of matches."""

    order: Annotated[
        Literal["date", "relevance"],
        Field(description="Newest first, or the most relevant of the newest 1,000, which is one page."),
    ] = "date"
    snippets: Annotated[bool, Field(description="With the place that answers, its words between [[ ]].")] = False


class StoryParameters(Asking):
    """What may be asked of stories."""


class CountParameters(Asking):
    """What may be asked of counts; a page counts the days from `since` to `until` that it names."""

    by: Annotated[Literal["day", "publisher", "language", "country"], Field(description="What is counted.")] = "day"
    limit: Annotated[
        int,
        Field(ge=1, le=1000, description="At most so many publishers, languages or countries; every day is counted."),
    ] = 200


class FeedParameters(Paged):
    """What may be asked of feeds."""

    state: Annotated[
        Literal["active", "failing", "gone", "disabled"] | None, Field(description="In this state alone.")
    ] = None
    publisher: Annotated[Line, Field(description="Of this publisher.")] = ""
    country: Annotated[str | None, Field(pattern="^[A-Za-z]{2}$", description="Of publishers in this country.")] = None
    language: Annotated[Code | None, Field(description="In this language.")] = None


class CoverageParameters(BaseModel):
    """What may be asked of coverage: at most 92 days."""

    model_config = ConfigDict(extra="forbid")

    since: Annotated[DayTyped, Field(description="From this UTC day on; the last 7 days unless told otherwise.")] = ""
    until: Annotated[DayTyped, Field(description="Up to and with this UTC day.")] = ""
    publisher: Annotated[Line, Field(description="Of this publisher alone.")] = ""


class NoParameters(BaseModel):
    """A question that takes none."""

    model_config = ConfigDict(extra="forbid")
