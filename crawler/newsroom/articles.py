"""The sample articles: files to checked values. Reads only what the package holds."""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass
from functools import lru_cache
from importlib import resources
from importlib.resources.abc import Traversable
from itertools import pairwise

CORRECTED = "=== corrected"
PAGES = ("ordinary", "appeal", "fails-once", "script-shell", "gone", "paywalled", "none")
LANGUAGES = ("en", "ar", "tr", "fr", "de", "es", "ru", "ku", "fa")
_REQUIRED = frozenset(["id", "language", "section", "title", "summary", "author", "hours", "syria", "isis", "case"])
_OPTIONAL = frozenset(["round", "feeds", "page", "guid"])
_CORRECTABLE = frozenset(["title", "summary", "hours"])


class SampleError(Exception):
    """An article file of the newsroom is wrong."""


@dataclass(frozen=True, slots=True)
class Version:
    """What an article says in a round; `hours` is how long before the newsroom's start it came out or was changed."""

    title: str
    summary: str
    hours: float
    paragraphs: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class SampleArticle:
    """One article of one outlet. `topics` is the truth, `case` the kind of case it stands for, `round` when it appears.

    `feeds` are the outlet's feeds that list it (none named: the first); `page` is one of PAGES: how its page behaves;
    `guid` is what its feed calls it when that is not its own number.
    """

    id: int
    outlet: str
    slug: str
    language: str
    section: str
    author: str
    topics: tuple[str, ...]
    case: str
    first: Version
    corrected: Version | None = None
    round: int = 1
    feeds: tuple[str, ...] = ()
    page: str = "ordinary"
    guid: str | None = None

    def version(self, round_: int) -> Version:
        """What it says in this round: 1 or 2."""
        return self.corrected if self.corrected and round_ > 1 else self.first


@lru_cache(maxsize=1)
def load_articles() -> tuple[SampleArticle, ...]:
    """Every sample article by its number. Raises SampleError for a wrong file and for a number that stands on two."""
    folders = sorted((folder for folder in _data().iterdir() if folder.is_dir()), key=lambda folder: folder.name)
    articles = [
        read_article(file.read_text(encoding="utf-8"), outlet=folder.name, slug=file.name.removesuffix(".txt"))
        for folder in folders
        for file in folder.iterdir()
        if file.name.endswith(".txt")
    ]
    articles.sort(key=lambda article: article.id)
    for one, next_one in pairwise(articles):
        if one.id == next_one.id:
            raise SampleError(f"two articles have the number {one.id}: {one.slug} and {next_one.slug}")
    return tuple(articles)


def read_article(source: str, *, outlet: str, slug: str) -> SampleArticle:
    """The article in a file's text. Raises SampleError with the file and what is wrong."""
    where = f"{outlet}/{slug}"
    original, mark, correction = source.partition(f"\n{CORRECTED}\n")
    header, paragraphs = _parts(original, where)
    if missing := _REQUIRED - header.keys():
        raise SampleError(f"{where}: no {', '.join(sorted(missing))}")
    if unknown := header.keys() - _REQUIRED - _OPTIONAL:
        raise SampleError(f"{where}: unknown {', '.join(sorted(unknown))}")
    page = _one_of(header.get("page", "ordinary"), PAGES, where)
    try:
        return SampleArticle(
            id=int(header["id"]),
            outlet=outlet,
            slug=slug,
            language=_one_of(header["language"], LANGUAGES, where),
            section=header["section"],
            author=header["author"],
            topics=tuple(topic for topic in ("isis", "syria") if _one_of(header[topic], ("0", "1"), where) == "1"),
            case=header["case"],
            first=_version(header, paragraphs),
            corrected=_corrected(header, correction, where) if mark else None,
            round=int(header.get("round", "1")),
            feeds=tuple(header.get("feeds", "").split()),
            page=page,
            guid=header.get("guid"),
        )
    except ValueError as error:
        raise SampleError(f"{where}: {error}") from error


def _corrected(header: Mapping[str, str], source: str, where: str) -> Version:
    changed, paragraphs = _parts(source, where)
    if wrong := changed.keys() - _CORRECTABLE:
        raise SampleError(f"{where}: a correction cannot change {', '.join(sorted(wrong))}")
    return _version({**header, **changed}, paragraphs)


def _version(header: Mapping[str, str], paragraphs: tuple[str, ...]) -> Version:
    return Version(header["title"], header["summary"], float(header["hours"]), paragraphs)


def _parts(source: str, where: str) -> tuple[dict[str, str], tuple[str, ...]]:
    """The header and the paragraphs of a file or of its correction."""
    head, _, body = source.strip().partition("\n\n")
    header: dict[str, str] = {}
    for line in head.splitlines():
        name, colon, value = line.partition(":")
        if not colon or not value.strip() or name in header:
            raise SampleError(f"{where}: not `name: value`, or said twice: {line!r}")
        header[name] = value.strip()
    paragraphs = tuple(" ".join(part.split()) for part in re.split(r"\n\s*\n", body) if part.strip())
    if not paragraphs:
        raise SampleError(f"{where}: no paragraph")
    return header, paragraphs


def _one_of(value: str, allowed: tuple[str, ...], where: str) -> str:
    if value not in allowed:
        raise SampleError(f"{where}: {value!r} is none of {', '.join(allowed)}")
    return value


def _data() -> Traversable:
    return resources.files(__package__) / "data"
