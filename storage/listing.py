"""What Postgres can list beside words, and between which sort keys: a room of looking.py."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from msgspec import Struct
from sqlalchemy import ColumnElement, Select
from sqlalchemy.orm import Session

from storage.bounded import FEW, among, few
from storage.names import NAMES
from storage.planning import for_lists
from storage.windows import Spread

# of all articles that name something: what more name is looked at for each hit, fifty of them among ten thousand at most; no list is read then
COMMON = 0.005


class Lists(Struct, frozen=True):
    """Conditions that an index lists by themselves: the sort keys that meet all the short ones, and a SELECT for each long one. What
    `names` and `titles` list no other index gives in order: their newest are found by their lists alone."""

    keys: frozenset[int] | None
    long: tuple[Select[Any], ...]
    names: tuple[Select[Any], ...] = ()
    titles: tuple[Select[Any], ...] = ()
    met: float = 1.0  # the part of all articles that meet what is looked at for each hit

    @classmethod
    def of(
        cls,
        session: Session,
        within: Sequence[Select[Any]],
        keys: Sequence[set[int]],
        *,
        names: Select[Any] | None,
        titles: Select[Any] | None,
    ) -> Lists:
        """Read those of the SELECTs that are short, and let go of names that are common; `keys` are lists that are read."""
        short, long = list(keys), []
        rows = estimated(session, names) if names is not None else 0
        share = rows / max(1.0, Spread.of(session, NAMES).rows) if rows > FEW else 0.0
        common = names is not None and share > COMMON
        for one in (*within, *([] if names is None or common else [names])):
            found = few(session, one)
            if found is None:
                long.append(one)
            else:
                short.append(set(found))
        titled = None if titles is None else _few_titles(session, titles)
        short += [] if titled is None else [titled]
        return cls(
            frozenset.intersection(*map(frozenset, short)) if short else None,
            tuple(one for one in long if one is not names),
            tuple(one for one in long if one is names),
            () if titles is None or titled is not None else (titles,),
            min(1.0, share) if common else 1.0,
        )

    @property
    def all(self) -> tuple[Select[Any], ...]:
        """The long ones."""
        return self.long + self.names + self.titles

    def met_by(self, session: Session, key: ColumnElement[int]) -> list[ColumnElement[bool]]:
        """The condition on a sort key that it is among the short ones."""
        return [] if self.keys is None else [among(session, key, self.keys)]


def _few_titles(session: Session, titles: Select[Any]) -> set[int] | None:
    """The sort keys of a list of titles, if they are few."""
    if estimated(session, titles) > FEW:
        return None
    with for_lists(session, one=True):
        found = few(session, titles)
    return None if found is None else set(found)


class Span(Struct, frozen=True):
    """The sort keys among which to look: from `low` on, and below `high`."""

    low: int | None
    high: int | None

    def of(self, key: ColumnElement[int]) -> list[ColumnElement[bool]]:
        """The conditions on a sort key."""
        from_low = [] if self.low is None else [key >= self.low]
        return from_low if self.high is None else [*from_low, key < self.high]


EVERYWHERE = Span(None, None)


def estimated(session: Session, query: Select[Any]) -> int:
    """How many rows the planner expects of a query: of words it knows the frequent ones."""
    connection = session.connection()
    asked = query.compile(connection, compile_kwargs={"render_postcompile": True})
    plan = connection.exec_driver_sql(f"EXPLAIN (FORMAT JSON) {asked}", asked.params).scalar_one()
    return int(plan[0]["Plan"]["Plan Rows"])
