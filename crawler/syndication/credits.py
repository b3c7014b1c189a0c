"""Credits: the words by which an article says that an agency wrote it. PURE but for reading the data file once.

A credit stands in one of five places: the author field, the dateline ("BEIRUT (AP) -", "دمشق - سانا"), a byline above the text, the
end ("(dpa)"), or the publisher is the agency itself. An agency that is named elsewhere ("told Reuters", "with AFP") is a source of
the article, not its author.
"""

from __future__ import annotations

import re
import tomllib
import unicodedata
from functools import cache
from pathlib import Path
from typing import Any

from msgspec import Struct

from crawler.urls import registered_domain

LONGEST_PLACE, LONGEST_BYLINE = 60, 70  # characters
HEAD_LINES, HEAD, TAIL = 4, 160, 400
_DASH = "-–—―−"
_OPEN, _CLOSE = r"[(\[/（【]", r"[)\]/）】]"
_SPLIT = re.compile(r"\s*[,;/|·•&+،؛、]\s*|\s+[-–—]\s+|\s+(?:and|und|et|y|ve|и|with|avec|mit|con|oraz|i)\s+|\s+و\s+")
_PREFIX = re.compile(
    r"^(?:by|par|von|por|di|da|od|from|source|sources|quelle|quellen|kaynak|fuente|fonte|źródło|источник|المصدر|مصدر|credit|text"
    r"|©|\(c\)|copyright)\b[\s:©]*(?:\d{4}\s+)?(?:the\s+)?|^[©\s:]+(?:\d{4}\s+)?",
    re.IGNORECASE,
)
_OFFICE = re.compile(
    r"(?:^the\s+)|\s+(?:staff(?:\s+writers?)?|writers?|news|news\s+agency|agency|correspondents?|editors?|reporters?|in\s+\w+)$",
    re.IGNORECASE,
)
_PICTURE = re.compile(
    r"photo|foto|фото|image|picture|bild|archiv|getty|صور|تصوير|عکس|zdjęci|fotoğraf|görsel|video|infograph",
    re.IGNORECASE,
)
_MONTH_BESIDE = re.compile(r"\d")
_UNSEEN = re.compile("[\u200e\u200f\u202a-\u202c\ufeff]")  # marks of direction, and of byte order


class Credit(Struct, frozen=True):
    """An agency's id, where it is credited (publisher, author, dateline, byline, end) and by which words."""

    agency: str
    where: str
    text: str


class _Agencies(Struct, frozen=True):
    names: dict[str, str]  # casefolded
    short: dict[str, str]
    domains: dict[str, str]
    dateline: tuple[re.Pattern[str], ...]
    end: tuple[re.Pattern[str], ...]
    heads: tuple[tuple[re.Pattern[str], str], ...]
    ends: tuple[tuple[re.Pattern[str], str], ...]

    def of(self, name: str) -> str | None:
        """The agency of exactly this name."""
        name = name.strip(" .:()[]\u200e\u200f")
        return self.short.get(name) or self.names.get(name.casefold())


def find_credit(
    *, author: str | None = None, text: str = "", summary: str = "", url: str | None = None
) -> Credit | None:
    """The agency whose text an article is, by its publisher, its author field, its text's head and end; None for its own."""
    agencies = _agencies()
    domain = registered_domain(url or "")
    if domain in agencies.domains:
        return Credit(agencies.domains[domain], "publisher", domain)
    if author and (found := _named(author)):
        return Credit(found, "author", _line(author))
    return _head(text) or _end(text) or _head(summary) or _end(summary)


def _named(names: str) -> str | None:
    """The first agency in a list of names; a person's name beside it does not matter."""
    agencies = _agencies()
    for part in (names, *_SPLIT.split(names[:300])):
        bare = _PREFIX.sub("", part.strip()).strip(" .:()[]\u200e\u200f")
        for name in (bare, _OFFICE.sub("", bare).strip()):
            if agency := agencies.of(name):
                return agency
    return None


def _head(text: str) -> Credit | None:
    agencies = _agencies()
    for line, last in _first_lines(text):
        if own := _own_form(agencies.heads, line, "dateline"):
            return own
        for pattern in agencies.dateline:
            found = pattern.search(line)
            if found and _is_place(found["place"] or "") and (agency := agencies.of(found["agency"])):
                return Credit(agency, "dateline", _line(found.group()))
        if (
            not last
            and len(line) <= LONGEST_BYLINE
            and not _PICTURE.search(line)
            and _is_byline(line)
            and (agency := _named(line))
        ):
            return Credit(agency, "byline", _line(line))
    return None


def _end(text: str) -> Credit | None:
    agencies = _agencies()
    last = _normal(text[-TAIL * 2 :]).rstrip().rpartition("\n")[2][-TAIL:]
    if own := _own_form(agencies.ends, last, "end"):
        return own
    if _PICTURE.search(last[-120:]):
        return None
    for pattern in agencies.end:
        found = pattern.search(last)
        if found and (agency := agencies.of(found["agency"])):
            return Credit(agency, "end", _line(found.group()))
    if len(last) <= LONGEST_BYLINE and _is_byline(last) and (agency := _named(last)):
        return Credit(agency, "end", _line(last))
    return None


def _own_form(patterns: tuple[tuple[re.Pattern[str], str], ...], line: str, where: str) -> Credit | None:
    for pattern, agency in patterns:
        if found := pattern.search(line):
            return Credit(agency, where, _line(found.group()))
    return None


def _first_lines(text: str) -> list[tuple[str, bool]]:
    """The first lines that say something, each but its beginning, and whether it is the last of several."""
    lines = [line.strip()[:HEAD] for line in _normal(text[:2_000]).splitlines() if line.strip()]
    return [(line, number > 0 and number == len(lines) - 1) for number, line in enumerate(lines[:HEAD_LINES])]


def _is_byline(line: str) -> bool:
    """Whether a short line is a list of names rather than a sentence: it ends in none of a sentence's marks, or begins as bylines
    do, and is not long."""
    return bool(_PREFIX.match(line)) or (len(line.split()) <= 6 and line[-1:] not in ".!?؟。:")


def _is_place(words: str) -> bool:
    """Whether this may stand before an agency in a dateline: a place, perhaps with a date; no clause."""
    parts = re.findall(r"\w+", words)
    dated = any(_MONTH_BESIDE.match(part) for part in parts)
    if len(parts) > (8 if dated else 5):
        return False
    for at, part in enumerate(parts):
        beside = parts[max(at - 1, 0) : at + 2]
        if part[0].islower() and len(part) > 3 and not any(one[0].isdigit() for one in beside):
            return False
    return True


def _normal(text: str) -> str:
    return _UNSEEN.sub("", unicodedata.normalize("NFC", text)).replace("\u00a0", " ")


def _line(words: str) -> str:
    return " ".join(words.split())[:100]


@cache
def _agencies() -> _Agencies:
    data = tomllib.loads(Path(__file__).with_name("agencies.toml").read_text(encoding="utf-8"))["agency"]
    names = {name.casefold(): one["id"] for one in data for name in one["names"]}
    short = {form: one["id"] for one in data for name in one["short"] for form in (name, name.upper())}
    any_name = _any_name(names, short)
    place = rf"^(?P<place>[^\n!?:;()\[\]/]{{2,{LONGEST_PLACE}}}?)"
    return _Agencies(
        names=names,
        short=short,
        domains={domain: one["id"] for one in data for domain in one["domains"]},
        dateline=(
            # BEIRUT, Nov 24 (Reuters) - ; /ТАСС/. ; (ANSA) - ROMA
            re.compile(
                rf"(?:{place}|^)\s*{_OPEN}\s*{any_name}(?:/\w{{1,12}}|[^)\]/\n]{{0,20}}){_CLOSE}[.\s]*(?:[{_DASH}:.،]|$)"
            ),
            # BEIRUT (AP) Rebels ...: without a dash only after capitals
            re.compile(rf"^(?P<place>[A-ZÄÖÜÉÈİŞÇĞ][A-ZÄÖÜÉÈİŞÇĞ ,.'-]{{2,40}})\s*\({any_name}\)\s"),
            # دمشق - سانا ; بيروت/ الأناضول ; Hewlêr (Rûdaw) -
            re.compile(rf"{place}\s*[{_DASH}/|،,]\s*{any_name}\s*(?:[{_DASH}:.|/\n]|$|(?<=[\u0600-\u06ff])\s)"),
            # Москва. 24 ноября. INTERFAX.RU -
            re.compile(rf"{place}[.,،]\s*{any_name}\s*[{_DASH}]"),
            # AFP - ...
            re.compile(rf"^(?P<place>){any_name}\s*(?:\s[{_DASH}|]|/)\s"),
        ),
        end=(
            re.compile(rf"{_OPEN}\s*{any_name}(?:\s*[/,+&-][^()\[\]]{{0,30}})?{_CLOSE}\W*$"),
            re.compile(rf"[.!?؟…\"”»]\s*[{_DASH}]*\s*{any_name}(?:/[\w-]{{1,20}})?\W?$"),
        ),
        heads=_patterns(data, "heads"),
        ends=_patterns(data, "ends"),
    )


def _any_name(names: dict[str, str], short: dict[str, str]) -> str:
    full = "|".join(re.escape(name) for name in sorted(names, key=len, reverse=True))
    letters = "|".join(re.escape(name) for name in sorted(short, key=len, reverse=True))
    return rf"(?<!\w)(?P<agency>(?i:{full})|{letters})(?!\w)"


def _patterns(data: list[dict[str, Any]], field: str) -> tuple[tuple[re.Pattern[str], str], ...]:
    return tuple((re.compile(pattern), one["id"]) for one in data for pattern in one.get(field, ()))
