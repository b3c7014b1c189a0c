"""The feeds that come with levantwatch, as data: `feeds.csv`, one row a feed. README.md says how they were chosen. PURE."""

from __future__ import annotations

import csv
from importlib.resources import files

from crawler.description import FeedDescription

# The words that the catalogue's tags are made of. A topic's name among a feed's tags has every article of it read, so `syria` and `isis`
# stand only at feeds that are about nothing else.
_TAGS = (
    "syria isis levant iraq turkey lebanon jordan israel palestine iran gulf egypt middle-east africa world kurdish "
    "security jihadism analysis humanitarian human-rights business sitemap search-feed topic-page user-posts "
)
TAGS = frozenset(_TAGS.split())


def load_catalogue() -> tuple[FeedDescription, ...]:
    """Every feed of the catalogue, by publisher."""
    text = files("crawler.catalogue").joinpath("feeds.csv").read_text(encoding="utf-8")
    return tuple(_described(row) for row in csv.DictReader(text.splitlines()))


def _described(row: dict[str, str]) -> FeedDescription:
    return FeedDescription(
        url=row["url"],
        title=row["title"],
        publisher=row["publisher"],
        homepage=row["homepage"] or None,
        language=row["language"],
        country=row["country"],
        kind=row["kind"],
        tags=tuple(row["tags"].split()),
    )
