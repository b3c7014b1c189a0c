"""The words of the topics, read from data files and checked line by line. PURE but for reading the files that are named.

A file holds concepts, `[sense.id]`, each with a reason (`why`) and forms by language. A wrong entry is a LexiconError that
names file and line. docs/classification.md shows how to write one.
"""

from __future__ import annotations

import re
import tomllib
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

from msgspec import Struct

from crawler.classify.folding import fold

TOPICS = Path(__file__).parent / "topics"
COMMON = "common"

# What a concept can be. Anchors name the topic; the others only change what an anchor is worth.
ANCHORS = ("name", "derived", "leader", "actor", "event", "place")
SUPPORT = (
    "context",
    "theatre",
    "echo",
    "claim",
    "peer",
    "land",
    "person",
    "border",
    "comparison",
    "elsewhere",
    "migration",
    "culture",
    "hint",
    "affairs",
    "everyday",
    "abroad",
    "life",
    "roundup",
    "deed",
)
SENSES = (*ANCHORS, *SUPPORT, "other")
LANGUAGES = frozenset(
    ["am", "ar", "ckb", "de", "en", "es", "fa", "fr", "it", "ku", "nl", "om", "pl", "ru", "so", "sw", "ti", "tr"]
)
_KEYS = frozenset({"why", "weak"})
_ARABIC = re.compile(r"[\u0600-\u06ff]")
_HARD_K = re.compile(r"[^\W\d_]k\*$")  # of a Turkish word: before an ending with a vowel it is written ğ
_TOPIC_ID = re.compile(r"[a-z][a-z0-9-]{1,30}")
LONGEST_FORM = 80


class LexiconError(Exception):
    """A topic file is wrong; the message names file and line."""


class Form(Struct, frozen=True):
    """One spelling, folded. `exact` is the spelling to find in the unfolded text, for letters that are words in small."""

    text: str
    concept: Concept
    language: str
    open_end: bool  # any ending may follow
    exact: str | None
    arabic: bool  # proclitics may precede it
    latin: bool
    capital: bool = False  # spelt with a capital: in small letters it is another word


class Concept(Struct, frozen=True):
    """What a form stands for. `weak` is how many words that fit must stand beside it; 0: it needs no help; 6: a certain name alone helps."""

    topic: str
    id: str
    sense: str
    weak: int = 0


class Topic(Struct, frozen=True):
    """A topic file: its id, what it is called, its forms; whether it is a `country`, beside which others stand and whose people go elsewhere."""

    id: str
    title: str
    forms: tuple[Form, ...]
    country: bool = False


def topic_files(folder: Path = TOPICS, own: Path | None = None) -> list[Path]:
    """The topic files of a folder, `common` first, the others by name; a file of `own` stands for the one of its name.

    Raises LexiconError when there is none.
    """
    files = {file.name: file for where in (folder, own) if where is not None for file in where.glob("*.toml")}
    if not [file for file in files.values() if file.stem != COMMON]:
        raise LexiconError(f"{folder}: there is no topic file in it")
    return sorted(files.values(), key=lambda file: (file.stem != COMMON, file.stem))


def load_topics(folder: Path = TOPICS, own: Path | None = None) -> tuple[Topic, ...]:
    """The topics of these files, in their order. Raises LexiconError."""
    return tuple(load_topic(file) for file in topic_files(folder, own))


def load_topic(file: Path) -> Topic:
    """One topic file. Raises LexiconError."""
    try:
        text = file.read_text(encoding="utf-8")
        data = tomllib.loads(text)
    except OSError as error:
        raise LexiconError(f"{file}: cannot be read: {error.strerror}") from None
    except (ValueError, RecursionError) as error:  # no UTF-8, no TOML, or more than Python reads of it
        raise LexiconError(f"{file}: {error}") from None
    check = _Check(file, text)
    topic, title = data.pop("topic", None), data.pop("title", None)
    if topic != file.stem or not isinstance(topic, str) or not _TOPIC_ID.fullmatch(topic):
        raise check.error("topic", f"topic must be the file's name, {file.stem!r}")
    if not isinstance(title, str) or not title.strip():
        raise check.error("title", "title must be a text")
    country = data.pop("country", False)
    if not isinstance(country, bool):
        raise check.error("country", "country is true or false")
    forms = tuple(form for sense, concepts in data.items() for form in _forms(topic, sense, concepts, check))
    if not any(form.concept.sense in ANCHORS for form in forms) and topic != COMMON:
        raise check.error("topic", f"no concept names the topic: one of {', '.join(ANCHORS)} is needed")
    return Topic(topic, title, forms, country)


def _forms(topic: str, sense: str, concepts: Any, check: _Check) -> Iterator[Form]:
    if sense not in SENSES:
        raise check.error(f"[{sense}.", f"unknown sense {sense!r}; known are {', '.join(SENSES)}")
    if not isinstance(concepts, dict):
        raise check.error(sense, f"{sense!r} must be tables like [{sense}.id]")
    for name, entry in concepts.items():
        place = f"[{sense}.{name}]"
        if not isinstance(entry, dict) or not isinstance(entry.get("why"), str) or not entry["why"].strip():
            raise check.error(place, 'every concept gives its reason: why = "…"')
        weak = entry.get("weak", 0)
        if not isinstance(weak, (bool, int)) or not 0 <= weak <= 6:
            raise check.error(place, "weak is true or a number from 1 to 6", inside="weak")
        concept = Concept(topic, name, sense, int(weak))
        yield from _concept_forms(concept, entry, place, check)


def _concept_forms(concept: Concept, entry: Mapping[str, Any], place: str, check: _Check) -> Iterator[Form]:
    number = 0
    for language, spellings in entry.items():
        if language in _KEYS:
            continue
        if language not in LANGUAGES:
            raise check.error(place, f"unknown key or language {language!r}", inside=language)
        if not isinstance(spellings, list):
            raise check.error(place, f"{language} must be a list of spellings", inside=language)
        for spelling in spellings:
            if not isinstance(spelling, str):
                raise check.error(place, f"{spelling!r} is no text", inside=language)
            number += 1
            yield _form(spelling, concept, place, language, check)
            if language == "tr" and _HARD_K.search(spelling):
                yield _form(f"{spelling[:-2]}ğ*", concept, place, language, check)
    if not number:
        raise check.error(place, "it has no spelling in any language")


def _form(spelling: str, concept: Concept, place: str, language: str, check: _Check) -> Form:
    exact = spelling.lstrip('"').startswith("=")
    plain = spelling.replace("=", "", 1) if exact else spelling
    open_end = plain.endswith("*")
    plain = plain.rstrip("*").strip()
    folded = " ".join(fold(plain).text.split())
    if not folded or len(folded) > LONGEST_FORM or not any(letter.isalnum() for letter in folded):
        raise check.error(place, f"{spelling!r} is no spelling of 1 to {LONGEST_FORM} characters", inside=language)
    if "*" in folded or (open_end and len(folded) < 3 and not _ARABIC.search(folded)):
        raise check.error(place, f"{spelling!r}: a * may only end a spelling of three letters or more", inside=language)
    arabic = bool(_ARABIC.match(folded))
    capital = any(map(str.isupper, plain))
    return Form(folded, concept, language, open_end, plain if exact else None, arabic, folded.isascii(), capital)


class _Check:
    """Finds the line that an error is about."""

    def __init__(self, file: Path, text: str) -> None:
        self._file = file
        self._lines = text.splitlines()

    def error(self, start: str, problem: str, *, inside: str | None = None) -> LexiconError:
        """The error with the line that begins with `start`, or below it the one that begins with `inside`."""
        number = next((at for at, line in enumerate(self._lines, 1) if line.strip().startswith(start)), 1)
        if inside is not None:
            below = enumerate(self._lines[number:], number + 1)
            number = next((at for at, line in below if re.match(rf"\s*[\"']?{re.escape(inside)}\b", line)), number)
        return LexiconError(f"{self._file.name}:{number}: {problem}")
