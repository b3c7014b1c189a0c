"""What is said on standard error when no match answers: what was asked, and which part of it leaves nothing."""

from __future__ import annotations

import difflib
import re
from collections.abc import Iterable, Mapping
from dataclasses import replace
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from sqlalchemy.orm import Session

    from storage.search import Filters

_WITHOUT: Mapping[str, Mapping[str, Any]] = {
    "--topic": {"topic": None},
    "--since": {"since": None},
    "--until": {"until": None},
    "--publisher": {"publisher": None},
    "--country": {"country": None},
    "--language": {"language": None},
    "--place": {"named": ()},
    "--actor": {"named": ()},
    "--only-because-of": {"only_because_of": None},
}
_DAYS = "levantwatch stats tells from which day to which there are matches"
_ALONE = {
    "--since": _DAYS,
    "--until": _DAYS,
    "--country": "levantwatch feeds list tells the countries of the feeds",
    "--language": "levantwatch feeds list tells the languages of the feeds",
    "--only-because-of": "levantwatch why ID names the terms that weighed",
}
_OF_WORDS = "try fewer words, another spelling, or the beginning of a word with a star, as in syri*"
_WORD = re.compile(r"\w[\w'’-]*\*?")
_CLOSE = 0.5  # difflib's ratio: "north post" is near "The North Post"


def no_match(session: Session, filters: Filters, given: Mapping[str, Any]) -> str:
    """One line: what was asked, and what to try. `given` are the values of the options, in the order of their help."""
    options = {name: value for name, value in given.items() if value}
    pieces = [filters.words] if filters.words else []
    for name, value in options.items():
        pieces += [f"{name} {_quoted(one)}" for one in (value if isinstance(value, list) else [value])]
    return f"no match{' for ' if pieces else ''}{' '.join(pieces)}; {_hint(session, filters, options)}"


def _hint(session: Session, filters: Filters, options: Mapping[str, Any]) -> str:
    from storage.errors import BadQuery
    from storage.search import Filters, search

    def some(asked: Filters) -> bool:
        try:
            return bool(search(session, replace(asked, limit=1)))
        except BadQuery:  # a sign alone, which excludes nothing
            return True

    if not some(Filters()):
        return "nothing has matched yet: levantwatch stats tells what was polled and read"
    publisher = filters.publisher and _other_publisher(session, filters.publisher)
    if publisher:
        return publisher
    words = _words(filters.words)
    nowhere = [one for one in words if not some(Filters(words=one, scope=filters.scope))]
    if nowhere:
        return f"none has {' or '.join(nowhere)}, which may be written otherwise"
    if len(options) + bool(filters.words) > 1:
        less = [name for name in options if some(replace(filters, **_WITHOUT[name]))]
        less += ["the words"] if filters.words and some(replace(filters, words="")) else []
        return (
            f"without {' or without '.join(less)} there is one" if less else "to leave out one of these is not enough"
        )
    alone = next((_ALONE[name] for name in options if name in _ALONE), _OF_WORDS)
    return "each word is in one, none has all of them; OR between two asks for either" if words else alone


def _words(typed: str) -> list[str]:
    """The words of a query that is nothing but several of them."""
    words = typed.split()
    plain = all(_WORD.fullmatch(one) and one not in ("OR", "AND", "NOT") for one in words)
    return words if plain and len(words) > 1 else []


def _other_publisher(session: Session, name: str) -> str | None:
    """What to say of a publisher that has no match, with those whose names are close; None for one that has."""
    from storage.asked import publishers

    names = publishers(session)
    if name in names:
        return None
    close = close_to(name, names)
    hint = f"close to it: {', '.join(close)}" if close else "the query publisher:WORD finds a part of a name"
    return f"no publisher of a match is called {name!r}; {hint}"


def close_to(name: str, names: Iterable[str]) -> list[str]:
    """Of these publishers a few whose names are like it, or hold it, whatever their case and accents."""
    from storage.text import fold

    folded = {fold(one): one for one in names}
    close = [folded[one] for one in difflib.get_close_matches(fold(name), folded, 3, _CLOSE)]
    return close + [one for key, one in folded.items() if fold(name) in key and one not in close][:3]


def _quoted(value: str) -> str:
    return f'"{value}"' if " " in value else value
