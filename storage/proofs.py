"""Proof of what was stored: hashes of an article and its verdicts in the ledger, and where its page is kept.

An article is proven from the first time that it is stored with the archive on; from then on every change of it is a line of
the ledger, whether the archive is on or not.
"""

from __future__ import annotations

from collections.abc import Collection, Mapping, Sequence
from dataclasses import asdict, dataclass
from datetime import datetime
from typing import Any

from sqlalchemy import Row, bindparam, insert, select
from sqlalchemy.orm import Session

from storage import chain
from storage.errors import HeldBack, UnknownEntry
from storage.models import ARTICLES, CAPTURES, ENTRIES, PROOFS, VERDICTS, Capture, Proof
from storage.portable import upsert

# What an analyst may quote. Scores, stories and roles change with every judge and every new article; the verdicts as they
# were given have a hash of their own.
ARTICLE = (
    "id", "url", "canonical_url", "publisher", "title", "author", "language", "published_at", "published_raw",
    "published_source", "updated_at", "first_seen_at", "fetched_at", "extraction", "extractor", "words", "summary", "text",
)  # fmt: skip
_PROVEN = select(PROOFS.c.article_hash).where(PROOFS.c.entry_id == bindparam("which"))
_PROVEN_OF = select(PROOFS.c.entry_id).where(PROOFS.c.entry_id.in_(bindparam("these", expanding=True)))
VERDICT = ("id", "topic", "score", "threshold", "matched", "model", "decided_at", "evidence")


@dataclass(frozen=True, slots=True)
class CaptureRecord:
    """Where a request and its response are: `length` bytes from `offset` of a WARC file, and their SHA-256.

    `payload_sha256` is of the body as it was received, packed; `record_id` is the WARC-Record-ID of the response, and
    `revisit_of` that of the response which holds the body, when this one repeats it.
    """

    file: str
    offset: int
    length: int
    sha256: str
    payload_sha256: str
    url: str
    http_status: int
    captured_at: datetime
    record_id: str
    revisit_of: str | None = None


def article_facts(row: Row[Any]) -> dict[str, Any]:
    """What the hash of an article is made of: its columns, times as text."""
    return {name: _plain(getattr(row, name)) for name in ARTICLE}


def verdict_facts(rows: Sequence[Row[Any]]) -> list[dict[str, Any]]:
    """What the hash of verdicts is made of, in the order of their ids."""
    return [{name: _plain(getattr(row, name)) for name in VERDICT} for row in sorted(rows, key=lambda row: row.id)]


def _plain(value: Any) -> Any:
    return chain.stamp(value) if isinstance(value, datetime) else value


def articles_of(session: Session, ids: Collection[int]) -> dict[int, dict[str, Any]]:
    """The facts of these articles, by id, as the database holds them."""
    columns = [ARTICLES.c[name] for name in ARTICLE]
    return {row.id: article_facts(row) for row in session.execute(select(*columns).where(ARTICLES.c.id.in_(ids)))}


def verdicts_of(session: Session, ids: Collection[int]) -> list[dict[str, Any]]:
    """The facts of these verdicts, as the database holds them."""
    columns = [VERDICTS.c[name] for name in VERDICT]
    return verdict_facts(session.execute(select(*columns).where(VERDICTS.c.id.in_(ids))).all())


def proven(session: Session, ids: Collection[int]) -> set[int]:
    """Those of these articles that the ledger proves already."""
    return set(session.scalars(_PROVEN_OF, {"these": list(ids)})) if ids else set()


def follow(session: Session, *, entry_id: int, captures: Sequence[CaptureRecord] | None, now: datetime) -> None:
    """Write into the ledger what an article is now, if it is to be proven: `captures` are given, or it was before.

    Call it in the transaction that stored the article. Hashes are of what the database gives back, so that they are true
    of it on any database. Without captures and without a change nothing is written.
    """
    before = session.scalar(_PROVEN, {"which": entry_id})
    if captures is None and before is None:
        return
    session.flush()
    facts = articles_of(session, [entry_id])[entry_id]
    article_hash = chain.sha256(chain.canonical(facts))
    if not captures and article_hash == before:
        return
    current = select(VERDICTS.c.id).where(VERDICTS.c.entry_id == entry_id, VERDICTS.c.current)
    ids = sorted(session.scalars(current))
    said = {
        "article": article_hash,
        "text": chain.sha256(facts["text"]),
        "verdicts": {"ids": ids, "hash": chain.sha256(chain.canonical(verdicts_of(session, ids)))},
        "captures": [ledger_facts(asdict(one)) for one in captures or ()],
    }
    seq = chain.append(session, what="stored", entry_id=entry_id, facts=said, now=now)
    if captures:
        session.execute(insert(CAPTURES), [{**asdict(one), "entry_id": entry_id, "seq": seq} for one in captures])
    _write(session, entry_id, seq=seq, article_hash=article_hash)


def ledger_facts(capture: Mapping[str, Any]) -> dict[str, Any]:
    """What the ledger says of a capture: everything but the address, which is there as its hash."""
    names = ("file", "offset", "length", "sha256", "payload_sha256", "http_status", "record_id", "revisit_of")
    return {
        **{name: capture[name] for name in names},
        "url_sha256": chain.sha256(capture["url"]),
        "captured_at": chain.stamp(capture["captured_at"]),
    }


def kept_page(session: Session, *, entry_id: int, payload_sha256: str) -> Capture | None:
    """The response in which this body of this entry is kept already; only what repeats its own page is a revisit."""
    query = select(Capture).where(
        Capture.entry_id == entry_id,
        Capture.payload_sha256 == payload_sha256,
        Capture.revisit_of.is_(None),
        Capture.tombstone_sha256.is_(None),
    )
    return session.scalars(query.order_by(Capture.id).limit(1)).one_or_none()


def captures_of(session: Session, entry_id: int) -> list[Capture]:
    """Where the pages of an entry are kept, in the order in which they were read."""
    return list(session.scalars(select(Capture).where(Capture.entry_id == entry_id).order_by(Capture.id)))


def get(session: Session, entry_id: int) -> Proof | None:
    """What the ledger says of an entry, or None."""
    return session.get(Proof, entry_id)


def hold(session: Session, *, entry_id: int, why: str, now: datetime) -> bool:
    """Exempt an entry from retention and from being forgotten; False when it is held already."""
    if session.scalar(select(ENTRIES.c.id).where(ENTRIES.c.id == entry_id)) is None:
        raise UnknownEntry(number=entry_id)
    known = get(session, entry_id)
    if known is not None and known.forgotten_at is not None:
        raise HeldBack(
            f"entry {entry_id} was forgotten on {known.forgotten_at:%Y-%m-%d}; there is nothing left to hold"
        )
    if known is not None and known.held_at is not None:
        return False
    chain.append(session, what="held", entry_id=entry_id, facts={"why": why}, now=now)
    _write(session, entry_id, held_at=now, held_why=why)
    return True


def release(session: Session, *, entry_id: int, why: str, now: datetime) -> bool:
    """Let a held entry go; False when it is not held."""
    known = get(session, entry_id)
    if known is None or known.held_at is None:
        return False
    chain.append(session, what="released", entry_id=entry_id, facts={"why": why}, now=now)
    _write(session, entry_id, held_at=None, held_why=None)
    return True


def _write(session: Session, entry_id: int, **values: Any) -> None:
    upsert(session, PROOFS, [{"entry_id": entry_id, **values}], conflict=["entry_id"], update=list(values))
