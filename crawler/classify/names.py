"""Names of places and actors as the matcher takes them: their variants, and who shares one. PURE."""

from __future__ import annotations

import re
from collections.abc import Collection, Iterator, Sequence
from dataclasses import dataclass
from typing import Protocol

from crawler.classify.folding import fold
from crawler.classify.lexicon import LANGUAGES, LONGEST_FORM, Concept, Form, LexiconError

NAMES = "#names"  # where a topic's id stands in other concepts; no topic can be called so
BEARER = "bearer:"  # what the id of another bearer begins with
HINT = "hint:"  # and that of words that say which country a text speaks of, but name nothing: Syrian
_ARABIC = re.compile(r"[\u0600-\u06ff]")
_SUN = re.compile(r"\bal-(sh|[stdznrl])", re.IGNORECASE)  # letters that the Arabic article takes on when it is spoken


@dataclass(frozen=True, slots=True)
class Name:
    """A name as a data file gives it: whose, in which language, and where it stands (file:line)."""

    owner: str
    spelling: str
    language: str
    where: str


@dataclass(frozen=True, slots=True)
class _Read:
    """A name that was read: how doubtful it is (0, 1, 2), its letters where just these count."""

    name: Name
    grade: int
    exact: str | None


class Followed(Protocol):
    """Tells of two owners of one name whether one followed the other in time, so that the day decides."""

    def __call__(self, first: str, second: str) -> bool: ...


def forms_of(names: Sequence[Name], places: Collection[str], followed: Followed) -> tuple[Form, ...]:
    """Every spelling and its variants; a spelling that several share becomes one concept of all of them, `|` between their ids.

    Raises LexiconError for a name that is none, or that two bear without its being marked so.
    """
    found: dict[tuple[str, bool], list[_Read]] = {}
    variants: list[tuple[tuple[str, bool], _Read]] = []
    for name in names:
        read, plain, open_end = _read(name)
        found.setdefault((_folded(plain), open_end), []).append(read)
        if read.exact is None:
            variants += [((_folded(one), open_end), read) for one in {*_variants(plain)} - {plain}]
    for key, read in variants:
        # what a row says itself is stronger than what follows from another row's hyphen
        if all(other.name.owner == read.name.owner for other in found.get(key, ())):
            found.setdefault(key, []).append(read)
    return tuple(
        form for (text, open_end), given in found.items() for form in _forms(text, open_end, given, places, followed)
    )


def _forms(
    text: str, open_end: bool, given: Sequence[_Read], places: Collection[str], followed: Followed
) -> Iterator[Form]:
    owners = tuple(dict.fromkeys(read.name.owner for read in given))
    _check_shared(text, given, owners, followed)
    sense = "other" if owners[0].startswith((BEARER, HINT)) else "place" if owners[0] in places else "actor"
    arabic = bool(_ARABIC.match(text))
    # what is doubtful in one language is so in all: a text does not always tell in which it is
    grades: dict[str | None, int] = {}
    for read in given:
        grades[read.exact] = max(read.grade, grades.get(read.exact, 0))
    for language, exact in dict.fromkeys((read.name.language, read.exact) for read in given):
        concept = Concept(NAMES, "|".join(owners), sense, grades[exact])
        yield Form(text, concept, language, open_end, exact, arabic, latin=text.isascii())


def _read(name: Name) -> tuple[_Read, str, bool]:
    """A name without its marks, and whether any ending may follow."""
    bare = name.spelling.strip()
    plain = bare.lstrip("?")
    grade = len(bare) - len(plain)
    exact = plain.startswith("=")
    open_end = plain.endswith("*")
    plain = plain.removeprefix("=").removesuffix("*").strip()
    if name.language not in LANGUAGES:
        raise LexiconError(f"{name.where}: unknown language {name.language!r} of {name.spelling!r}")
    if grade > 2 or "*" in plain or not 2 <= len(_folded(plain)) <= LONGEST_FORM or not any(map(str.isalnum, plain)):
        raise LexiconError(f"{name.where}: {name.spelling!r} is no name of 2 to {LONGEST_FORM} characters")
    if open_end and len(_folded(plain)) < 3:
        raise LexiconError(f"{name.where}: {name.spelling!r}: a * may only end a name of three letters or more")
    return _Read(name, grade, plain if exact else None), plain, open_end


def _folded(name: str) -> str:
    return " ".join(fold(name).text.split())


def _variants(name: str) -> Iterator[str]:
    """What writers make of a name: no hyphens, no apostrophes, el- for al-, ash- for al-sh-; in Arabic "to the" is one letter."""
    if _ARABIC.match(name):
        if name.startswith("ال"):
            yield "لل" + name[2:]
        return
    if name.endswith("-"):
        return
    for one in (name, re.sub(r"\bal-", "el-", name, flags=re.IGNORECASE), _SUN.sub(r"a\1-\1", name)):
        for other in (one, re.sub(r"['’]", "", one)):
            yield other
            yield other.replace("-", " ")


def _check_shared(text: str, given: Sequence[_Read], owners: Sequence[str], followed: Followed) -> None:
    """A name of two is marked so, or the two followed one another."""
    if len(owners) == 1 or all(read.grade for read in given) or (len(owners) == 2 and followed(*owners)):
        return
    where = " and ".join(dict.fromkeys(f"{read.name.owner} ({read.name.where})" for read in given))
    raise LexiconError(f"{given[-1].name.where}: {text!r} names {where}; mark it with ? in each")
