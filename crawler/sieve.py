"""trafilatura's questions to the elements of a page, asked once of every name that pages give them. PURE.

It asks by XPath, of each element anew, and each of its regular expressions is a call from C to Python: a fifth of the time of a page. Pages
give a few names (classes, ids, roles) to all their elements. `quick` reads an expression of the few forms that trafilatura uses for this
and answers it from a table; what it does not know to the letter stays the expression that it was.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from itertools import islice
from typing import Any

import trafilatura.xpaths
from lxml.etree import XPath

MOST_KEPT = 2_000  # answers to one question
CHEAP = 600  # characters of an expression; a shorter one is answered sooner than its answer is found in a table
LONGEST_KEPT = 200  # characters of the names of one element; longer ones are styles that no other element has
_QUOTED = re.compile(r"'([^']*)'")
_PREDICATE = re.compile(r"\[([^\[\]]+)\]")
_SHAPE = re.compile(r"\.//\*(?:\[[^\[\]]+\])+|\(\.//\*(?:\[[^\[\]]+\])+\)\[1\]")
_TAGS = re.compile(r"self::\w+(?: or self::\w+)*")
_UNION, _VALUE = r"(@[\w-]+(?:\|@[\w-]+)*)", r" ?'(\d+)'"  # what is quoted stands apart; here is its number
_HAS = re.compile(r"(@[\w-]+)")
_IS = re.compile(rf"(@[\w-]+)={_VALUE}")
_CONTAINS = re.compile(rf"contains\({_UNION},{_VALUE}\)")
_STARTS = re.compile(rf"starts-with\({_UNION},{_VALUE}\)")
_TRANSLATED = re.compile(rf"contains\(translate\({_UNION},{_VALUE},{_VALUE}\),{_VALUE}\)")
_MATCHES = re.compile(rf"re:test\({_UNION},{_VALUE}(?:,{_VALUE})?\)")


@dataclass(frozen=True, slots=True)
class Test:
    """A condition: that the one of the attributes that is written first in an element has such a value; '' is none."""

    names: tuple[str, ...]
    holds: Callable[[str], object]


class Quick:
    """The answers to one question: the elements below a tree for which one of the tests holds, in the order of the document."""

    def __init__(
        self, question: XPath, tags: Sequence[str], tests: Sequence[Test], rest: XPath | None, *, first: bool
    ) -> None:
        self.question, self.first = question, first
        self._tags, self._rest = tags, rest
        self._names = sorted({name for test in tests for name in test.names})
        self._tests = [(self._names.index(test.names[0]), test.holds) for test in tests if len(test.names) == 1]
        self._tests_of_several = [test for test in tests if len(test.names) > 1]
        self._named = [(test.names[0], test.holds) for test in tests]
        self._is_cheap = not self._tests_of_several and len(" ".join(question.path.split())) <= CHEAP
        self._nameless = (None,) * len(self._names)
        self._kept: dict[tuple[str | None, ...], bool] = {}

    def __call__(self, tree: Any) -> list[Any]:
        """The elements; only the first where that is wanted."""
        found = self._asked(tree) if self._is_cheap else self._looked_up(tree)
        if self._rest is not None:
            found = filter(self._rest, found)
        return list(islice(found, 1) if self.first else found)

    def _asked(self, tree: Any) -> Iterator[Any]:
        for element in tree.iterdescendants(*self._tags):
            for name, holds in self._named:
                told = element.get(name)
                if told is not None and holds(told):
                    yield element
                    break

    def _looked_up(self, tree: Any) -> Iterator[Any]:
        names, nameless, kept = self._names, self._nameless, self._kept
        for element in tree.iterdescendants(*self._tags):
            key = tuple(map(element.get, names))
            if key == nameless:
                continue
            if self._tests_of_several and key.count(None) < len(names) - 1:
                key = (*key, *element.keys())
            holds = kept.get(key)
            if self._holds(key, element) if holds is None else holds:
                yield element

    def _holds(self, key: tuple[str | None, ...], element: Any) -> bool:
        holds = any(test(told) for number, test in self._tests if (told := key[number]) is not None) or any(
            test.holds(_first_told(element, test.names)) for test in self._tests_of_several
        )
        if sum(len(told) for told in key if told) <= LONGEST_KEPT:
            if len(self._kept) >= MOST_KEPT:
                self._kept.clear()
            self._kept[key] = holds
        return holds


def _first_told(element: Any, names: Sequence[str]) -> str:
    return next((element.get(name) for name in element.keys() if name in names), "")  # noqa: SIM118  an element is no mapping


def quicken() -> None:
    """Let trafilatura ask in this way, in this process."""
    for questions in vars(trafilatura.xpaths).values():
        if isinstance(questions, list):
            questions[:] = map(quick, questions)


def quick(question: Any) -> Any:
    """The same question, answered faster; the question itself where it is of another form.

    Of an expression that ends in `[1]` only the first answer is given: trafilatura wants no more.
    """
    if not isinstance(question, XPath):
        return question
    values = _QUOTED.findall(question.path)
    numbers = iter(range(len(values)))
    path = " ".join(_QUOTED.sub(lambda _: f"'{next(numbers)}'", question.path).split())
    if not _SHAPE.fullmatch(path):
        return question
    predicates = [one.strip() for one in _PREDICATE.findall(path)]
    first = predicates[-1] == "1"
    predicates = predicates[:-1] if first else predicates
    tags = re.findall(r"self::(\w+)", predicates.pop(0)) if _TAGS.fullmatch(predicates[0]) else ["*"]
    tests = [_test(one.strip(), values) for one in predicates.pop(0).split(" or ")] if predicates else []
    known = [test for test in tests if test is not None]
    if not known or len(known) < len(tests):
        return question
    return Quick(question, tags, known, _rest(predicates, values), first=first)


def _rest(predicates: Sequence[str], values: Sequence[str]) -> XPath | None:
    """What is asked further of an element for which a test holds."""
    if not predicates:
        return None
    asked = "".join(f"[{one}]" for one in predicates)
    path = "self::*" + _QUOTED.sub(lambda found: f"'{values[int(found[1])]}'", asked)
    return XPath(path, namespaces={"re": trafilatura.xpaths.REGEXP_NS})


def _test(condition: str, values: Sequence[str]) -> Test | None:
    """A condition as a test that no empty value passes but where its presence is asked for; None for one that is not known."""
    if found := _HAS.fullmatch(condition):
        return Test((found[1][1:],), lambda _: True)
    holds = _holds(condition, values)
    names = re.findall(r"@([\w-]+)", condition)
    return Test(tuple(names), holds) if holds and not holds("") else None


def _holds(condition: str, values: Sequence[str]) -> Callable[[str], object] | None:
    """What a condition asks of a value."""
    if found := _IS.fullmatch(condition):
        return values[int(found[2])].__eq__
    if found := _CONTAINS.fullmatch(condition):
        return lambda told, value=values[int(found[2])]: value in told  # type: ignore[misc]
    if found := _STARTS.fullmatch(condition):
        return lambda told, value=values[int(found[2])]: told.startswith(value)  # type: ignore[misc]
    if found := _TRANSLATED.fullmatch(condition):
        before, after, part = (values[int(number)] for number in found.groups()[1:])
        table = str.maketrans(before, after) if len(before) == len(after) else None
        return (lambda told: part in told.translate(table)) if table else None
    if (found := _MATCHES.fullmatch(condition)) and (found[3] is None or values[int(found[3])] == "i"):
        return re.compile(values[int(found[2])], re.IGNORECASE if found[3] else 0).search
    return None
