"""Removal for good: `levantwatch forget`. Text, title and page go; hashes and a tombstone stay; it never comes back."""

from __future__ import annotations

from collections.abc import Collection, Iterable, Mapping
from datetime import datetime
from typing import Any

from sqlalchemy import bindparam, delete, func, null, or_, select, update
from sqlalchemy.orm import Session

from storage import chain, proofs, stories
from storage.errors import HeldBack, UnknownEntry
from storage.full_text import unindex_words
from storage.models import (
    ARTICLES,
    CAPTURES,
    ENTRIES,
    EVIDENCE_TERMS,
    MESSAGES,
    PROOFS,
    STORIES,
    TOLD,
    TOMBSTONES,
    VERDICTS,
)
from storage.portable import erase_thoroughly, insert_new, upsert

FORGOTTEN = "forgotten"
_REMOVED = "(an article of this message was removed)"
_FORGOTTEN_OF = select(ENTRIES.c.id).where(
    ENTRIES.c.id.in_(bindparam("these", expanding=True)), ENTRIES.c.state == FORGOTTEN
)
_MARKED = select(TOMBSTONES.c.hash).where(TOMBSTONES.c.hash.in_(bindparam("marks", expanding=True)))
# nothing here tells what the article said; its address stays, for by that it is recognised when a feed lists it again
_BLANK: dict[str, Any] = {
    "title": "",
    "summary": "",
    "author": null(),
    "state": FORGOTTEN,
    "retry_at": null(),
    "claimed_at": null(),
    "error": null(),
}


def forget(session: Session, *, entry_id: int, why: str, tombstones: Mapping[int, str], now: datetime) -> None:
    """Remove what is stored of an entry; `tombstones` are the SHA-256 of what is to stand in the WARC file, by capture.

    HeldBack when it is held, UnknownEntry when there is none. One that is forgotten already stays as it is.
    """
    entry = session.execute(select(ENTRIES).where(ENTRIES.c.id == entry_id)).one_or_none()
    if entry is None:
        raise UnknownEntry(number=entry_id)
    known = proofs.get(session, entry_id)
    if known is not None and known.forgotten_at is not None:
        return
    if known is not None and known.held_at is not None:
        raise HeldBack(
            f"entry {entry_id} is held since {known.held_at:%Y-%m-%d}; levantwatch hold {entry_id} --release lets it go"
        )
    erase_thoroughly(session)
    article = session.execute(select(ARTICLES).where(ARTICLES.c.id == entry_id)).one_or_none()
    captures = proofs.captures_of(session, entry_id)
    marks = _marks(entry, article, captures)
    if article is not None:
        _delete_article(session, article, now)
    session.execute(update(VERDICTS).where(VERDICTS.c.entry_id == entry_id).values(evidence=[]))
    session.execute(delete(EVIDENCE_TERMS).where(EVIDENCE_TERMS.c.entry_id == entry_id))
    _blank(session, entry_id, now)
    _bury(session, marks, entry_id)
    for one in captures:
        mark = {"tombstone_sha256": tombstones[one.id], "url": ""}
        session.execute(update(CAPTURES).where(CAPTURES.c.id == one.id).values(mark))
    said = {
        "why": why,
        "article": known.article_hash if known is not None else None,
        "captures": [
            {"file": one.file, "offset": one.offset, "length": one.length, "tombstone_sha256": tombstones[one.id]}
            for one in captures
        ],
    }
    seq = chain.append(session, what=FORGOTTEN, entry_id=entry_id, facts=said, now=now)
    decided = {"entry_id": entry_id, "seq": seq, "forgotten_at": now, "forgotten_why": why}
    upsert(session, PROOFS, [decided], conflict=["entry_id"], update=["seq", "forgotten_at", "forgotten_why"])


def _marks(entry: Any, article: Any, captures: Iterable[Any]) -> set[str]:
    """By what it is recognised when it comes back."""
    rows = [entry, *([article] if article is not None else [])]
    urls = [url for row in rows for url in (row.url, row.canonical_url) if url] + [one.url for one in captures]
    text = {_mark(article.publisher, article.text_hash)} if article is not None else set()
    return {_mark(url) for url in (*urls, entry.key)} | text


def _delete_article(session: Session, article: Any, now: datetime) -> None:
    """Bands and mentions go with it; a story that has others is named after the first of them."""
    unindex_words(session, sort_key=article.sort_key)
    _blank_messages(session, article)
    session.execute(delete(ARTICLES).where(ARTICLES.c.id == article.id))
    stories.recount(session, [article.story_id], now=now)
    first = (
        select(ARTICLES.c.title).where(ARTICLES.c.story_id == article.story_id).order_by(ARTICLES.c.id).limit(1)
    ).scalar_subquery()
    rename = update(STORIES).where(STORIES.c.id == article.story_id, STORIES.c.title == article.title)
    session.execute(rename.values(title=func.coalesce(first, "")))


def _blank_messages(session: Session, article: Any) -> None:
    """What may name it: the messages about it, and all that sum up days since it was seen."""
    naming = select(TOLD.c.rule, TOLD.c.key).where(TOLD.c.article_id == article.id, TOLD.c.key.is_not(None))
    about = [(MESSAGES.c.rule == rule) & (MESSAGES.c.key == key) for rule, key in session.execute(naming).all()]
    summing_up = or_(MESSAGES.c.key.like("digest/%"), MESSAGES.c.key.like("spike/%"))
    about.append(summing_up & (MESSAGES.c.made_at >= article.first_seen_at))
    blank = {"subject": _REMOVED, "body": _REMOVED, "html": None}
    for named in about:
        session.execute(update(MESSAGES).where(named).values(blank))


def _blank(session: Session, entry_id: int, now: datetime) -> None:
    blank = {**_BLANK, "text_pruned_at": now, "finished_at": func.coalesce(ENTRIES.c.finished_at, now)}
    session.execute(update(ENTRIES).where(ENTRIES.c.id == entry_id).values(blank))


def _mark(*pieces: str) -> str:
    return chain.sha256("\x1f".join(pieces))


def _bury(session: Session, marks: Iterable[str], entry_id: int) -> None:
    rows = [{"hash": mark, "entry_id": entry_id} for mark in marks]
    insert_new(session, TOMBSTONES, rows, conflict=["hash"], returning=[TOMBSTONES.c.hash])


def marks_of(*, urls: Iterable[str | None], publisher: str = "", text_hash: str = "") -> list[str]:
    """By what an article is recognised: its addresses, and its text at this publisher."""
    return [*(_mark(url) for url in urls if url), _mark(publisher, text_hash)]


def forgotten(session: Session, marks: Mapping[int, Collection[str]]) -> set[int]:
    """Those of these entries, by id with the marks of their articles, that were removed for good, or of which a mark was."""
    gone = set(session.scalars(_FORGOTTEN_OF, {"these": list(marks)}))
    marked = set(session.scalars(_MARKED, {"marks": [mark for some in marks.values() for mark in some]}))
    return gone | {entry_id for entry_id, some in marks.items() if not marked.isdisjoint(some)}


def refuse(session: Session, *, entry_id: int, now: datetime) -> None:
    """What came back under another number is forgotten, too."""
    _blank(session, entry_id, now)
    session.execute(update(VERDICTS).where(VERDICTS.c.entry_id == entry_id).values(evidence=[]))


def erased(session: Session, *, capture_ids: Iterable[int], now: datetime) -> None:
    """The tombstones stand in the WARC files."""
    done = CAPTURES.c.id.in_(list(capture_ids))
    session.execute(update(CAPTURES).where(done, CAPTURES.c.erased_at.is_(None)).values(erased_at=now))
