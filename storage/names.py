"""Which places and actors an article names beyond doubt, as words of a small index of its own. Postgres alone needs it.

As `mentions` lists them, names are in the order of articles' ids. Beside the sort key they are listed as words are (looking.py): the
newest of two names that thousands of articles hold are found without a look at each.
"""

from __future__ import annotations

from collections.abc import Collection, Sequence

from sqlalchemy import BigInteger, column, table, text
from sqlalchemy.orm import Session

from storage.tree import Node, Text, all_of, any_of
from storage.words import Term

NAMES_DDL = (
    "CREATE TABLE articles_names (rowid bigint PRIMARY KEY, document tsvector NOT NULL)",
    "CREATE INDEX ix_articles_names_document ON articles_names USING gin (document)",
)
NAMES = table("articles_names", column("rowid", BigInteger()), column("document"))
_OF_MENTIONS = """
INSERT INTO articles_names (rowid, document)
SELECT a.sort_key, array_to_tsvector(array_agg(DISTINCT m.name))
FROM mentions m JOIN articles a ON a.id = m.entry_id
WHERE m.resolved{these} GROUP BY a.sort_key
"""
FILL = _OF_MENTIONS.format(these="")
_THESE = " = ANY (ARRAY(SELECT unnest(CAST(:these AS bigint[]))))"
_NOTE = text(_OF_MENTIONS.format(these=f" AND m.entry_id{_THESE}"))
_FORGET = text(f"DELETE FROM articles_names n USING articles a WHERE n.rowid = a.sort_key AND a.id{_THESE}")


def note(session: Session, these: Collection[int], *, known: Collection[int]) -> None:
    """Note what these articles, by id, name by now; `known` are those of which something may be noted."""
    if known:
        session.execute(_FORGET, {"these": _array(known)})
    if these:
        session.execute(_NOTE, {"these": _array(these)})


def named_all(groups: Sequence[Collection[str]]) -> Node:
    """The words that stand in NAMES for an article that names one of every group; a group of none is named by none."""
    return all_of([any_of([_word(name) for name in sorted(group) or [" "]]) for group in groups])


def _word(name: str) -> Text:
    return Text(Term((name.replace("\\", "\\\\").replace("'", "''"),)))


def _array(numbers: Collection[int]) -> str:
    return f"{{{','.join(map(str, numbers))}}}"
