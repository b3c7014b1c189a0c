"""The query language of `levantwatch search` and of the page: what an analyst types becomes a tree. PURE.

    raqqa "air strike" -damascus (camp OR prison) title:sdf publisher:"North Post" since:7d score:>0.8

docs/queries.md has the grammar. No SQL here: storage.asked makes the conditions. A mistake is a BadQuery that says what is wrong
and at which character.
"""

from __future__ import annotations

import difflib
import re
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from datetime import UTC, datetime
from typing import NoReturn

from storage.days import parse_day
from storage.errors import BadQuery
from storage.text import clean
from storage.tree import (
    Because,
    Country,
    Day,
    Language,
    Named,
    Node,
    Not,
    Publisher,
    Role,
    Score,
    Text,
    Topic,
    all_of,
    any_of,
)
from storage.words import term_of

LONGEST = 2_000  # characters; a page of text pasted by mistake is none
MOST_PARTS = 200  # FTS5 refuses expressions nested deeper than 256
DEEPEST = 20
SLIP = 0.8  # difflib's ratio from which `plac:"…"` is meant to be a field, and no word before a quotation
SAVED_NAME = re.compile(r"[^\W_][\w-]{0,59}")
FIELDS = (
    "title", "publisher", "country", "lang", "topic", "place", "actor", "since", "until", "score", "role", "because",
)  # fmt: skip
_ALIASES = {"language": "lang"}
_ROLES = ("original", "copy", "related")
_QUOTES = str.maketrans("\u201c\u201d\u201e\u00ab\u00bb", '"' * 5)
_FIELD = re.compile(r"([A-Za-z_]+):")
_PLAIN = re.compile(r'[^\s"()]+')
_SCORE = re.compile(r"(?:([a-z][a-z0-9_-]*?))?(>=|<=|>|<|=)?([0-9]*\.?[0-9]+)(?:\.\.([0-9]*\.?[0-9]+))?", re.ASCII)


def _itself(name: str) -> tuple[str, ...]:
    return (name,)


@dataclass(frozen=True, slots=True)
class Scope:
    """What a query may name: how topics, places and actors become ids, the saved searches, and the present.

    `topic`, `place` and `actor` raise LookupError with an explanation. Ages such as 7d count back from `now`.
    """

    topic: Callable[[str], str] = str.lower
    place: Callable[[str], tuple[str, ...]] = _itself
    actor: Callable[[str], tuple[str, ...]] = _itself
    saved: Mapping[str, str] = field(default_factory=dict)
    now: datetime = field(default_factory=lambda: datetime.now(UTC))


def parse_query(typed: str, scope: Scope | None = None) -> Node:
    """The tree of what was typed. BadQuery for a mistake, and when there is nothing to look for."""
    return _Parser(typed, scope or Scope(), ()).whole()


class _Parser:
    """One pass over the text, by recursive descent; `inside` are the saved searches that it is part of."""

    def __init__(self, typed: str, scope: Scope, inside: tuple[str, ...]) -> None:
        self._typed = clean(typed)  # as what it is compared with was stored
        self._text = self._typed.translate(_QUOTES)
        self._scope = scope
        self._inside = inside
        self._at = 0
        self._depth = 0
        self._parts = 0

    def whole(self) -> Node:
        """The tree of the whole text."""
        if len(self._text) > LONGEST:
            self._fail(f"it is longer than {LONGEST:,} characters", at=LONGEST)
        node = self._any(None)
        if self._at < len(self._text):
            self._fail("this ) closes no parenthesis")
        if node is None:
            raise BadQuery
        return node

    def _any(self, inherited: str | None) -> Node | None:
        sides: list[Node] = []
        while True:
            start = self._next()
            side = self._all(inherited)
            more = self._word("OR")
            if side is None and (more or sides):
                self._fail("OR needs something to look for on both sides", at=start if more else start - 1)
            if side is not None:
                sides.append(side)
            if not more:
                return any_of(sides) if sides else None

    def _all(self, inherited: str | None) -> Node | None:
        parts: list[Node] = []
        while self._next() < len(self._text) and self._text[self._at] != ")" and not self._peeks("OR"):
            start = self._at
            if self._word("AND"):
                if not parts or self._next() == len(self._text) or self._text[self._at] == ")" or self._peeks("OR"):
                    self._fail("AND needs something to look for on both sides", at=start)
                continue
            part = self._part(inherited)
            if part is not None:
                parts.append(part)
        return all_of(parts) if parts else None

    def _part(self, inherited: str | None) -> Node | None:
        self._parts += 1
        if self._parts > MOST_PARTS:
            self._fail(f"it has more than {MOST_PARTS} parts")
        start = self._at
        if self._word("NOT") or self._minus():
            self._deeper()
            self._next()
            node = self._part(inherited) if self._at < len(self._text) and self._text[self._at] != ")" else None
            self._depth -= 1
            if node is None and self._text[start] == "N":
                self._fail("NOT needs something behind it", at=start)
            return None if node is None else Not(node)
        if self._text[self._at] == "(":
            return self._group(inherited)
        if self._text[self._at] == "@" and inherited is None:
            return self._saved()
        return self._leaf(inherited)

    def _group(self, inherited: str | None) -> Node | None:
        start = self._at
        self._deeper()
        self._at += 1
        node = self._any(inherited)
        if self._at >= len(self._text):
            self._fail("this ( is not closed", at=start)
        self._at += 1
        self._depth -= 1
        if node is None:
            self._fail("there is nothing to look for between these parentheses", at=start)
        return node

    def _leaf(self, inherited: str | None) -> Node | None:
        start = self._at
        named = _FIELD.match(self._text, start)
        name = inherited
        if named:
            name = _ALIASES.get(named[1].lower(), named[1].lower())
            if name in FIELDS:
                self._at = named.end()
                following = self._text[self._at : self._at + 1]
                if not following.strip() or following == ")":
                    self._fail(f"{named[0]} needs its value right behind the colon", at=start)
                if following == "(":
                    return self._group(name)
            else:
                self._unknown_field(named[1], named.end(), start)
                name = inherited
        value, quoted = self._value()
        inside = re.search(r"\w\*\w", value) if name in (None, "title", "publisher") and not quoted else None
        if inside:
            beginning = value[: inside.start() + 1]
            self._fail(
                f"a * stands at the end of a word: {beginning}* is any word that begins with {beginning}", at=start
            )
        return self._filter(name, value, start, quoted=quoted) if name else _text(value, quoted=quoted)

    def _unknown_field(self, name: str, end: int, start: int) -> None:
        # "Raqqa: the city", "10:30" and an address are words; publsher:post and plac:"Deir ez-Zor" are mistakes
        following = self._text[end : end + 1]
        close = difflib.get_close_matches(name.lower(), FIELDS, 1)
        slip = following == '"' and difflib.get_close_matches(name.lower(), FIELDS, 1, SLIP)
        if slip or (following.strip() and following not in '/):"'):
            hint = f"did you mean {close[0]}:?" if close else f"the fields are {', '.join(FIELDS)}"
            self._fail(f"there is no field {name}:; {hint} (for the words themselves, put them in quotes)", at=start)

    def _value(self) -> tuple[str, bool]:
        start = self._at
        if self._text[start] == '"':
            end = self._text.find('"', start + 1)
            if end < 0:
                self._fail("this quote is not closed", at=start)
            self._at = end + 1
            return self._typed[start + 1 : end], True
        found = _PLAIN.match(self._text, start)
        assert found is not None
        self._at = found.end()
        return self._typed[start : self._at], False

    def _filter(self, name: str, value: str, at: int, *, quoted: bool) -> Node:
        try:
            return filter_of(name, value, self._scope, quoted=quoted)
        except (ValueError, LookupError) as error:
            self._fail(str(error.args[0]), at=at)

    def _saved(self) -> Node:
        start = self._at
        value, _ = self._value() if self._text[start + 1 : start + 2] != '"' else ("@", False)
        name = value[1:]
        query = self._scope.saved.get(name)
        if query is None:
            self._fail(f"there is no saved search @{name}; levantwatch search --saved lists them", at=start)
        if name in self._inside or len(self._inside) >= DEEPEST:
            self._fail(f"the saved search @{name} contains itself", at=start)
        try:
            return _Parser(query, self._scope, (*self._inside, name)).whole()
        except BadQuery as error:
            self._fail(f"in the saved search @{name}: {str(error).removeprefix('in the query, ')}", at=start)

    def _deeper(self) -> None:
        self._depth += 1
        if self._depth > DEEPEST:
            self._fail(f"it is nested more than {DEEPEST} deep")

    def _next(self) -> int:
        while self._at < len(self._text) and self._text[self._at].isspace():
            self._at += 1
        return self._at

    def _minus(self) -> bool:
        begins = self._at == 0 or self._text[self._at - 1].isspace() or self._text[self._at - 1] == "("
        following = self._text[self._at + 1 : self._at + 2]
        if begins and self._text[self._at] in "-\u2212" and following.strip():  # else it is a dash
            self._at += 1
            return True
        return False

    def _peeks(self, word: str) -> bool:
        end = self._at + len(word)
        following = self._text[end : end + 1]
        return self._text.startswith(word, self._at) and (not following.strip() or following in "()")

    def _word(self, word: str) -> bool:
        found = self._peeks(word)
        if found:
            self._at += len(word)
        return found

    def _fail(self, message: str, *, at: int | None = None) -> NoReturn:
        at = min(self._at if at is None else at, len(self._typed))
        raise BadQuery(f"in the query, at character {at + 1}: {message}", at=at)


def _text(value: str, *, quoted: bool, title: bool = False) -> Text | None:
    term = term_of(value, quoted=quoted)
    return None if term is None else Text(term, title=title)


def filter_of(name: str, value: str, scope: Scope, *, quoted: bool = True) -> Node:
    """The condition that `name:value` is. ValueError or LookupError says what is wrong."""
    simple = _SIMPLE.get(name)
    if simple is not None:
        return simple(value, scope)
    term = term_of(value, quoted=quoted)
    if term is None:
        raise ValueError(f"{name}: holds no letter or digit to look for")
    return Text(term, title=True) if name == "title" else Publisher(term)


def _country(value: str, scope: Scope) -> Node:
    if not re.fullmatch(r"[A-Za-z]{2}", value):
        raise ValueError(f"{value!r} is no country; write its two letters: SY, GB")
    code = value.upper()
    return Country({"UK": "GB", "EL": "GR"}.get(code, code))  # as --country reads them


def _language(value: str, scope: Scope) -> Node:
    if not re.fullmatch(r"[A-Za-z]{2,3}(?:[-_]\w+)*", value):
        raise ValueError(f"{value!r} is no language; write its code: en, ar, tr")
    return Language(value)


def _role(value: str, scope: Scope) -> Node:
    if value.lower() not in _ROLES:
        raise ValueError(f"{value!r} is no role; it is one of {', '.join(_ROLES)}")
    return Role(value.lower())


def _score(value: str, scope: Scope) -> Node:
    found = _SCORE.fullmatch(value.lower())
    numbers = [float(one) for one in (found[3], found[4]) if one] if found else []
    if found is None or (found[2] and len(numbers) == 2) or any(number > 1 for number in numbers):
        raise ValueError(f"{value!r} is no score; write score:>0.8, score:0.5..0.7 or score:isis>=0.9, from 0 to 1")
    if len(numbers) == 2 and numbers[0] > numbers[1]:
        raise ValueError(f"{value!r} has its ends the wrong way round; write the lower score first")
    topic, sign = found[1], found[2] or ("=" if len(numbers) == 1 else "")
    if topic and topic not in ("syria", "isis"):
        raise ValueError(f"there is no score of {topic!r}; there are those of syria and isis")
    if not sign:
        return Score(topic, ">=", numbers[0], "<=", numbers[1])
    return Score(topic, sign, numbers[0])


_SIMPLE: Mapping[str, Callable[[str, Scope], Node]] = {
    "topic": lambda value, scope: Topic(scope.topic(value.strip())),
    "country": _country,
    "lang": _language,
    "role": _role,
    "score": _score,
    "place": lambda value, scope: Named(scope.place(value)),
    "actor": lambda value, scope: Named(scope.actor(value)),
    "since": lambda value, scope: Day(parse_day(value, now=scope.now), from_it=True),
    "until": lambda value, scope: Day(parse_day(value, now=scope.now, last=True), from_it=False),
    "because": lambda value, scope: Because(value),
}
