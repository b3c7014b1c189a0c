"""A query as a tree: what must hold of a match. PURE; storage.query makes it, storage.asked turns it into conditions."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from datetime import date
from typing import Self, TypeAlias

from msgspec import Struct

from storage.words import Term


class Text(Struct, frozen=True):
    """The words stand side by side in title, summary or text; in the title alone if `title`."""

    term: Term
    title: bool = False


class Publisher(Struct, frozen=True):
    """The publisher is called so; when none is, every one whose name holds these words side by side."""

    term: Term


class Country(Struct, frozen=True):
    """The publisher's country, two capital letters."""

    code: str


class Language(Struct, frozen=True):
    """The article's language."""

    code: str


class Topic(Struct, frozen=True):
    """It matches this topic."""

    name: str


class Named(Struct, frozen=True):
    """It names one of these places or actors beyond doubt."""

    ids: tuple[str, ...]


class Day(Struct, frozen=True):
    """Its day is this one or a later one (`from_it`), or this one or an earlier one."""

    day: date
    from_it: bool


class Score(Struct, frozen=True):
    """A score compared with a number, or two; without `topic` the higher of both."""

    topic: str | None
    sign: str
    number: float
    sign2: str | None = None
    number2: float | None = None


class Role(Struct, frozen=True):
    """Its part in its story."""

    role: str


class Because(Struct, frozen=True):
    """Without this term of the evidence it would be no match."""

    term: str


class Not(Struct, frozen=True):
    """It does not hold."""

    part: Node


class And(Struct, frozen=True):
    """All of them hold; two at least."""

    parts: tuple[Node, ...]


class Or(Struct, frozen=True):
    """One of them holds; two at least."""

    parts: tuple[Node, ...]


Node: TypeAlias = Text | Publisher | Country | Language | Topic | Named | Day | Score | Role | Because | Not | And | Or


def all_of(parts: Sequence[Node]) -> Node:
    """One node for all of these; nested ones are put side by side."""
    flat = [one for part in parts for one in (part.parts if isinstance(part, And) else (part,))]
    return flat[0] if len(flat) == 1 else And(tuple(flat))


def any_of(parts: Sequence[Node]) -> Node:
    """One node for one of these."""
    flat = [one for part in parts for one in (part.parts if isinstance(part, Or) else (part,))]
    return flat[0] if len(flat) == 1 else Or(tuple(flat))


def is_text(node: Node, *, title: bool) -> bool:
    """Whether the tree asks for words alone: of the title, or of the whole article."""
    if isinstance(node, Text):
        return node.title is title
    if isinstance(node, Not):
        return is_text(node.part, title=title)
    return isinstance(node, And | Or) and all(is_text(part, title=title) for part in node.parts)


def wanted_terms(node: Node) -> Iterator[Term]:
    """The words that a match may hold because of this tree, those that must be absent left out."""
    if isinstance(node, Text):
        yield node.term
    elif isinstance(node, And | Or):
        for part in node.parts:
            yield from wanted_terms(part)


class FullText(Struct, frozen=True):
    """A tree of words as a full-text index understands it: the rows that `expression` finds, or all others (`others`)."""

    expression: str
    others: bool = False

    @classmethod
    def of(cls, node: Node) -> Self:
        """For FTS5, which knows `a NOT b` but no bare NOT: so what is not is carried to the top."""
        if isinstance(node, Text):
            return cls(node.term.fts5())
        if isinstance(node, Not):
            inner = cls.of(node.part)
            return cls(inner.expression, not inner.others)
        assert isinstance(node, And | Or)
        both = [cls.of(part) for part in node.parts]
        plain, others = ([one.expression for one in both if one.others is is_other] for is_other in (False, True))
        if isinstance(node, And):
            if not plain:
                return cls(_joined(others, " OR "), others=True)
            return cls(_without(_joined(plain, " AND "), others, " OR "))
        if not others:
            return cls(_joined(plain, " OR "))
        return cls(_without(_joined(others, " AND "), plain, " OR "), others=True)


def tsquery(node: Node) -> str:
    """A tree of words as a tsquery literal."""
    if isinstance(node, Text):
        return node.term.tsquery()
    if isinstance(node, Not):
        return "!" + tsquery(node.part)
    assert isinstance(node, And | Or)
    return "(" + (" & " if isinstance(node, And) else " | ").join(tsquery(part) for part in node.parts) + ")"


def _joined(parts: list[str], sign: str) -> str:
    return parts[0] if len(parts) == 1 else "(" + sign.join(parts) + ")"


def _without(wanted: str, unwanted: list[str], sign: str) -> str:
    return f"({wanted} NOT {_joined(unwanted, sign)})" if unwanted else wanted
