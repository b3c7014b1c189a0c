"""Verification: the ledger of proof line by line, and the database against it. Reads only; what it finds are values."""

from __future__ import annotations

import json
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from itertools import islice
from typing import Any, Literal

from sqlalchemy import exists, func, select
from sqlalchemy.orm import Session

from storage import chain, proofs
from storage.models import ARTICLES, CAPTURES, ENTRIES, PROOF_LEDGER, PROOFS, Capture

_PAGE = 200  # articles in memory at once; one is some 5 KB
_LINES = 500


@dataclass(frozen=True, slots=True)
class Finding:
    """What was found: a `problem` (something is not as it was), or a `note` (something to know, and in order).

    `where` names the place: "ledger line 3", "article 12", "2026/x.warc.gz byte 512".
    """

    kind: Literal["problem", "note"]
    where: str
    what: str


def _problem(where: str, what: str) -> Finding:
    return Finding("problem", where, what)


def check_ledger(session: Session, *, head: str | None = None) -> Iterator[Finding | int]:
    """Every line against itself and the one before, and the tables of proof against it; an int is so many lines more.

    `head` is a hash that was noted earlier: one of the lines must have it.
    """
    before = {chain.NOTHING}
    expected, found = 1, head is None
    every = chain.lines(session)
    while lines := list(islice(every, _LINES)):
        said: dict[int, dict[str, Any]] = {}
        for line in lines:
            where = f"ledger line {line.seq}"
            if line.seq != expected:
                yield _problem(where, f"line {expected} is missing before it")
            expected = line.seq + 1
            true_hash = chain.sha256(line.line)
            facts = _facts(line)
            if true_hash != line.hash or facts is None:
                yield _problem(where, "it was changed: its hash is not that of its text")
            elif facts["prev"] not in before:
                yield _problem(where, "it does not continue the line before: that one was changed, or is missing")
            said[line.seq] = facts or {}
            before = {true_hash, line.hash}
            found = found or head == true_hash
        yield from _check_tables(session, lines, said)
        yield len(lines)
    if not found:
        yield _problem("ledger", f"no line has the hash {head}: the ledger was cut or rewritten since that was noted")
    stray = select(CAPTURES.c.id).where(~exists().where(PROOF_LEDGER.c.seq == CAPTURES.c.seq))
    for capture_id in session.scalars(stray.limit(_PAGE)):
        yield _problem(f"capture {capture_id}", "the ledger has no line of it")


def _facts(line: chain.Line) -> dict[str, Any] | None:
    """What a line says, unless its columns say something else."""
    try:
        facts = json.loads(line.line)
    except ValueError:
        return None
    if not isinstance(facts, dict):
        return None
    columns = {"seq": line.seq, "what": line.what, "entry": line.entry_id, "at": chain.stamp(line.at)}
    return facts if {name: facts.get(name) for name in columns} == columns and "prev" in facts else None


def _check_tables(session: Session, lines: Sequence[chain.Line], said: dict[int, dict[str, Any]]) -> Iterator[Finding]:
    """Captures and proofs of these lines are there, and as the lines say."""
    rows: dict[int, list[Capture]] = {}
    for row in session.scalars(select(Capture).where(Capture.seq.in_(said)).order_by(Capture.id)):
        rows.setdefault(row.seq, []).append(row)
    wanted = {line.entry_id for line in lines if line.what in ("stored", "forgotten")}
    known = set(session.scalars(select(PROOFS.c.entry_id).where(PROOFS.c.entry_id.in_(wanted))))
    for line in lines:
        facts = said[line.seq]
        if line.what == "stored" and facts and not _same(rows.get(line.seq, []), facts, line.entry_id):
            yield _problem(f"entry {line.entry_id}", f"its captures are not those of ledger line {line.seq}")
        if line.entry_id in wanted - known:
            wanted.discard(line.entry_id)
            yield _problem(f"entry {line.entry_id}", f"ledger line {line.seq} proves it, the table proofs lacks it")
    session.expunge_all()


def _same(rows: Sequence[Capture], facts: dict[str, Any], entry_id: int | None) -> bool:
    """Whether the captures are what the line says; of what was forgotten the address is gone."""
    said = list(facts.get("captures", []))
    if len(rows) != len(said):
        return False
    for row, one in zip(rows, said, strict=True):
        there = proofs.ledger_facts(row.as_dict())
        if row.tombstone_sha256 is not None:
            there["url_sha256"] = one.get("url_sha256")
        if row.entry_id != entry_id or there != one:
            return False
    return True


def check_articles(session: Session) -> Iterator[Finding | int]:
    """Every proven article, its verdicts as they were given, and every removal; an int is so many articles more."""
    after = 0
    decided = (PROOFS.c.article_hash.is_not(None)) | (PROOFS.c.forgotten_at.is_not(None))
    while True:
        page = select(PROOFS).where(PROOFS.c.entry_id > after, decided).order_by(PROOFS.c.entry_id).limit(_PAGE)
        rows = session.execute(page).all()
        if not rows:
            return
        yield from _check_page(session, rows)
        yield len(rows)
        after = rows[-1].entry_id


def _check_page(session: Session, rows: Sequence[Any]) -> Iterator[Finding]:
    ids = [row.entry_id for row in rows]
    articles = proofs.articles_of(session, ids)
    columns = select(ARTICLES.c.id, ARTICLES.c.text_hash).where(ARTICLES.c.id.in_(ids))
    hashes = {row.id: row.text_hash for row in session.execute(columns)}
    newest = _newest(session, ids)
    of_lines = [PROOF_LEDGER.c[name] for name in chain.Line.__slots__]
    seqs = [row.seq for row in rows if row.seq is not None]
    found = session.execute(select(*of_lines).where(PROOF_LEDGER.c.seq.in_(seqs)))
    lines = {row.seq: _facts(chain.Line(*row)) or {} for row in found}
    given = {
        one["id"]: one for one in proofs.verdicts_of(session, [id_ for one in lines.values() for id_ in _ids(one)])
    }
    pruned = select(ENTRIES.c.id, ENTRIES.c.text_pruned_at).where(ENTRIES.c.id.in_(ids))
    states = {row.id: row.text_pruned_at for row in session.execute(pruned)}
    for row in rows:
        facts = lines.get(row.seq, {})
        where = f"article {row.entry_id}"
        what = "forgotten" if row.forgotten_at is not None else "stored"
        if facts.get("entry") != row.entry_id or facts.get("what") != what or newest.get(row.entry_id) != row.seq:
            yield _problem(where, f"the ledger's newest line about it is not line {row.seq}, as the table proofs says")
        elif facts.get("article") != row.article_hash:
            yield _problem(where, f"its hash in the table proofs is not that of ledger line {row.seq}")
        elif what == "forgotten":
            yield _forgotten(row, facts, where, row.entry_id in articles)
        elif row.entry_id not in articles:
            yield _problem(where, "it is missing, and was not removed by rule")
        else:
            yield from _changed(where, articles[row.entry_id], facts, hashes[row.entry_id])
            if states.get(row.entry_id) is None:  # else the evidence of what is no match any more was pruned by age
                yield from _verdicts(where, facts, given)


def _newest(session: Session, ids: Sequence[int]) -> dict[int, int]:
    """The number of the last line that says what an entry's article is."""
    of_entries = PROOF_LEDGER.c.entry_id.in_(ids), PROOF_LEDGER.c.what.in_(("stored", "forgotten"))
    query = select(PROOF_LEDGER.c.entry_id, func.max(PROOF_LEDGER.c.seq)).where(*of_entries)
    return {row[0]: row[1] for row in session.execute(query.group_by(PROOF_LEDGER.c.entry_id))}


def _forgotten(row: Any, facts: dict[str, Any], where: str, there: bool) -> Finding:
    if there:
        return _problem(where, "it was removed by rule, and yet it is there")
    if facts.get("why") != row.forgotten_why:
        return _problem(where, f"the reason for its removal is not that of ledger line {row.seq}")
    return Finding("note", where, f"removed by rule on {row.forgotten_at:%Y-%m-%d}: {row.forgotten_why}")


def _changed(where: str, article: dict[str, Any], facts: dict[str, Any], text_hash: str) -> Iterator[Finding]:
    true_hash = chain.sha256(article["text"])
    if true_hash != facts.get("text"):
        yield _problem(where, "its text was changed")
    elif chain.sha256(chain.canonical(article)) != facts.get("article"):
        yield _problem(where, "its title, address, dates or another of its columns was changed")
    elif text_hash != true_hash:
        yield _problem(where, "its column text_hash was changed")


def _ids(facts: dict[str, Any]) -> list[int]:
    """The verdicts that an article was stored with."""
    return list((facts.get("verdicts") or {}).get("ids", []))


def _verdicts(where: str, facts: dict[str, Any], given: dict[int, dict[str, Any]]) -> Iterator[Finding]:
    there = [given[id_] for id_ in _ids(facts) if id_ in given]
    if chain.sha256(chain.canonical(there)) != facts["verdicts"]["hash"]:
        yield _problem(where, "the verdicts that it was stored with were changed")


def check_holds(session: Session) -> Iterator[Finding]:
    """What is held, against the ledger's last word on it."""
    last = (
        select(PROOF_LEDGER.c.entry_id, func.max(PROOF_LEDGER.c.seq).label("seq"))
        .where(PROOF_LEDGER.c.what.in_(("held", "released")))
        .group_by(PROOF_LEDGER.c.entry_id)
        .subquery()
    )
    query = select(last.c.entry_id, PROOF_LEDGER.c.what, PROOF_LEDGER.c.line, PROOFS.c.held_at, PROOFS.c.held_why)
    query = query.join(PROOF_LEDGER, PROOF_LEDGER.c.seq == last.c.seq).outerjoin(
        PROOFS, PROOFS.c.entry_id == last.c.entry_id
    )
    said = {row.entry_id: row for row in session.execute(query)}
    for entry_id, row in said.items():
        why = _why(row.line) if row.what == "held" else None
        if (row.held_at is not None) != (row.what == "held") or row.held_why != why:
            yield _problem(
                f"entry {entry_id}", f"the ledger's last word on it is {row.what}, the table proofs says otherwise"
            )
    for entry_id in session.scalars(select(PROOFS.c.entry_id).where(PROOFS.c.held_at.is_not(None))):
        if entry_id not in said:
            yield _problem(f"entry {entry_id}", "it is held, and the ledger says nothing of that")


def _why(line: str) -> str | None:
    try:
        return str(json.loads(line)["why"])
    except (ValueError, KeyError, TypeError):  # a line that was changed; check_ledger tells that
        return None


def unproven(session: Session) -> int:
    """How many articles were stored without proof: while the archive was off."""
    proven = exists().where(PROOFS.c.entry_id == ARTICLES.c.id, PROOFS.c.article_hash.is_not(None))
    return session.scalar(select(func.count()).select_from(ARTICLES).where(~proven)) or 0


def proven(session: Session) -> int:
    """How many entries the ledger says something of: what check_articles walks."""
    decided = (PROOFS.c.article_hash.is_not(None)) | (PROOFS.c.forgotten_at.is_not(None))
    return session.scalar(select(func.count()).select_from(PROOFS).where(decided)) or 0


def files(session: Session) -> list[str]:
    """The WARC files in which something is kept."""
    return list(session.scalars(select(CAPTURES.c.file).distinct().order_by(CAPTURES.c.file)))


def captures_in(session: Session, file: str) -> list[Any]:
    """What is kept in a file, in its order: entry_id, offset, length, sha256, tombstone_sha256, erased_at."""
    names = ("entry_id", "offset", "length", "sha256", "tombstone_sha256", "erased_at")
    columns = [CAPTURES.c[name] for name in names]
    return list(session.execute(select(*columns).where(CAPTURES.c.file == file).order_by(CAPTURES.c.offset)).all())


def end_of(session: Session, file: str) -> int:
    """Where what is committed in a file ends; 0 when nothing is."""
    end = func.max(CAPTURES.c.offset + CAPTURES.c.length)
    return session.scalar(select(end).where(CAPTURES.c.file == file)) or 0
