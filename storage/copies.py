"""Which stored article a text repeats, found by its bands (crawler/similar.py) and confirmed word by word."""

from __future__ import annotations

from collections import Counter, defaultdict
from collections.abc import Callable, Collection, Mapping, Sequence
from datetime import datetime, timedelta
from typing import NamedTuple

from msgspec import Struct
from sqlalchemy import bindparam, literal_column, select
from sqlalchemy.orm import Session

from storage.among import among
from storage.models import ARTICLES, CARRIERS, ENTRIES, STORIES
from storage.postings import HIGHEST, Ask, newest
from storage.text import clean

COPY_WINDOW = timedelta(days=30)  # between the first sights, and between the claimed times, of two copies
KEPT = COPY_WINDOW + timedelta(days=7)  # bands of what was seen earlier are forgotten; a page is tried for a week
# Articles that share most bands come first; the near ones are among the first few. Of a band that a page's template makes
# thousands share, only the newest are looked at.
_CANDIDATES, _PER_BAND = 20, 64
_COMPARED = 5  # word by word

Confirm = Callable[[str, str, bool], float | None]

# made once: building such a statement takes SQLAlchemy as long as sending it
_LAST_BEFORE = (
    select(ENTRIES.c.id)
    .where(ENTRIES.c.first_seen_at < bindparam("since"))
    .order_by(ENTRIES.c.first_seen_at.desc(), ENTRIES.c.id.desc())
    .limit(literal_column("1"))  # written out: for a parameter Postgres plans anew each time
)
_STORED = (
    select(
        ARTICLES.c.id, ARTICLES.c.signature, ARTICLES.c.publisher, CARRIERS.c.at,
        ARTICLES.c.story_id, CARRIERS.c.root_id, STORIES.c.first_at,
    )
    .join(CARRIERS, CARRIERS.c.article_id == ARTICLES.c.id)
    .outerjoin(STORIES, STORIES.c.id == ARTICLES.c.story_id)
    .where(among(ARTICLES.c.id, "ids"))
)  # fmt: skip
_TEXTS = select(ARTICLES.c.id, ARTICLES.c.text).where(among(ARTICLES.c.id, "ids"))


class Text(Struct, frozen=True):
    """What is compared with the texts that are stored. `at` is its plausible time, `seen_at` when it was first seen."""

    article_id: int
    publisher: str
    text: str
    signature: bytes | None
    bands: Sequence[int]
    at: datetime
    seen_at: datetime


class Stored(NamedTuple):
    """Where a stored article stands: its story, when that begins, and for a copy the first that had the text."""

    story_id: int
    began: datetime | None
    root_id: int | None


class Repeated(NamedTuple):
    """The article whose text is repeated, how similar it is, and where it stands, unless it comes together with the copy."""

    article_id: int
    similarity: float
    stored: Stored | None


class _Likely(NamedTuple):
    """An article that may be what is repeated."""

    id: int
    signature: bytes
    publisher: str
    at: datetime
    stored: Stored | None = None


def find(
    session: Session,
    texts: Sequence[Text],
    *,
    nearness: Callable[[bytes, bytes], float],
    near_copy: float,
    confirm: Confirm | None = None,
) -> list[Repeated | None]:
    """Of texts that come together, in their order: which earlier one each repeats, among those that are stored and those before it.

    Two signatures of `near_copy` are worth a comparison; `confirm` makes it, word by word, and gives the similarity of
    copies (without it the estimate is believed).
    """
    sharing = _sharing(session, texts)
    likely = _likely(session, texts, sharing)
    near = [
        _nearest(one, [likely[number] for number in some if number in likely], nearness, near_copy)
        for one, some in zip(texts, sharing, strict=True)
    ]
    words = _words(session, texts, {found.id for some in near for _, found in some}) if confirm else {}
    return [_surest(one, some, words, confirm) for one, some in zip(texts, near, strict=True)]


def window_start(session: Session, since: datetime) -> int:
    """The id from which on articles were first seen since then: ids grow with the time of first sight, but for those of one
    moment, so it lies behind the last one of before."""
    return (session.scalar(_LAST_BEFORE, {"since": since}) or 0) + 1


def _sharing(session: Session, texts: Sequence[Text]) -> list[list[int]]:
    """For each text the articles of its window that share most bands, those that come before it included."""
    bands = [set(one.bands) for one in texts]
    known = newest(session, "bands", [Ask(mine, 0, HIGHEST) for mine in bands], most=_PER_BAND)
    starts: dict[datetime, int] = {}
    together: dict[int, list[int]] = defaultdict(list)  # by band: those of before in this call
    found = []
    for one, mine, stored in zip(texts, bands, known, strict=True):
        shared: Counter[int] = Counter()
        since = (one.seen_at - COPY_WINDOW).replace(second=0, microsecond=0)
        for band in mine & (stored.keys() | together.keys()):
            if since not in starts:  # asked for by few: most share no band with any
                starts[since] = window_start(session, since)
            both = {*stored.get(band, ()), *together.get(band, ())}
            if min(both) < starts[since]:
                both = {number for number in both if number >= starts[since]}
            shared.update(both if len(both) <= _PER_BAND else sorted(both, reverse=True)[:_PER_BAND])
        for band in mine:
            together[band].append(one.article_id)
        del shared[one.article_id]
        found.append(sorted(shared, key=lambda number: (-shared[number], number))[:_CANDIDATES])
    return found


def _likely(session: Session, texts: Sequence[Text], sharing: Sequence[Collection[int]]) -> dict[int, _Likely]:
    """What is compared of those that share bands, by id."""
    here = {one.article_id: one for one in texts}
    wanted = {number for some in sharing for number in some}
    likely = {
        number: _Likely(number, one.signature, one.publisher, one.at)
        for number, one in here.items()
        if number in wanted and one.signature is not None
    }
    if others := wanted - here.keys():
        for row in session.execute(_STORED, {"ids": list(others)}):
            if row.signature is not None:
                stored = Stored(row.story_id, row.first_at, row.root_id)
                likely[row.id] = _Likely(row.id, row.signature, row.publisher, row.at, stored)
    return likely


def _nearest(
    one: Text, likely: Collection[_Likely], nearness: Callable[[bytes, bytes], float], near_copy: float
) -> list[tuple[float, _Likely]]:
    """Those that are worth a comparison, the nearest first."""
    if one.signature is None:
        return []
    around = [found for found in likely if abs(found.at - one.at) <= COPY_WINDOW]
    near = sorted(
        ((nearness(one.signature, found.signature), found) for found in around),
        key=lambda item: (-item[0], item[1].id),
    )
    return [(similarity, found) for similarity, found in near[:_COMPARED] if similarity >= near_copy]


def _surest(
    one: Text, near: Sequence[tuple[float, _Likely]], words: Mapping[int, str], confirm: Confirm | None
) -> Repeated | None:
    """Of equally near ones the earliest."""
    exact = [
        (similarity if confirm is None else confirm(one.text, words[found.id], found.publisher == one.publisher), found)
        for similarity, found in near
    ]
    sure = [(similarity, found) for similarity, found in exact if similarity is not None]
    if not sure:
        return None
    similarity, found = max(sure, key=lambda item: (item[0], -item[1].id))
    return Repeated(found.id, round(similarity, 3), found.stored)


def _words(session: Session, texts: Sequence[Text], wanted: set[int]) -> dict[int, str]:
    """The texts of these articles, as they are stored or will be."""
    here = {one.article_id: clean(one.text) for one in texts if one.article_id in wanted}
    if others := wanted - here.keys():
        here |= {row.id: row.text for row in session.execute(_TEXTS, {"ids": list(others)})}
    return here
