"""What an index can tell of a query by itself: words where it asks for phrases, the text's words where it asks for the title's. PURE."""

from __future__ import annotations

from storage.tree import And, Node, Not, Or, Text, all_of
from storage.words import Term


def in_text(node: Node) -> Node | None:
    """What the text holds of whatever answers words of a title, for it begins with the title; None when that may be nothing."""
    if isinstance(node, Text):
        return Text(node.term)
    if isinstance(node, And | Or):
        parts = [in_text(part) for part in node.parts]
        known = [part for part in parts if part is not None]
        if isinstance(node, Or):
            return Or(tuple(known)) if len(known) == len(parts) else None
        return all_of(known) if known else None
    return None


def wider(node: Node) -> Node | None:
    """What the index alone can tell: words instead of phrases. Whatever answers `node` answers it; None when all might."""
    if isinstance(node, Text):
        return _words(node)
    if isinstance(node, And):
        known = [one for one in map(wider, node.parts) if one is not None]
        return None if not any(finds(one) for one in known) else known[0] if len(known) == 1 else And(tuple(known))
    if isinstance(node, Or):
        sides = [wider(part) for part in node.parts]
        return Or(tuple(side for side in sides if side)) if all(side and finds(side) for side in sides) else None
    # what is not there can be told of single words alone
    return node if isinstance(node, Not) and isinstance(node.part, Text) and len(node.part.term.words) == 1 else None


def finds(node: Node) -> bool:
    """Whether it asks for something that is there."""
    return isinstance(node, Text | Or) or (isinstance(node, And) and any(map(finds, node.parts)))


def _words(node: Text) -> Node:
    *first, last = node.term.words
    if not first:
        return node
    parts = [Text(Term((word,)), title=node.title) for word in dict.fromkeys(first)]
    return And((*parts, Text(Term((last,), prefix=node.term.prefix), title=node.title)))
