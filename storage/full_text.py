"""The full-text indexes of articles and of their titles, in which SQLite and Postgres differ. A room of db.py."""

from __future__ import annotations

from collections.abc import Sequence
from typing import NamedTuple

from sqlalchemy import (
    BigInteger,
    BindParameter,
    ColumnElement,
    TableClause,
    Text,
    bindparam,
    cast,
    column,
    delete,
    insert,
    literal,
    literal_column,
    table,
    text,
)
from sqlalchemy.orm import Session

from storage.names import NAMES
from storage.pairs import PAIRS, pair_bits
from storage.portable import is_sqlite
from storage.tree import FullText, Node, tsquery


# The full-text indexes are the tables articles_fts and titles_fts (rowid, document) on both: FTS5 there, tsvector + GIN
# here. They are no models, because neither kind of column exists on the other side. Their rowid is articles.sort_key,
# newest last.
def _full_text_ddl(name: str) -> dict[str, tuple[str, ...]]:
    return {
        # Only letters, digits and spaces arrive. Its tables of Unicode are older than Python's: so whatever it does not
        # take for a space, a sign or punctuation is part of a word.
        "sqlite": (
            f"""CREATE VIRTUAL TABLE {name} USING fts5(
            document, tokenize = "unicode61 remove_diacritics 0 categories 'L* M* N* C*'"
        )""",
        ),
        "postgresql": (
            f"CREATE TABLE {name} (rowid bigint PRIMARY KEY, document tsvector NOT NULL)",
            f"CREATE INDEX ix_{name}_document ON {name} USING gin (document)",
        ),
    }


FULL_TEXT_DDL = _full_text_ddl("articles_fts")
TITLES_DDL = _full_text_ddl("titles_fts")
FULL_TEXT = table("articles_fts", column("rowid", BigInteger()), column("document"))
TITLES = table("titles_fts", column("rowid", BigInteger()), column("document"))
FULL_TEXT_TABLES = (
    PAIRS.name,
    NAMES.name,
    *(
        name + part
        for name in ("articles_fts", "titles_fts")
        for part in ("", "_data", "_idx", "_content", "_docsize", "_config")
    ),
)
_INDEX = {
    (name, is_sqlite): text(
        f"INSERT INTO {name} (rowid, document) VALUES (:sort_key, "
        + (":words)" if is_sqlite else "CAST(:words AS tsvector))")
    )
    for name in ("articles_fts", "titles_fts")
    for is_sqlite in (True, False)
}
_UNINDEX = {name: text(f"DELETE FROM {name} WHERE rowid = :sort_key") for name in ("articles_fts", "titles_fts")}


_NOTE_PAIRS = insert(PAIRS)
_FORGET = [delete(one).where(one.c.rowid == bindparam("sort_key")) for one in (PAIRS, NAMES)]


class Indexed(NamedTuple):
    """An article's folded words, and those of its title, for the full-text indexes."""

    sort_key: int
    words: str
    title_words: str


def index_words(session: Session, articles: Sequence[Indexed], *, instead_of: Sequence[int] = ()) -> None:
    """Put articles into the full-text indexes, instead of those with these sort keys."""
    for sort_key in instead_of:
        unindex_words(session, sort_key=sort_key)
    for name, words in (
        ("articles_fts", {one.sort_key: one.words for one in articles}),
        ("titles_fts", {one.sort_key: one.title_words for one in articles}),
    ):
        if words:
            kept = str if is_sqlite(session) else _vector
            rows = [{"sort_key": sort_key, "words": kept(these)} for sort_key, these in words.items()]
            session.execute(_INDEX[name, is_sqlite(session)], rows)
    if articles and not is_sqlite(session):
        pairs = [{"rowid": one.sort_key, "bits": pair_bits(one.words.split())} for one in articles]
        session.execute(_NOTE_PAIRS, pairs)


def _vector(words: str) -> str:
    """Folded words as Postgres writes a tsvector. Its own parser would make two of `0e0a`, a number and a letter."""
    return " ".join(f"'{word}':{place}" for place, word in enumerate(words.split(), 1))


def unindex_words(session: Session, *, sort_key: int) -> None:
    """Take an article out of the full-text indexes."""
    for statement in _UNINDEX.values():
        session.execute(statement, {"sort_key": sort_key})
    if not is_sqlite(session):
        for forget in _FORGET:
            session.execute(forget, {"sort_key": sort_key})


def has_words(session: Session, node: Node, *, index: TableClause = FULL_TEXT) -> ColumnElement[bool]:
    """The condition on a row of an index that its folded words answer a tree of words."""
    if not is_sqlite(session):
        from sqlalchemy.dialects.postgresql import TSQUERY

        return index.c.document.op("@@")(cast(literal(tsquery(node), Text()), TSQUERY))
    wanted = FullText.of(node)
    if not wanted.others:
        return literal_column(index.name, Text()).match(wanted.expression)
    rows = text(f"SELECT rowid FROM {index.name} WHERE {index.name} MATCH :unwanted")
    unwanted: BindParameter[str] = bindparam(
        "unwanted", wanted.expression, unique=True
    )  # a query may ask so of words and of titles
    return index.c.rowid.not_in(rows.bindparams(unwanted).columns(column("rowid")))
