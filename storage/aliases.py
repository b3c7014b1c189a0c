"""Entries under another key: what a feed listed before and lists again with another link or another id.

Some publishers build links or ids anew for every request, or move to other links at once. Their entries would be new at every poll. So what
seems new is held against the feed's last listing, by what stayed the same, the surest first; a false merge loses an article, so what only
looks alike counts when most of the document does.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Mapping, Sequence
from typing import Any, TypeAlias

from sqlalchemy import Integer, RowMapping, bindparam, select
from sqlalchemy.orm import Session

from storage.models import ENTRIES, FEEDS, SIGHTINGS

Listed: TypeAlias = RowMapping  # an entry of a listing: `id`, `key`, `guid`, `title`, `published_raw`

LISTING = 300  # entries of a feed's last listing that are looked at, the newest first; three times the document if that is more
SOME = 3  # entries at least that must have changed alike, where it is not the id that stayed
MOST = 0.5  # of what seems new
TITLE_ALONE, TITLE_MOST, TITLE_WORDS = 5, 0.8, 4  # the same for titles without a date: "Weather" is many articles


def same_entries(unknown: Sequence[Mapping[str, Any]], listed: Sequence[Listed]) -> dict[str, int]:
    """By key of a row that seems new: the id of the entry that it is. `listed` was listed last, and is not in this document.

    In order: the same id and claimed date (or title, without a date); the same title and claimed date, when at least SOME and MOST of the
    unknown agree; the same long title, when TITLE_ALONE and TITLE_MOST agree. What stands twice on either side decides nothing.
    """
    found = _pairs(unknown, listed, _by_id)
    for by, least, share in ((_by_title_and_date, SOME, MOST), (_by_title, TITLE_ALONE, TITLE_MOST)):
        taken = set(found.values())
        rest = [row for row in unknown if row["key"] not in found]
        more = _pairs(rest, [row for row in listed if row["id"] not in taken], by)
        if len(more) >= max(least, share * len(rest)):
            found |= more
    return found


def last_listing(session: Session, feed_id: int, unknown: Sequence[Mapping[str, Any]], *, size: int) -> list[Listed]:
    """What the feed listed last, the newest of it, as far as `same_entries` may find one of `unknown` in it: of a few only by their ids."""
    asked: dict[str, Any] = {"feed": feed_id, "most": max(LISTING, 3 * size)}
    if len(unknown) >= SOME:
        return list(session.execute(_LAST_LISTING, asked).mappings())
    ids = [row["guid"] for row in unknown if row["guid"]]
    return list(session.execute(_LISTED_BY_ID, {**asked, "guids": ids}).mappings()) if ids else []


_NEWEST = (
    select(SIGHTINGS.c.entry_id, SIGHTINGS.c.guid, SIGHTINGS.c.last_seen_at)
    .where(SIGHTINGS.c.feed_id == bindparam("feed"))
    .order_by(SIGHTINGS.c.entry_id.desc())
    .limit(bindparam("most", type_=Integer()))
    .subquery()
)
_LISTED_AT: Any = select(FEEDS.c.listed_at).where(FEEDS.c.id == bindparam("feed")).scalar_subquery()
_LAST_LISTING = (
    select(ENTRIES.c.id, ENTRIES.c.key, _NEWEST.c.guid, ENTRIES.c.title, ENTRIES.c.published_raw)
    .join_from(_NEWEST, ENTRIES, ENTRIES.c.id == _NEWEST.c.entry_id)
    .where(_NEWEST.c.last_seen_at >= _LISTED_AT)
)
_LISTED_BY_ID = _LAST_LISTING.where(_NEWEST.c.guid.in_(bindparam("guids", expanding=True)))


def _pairs(
    unknown: Sequence[Mapping[str, Any]],
    listed: Sequence[Listed],
    by: Callable[[Mapping[Any, Any]], tuple[str, ...] | None],
) -> dict[str, int]:
    """Rows and entries that are alike by this, where each side has it once."""
    asked = [(by(row), row["key"]) for row in unknown]
    told = [(by(row), row["id"]) for row in listed]
    often = Counter(mark for mark, _ in asked), Counter(mark for mark, _ in told)
    ids = {mark: id_ for mark, id_ in told if mark is not None and often[1][mark] == 1}
    return {key: ids[mark] for mark, key in asked if mark in ids and often[0][mark] == 1}


def _by_id(row: Mapping[Any, Any]) -> tuple[str, ...] | None:
    if not row["guid"]:
        return None
    return ("date", row["guid"], row["published_raw"]) if row["published_raw"] else ("title", row["guid"], row["title"])


def _by_title_and_date(row: Mapping[Any, Any]) -> tuple[str, ...] | None:
    return (row["title"], row["published_raw"]) if row["title"] and row["published_raw"] else None


def _by_title(row: Mapping[Any, Any]) -> tuple[str, ...] | None:
    return (row["title"],) if len(row["title"].split()) >= TITLE_WORDS else None
