"""Proof checked and taken away: `levantwatch verify` walks database, ledger and WARC files; `forget` erases in all of them."""

from __future__ import annotations

import os
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from pathlib import Path
from typing import TYPE_CHECKING, Any, BinaryIO

from crawler.warcfile import Member, members, sha256, tombstone
from storage import chain, proofs, removal, verification
from storage.verification import Finding

if TYPE_CHECKING:
    from storage.db import Database
    from storage.models import Capture


@dataclass(slots=True)
class Checked:
    """What `verify` walked and found."""

    lines: int = 0
    articles: int = 0
    records: int = 0
    removed: int = 0
    unproven: int = 0
    head: str = chain.NOTHING
    findings: list[Finding] = field(default_factory=list)

    @property
    def problems(self) -> list[Finding]:
        """What is not as it was."""
        return [one for one in self.findings if one.kind == "problem"]

    @property
    def notes(self) -> list[Finding]:
        """What is in order and worth knowing."""
        return [one for one in self.findings if one.kind == "note"]


def verify(database: Database, folder: Path, *, head: str | None = None) -> Iterator[Checked]:
    """Walk everything; yields the same account again and again as it grows, for a progress bar, and whole at the end."""
    checked = Checked()
    with database.read() as session:
        newest = chain.head(session)
        checked.head = newest.hash if newest else chain.NOTHING
        for step in verification.check_ledger(session, head=head):
            checked.lines += _count(step, checked)
            yield checked
        for step in verification.check_articles(session):
            checked.articles += _count(step, checked)
            yield checked
        checked.findings += verification.check_holds(session)
        checked.unproven = verification.unproven(session)
        names = verification.files(session)
    for name in names:
        with database.read() as session:
            kept = verification.captures_in(session, name)
        for step in check_file(folder / name, kept):
            checked.records += _count(step, checked)
            yield checked
    for path in sorted(folder.glob("*.warc.gz")):
        if path.name not in names:
            for step in check_file(path, []):
                checked.records += _count(step, checked)
    checked.removed = sum(one.what.startswith("removed by rule") for one in checked.findings)
    yield checked


def _count(step: Finding | int, checked: Checked) -> int:
    if isinstance(step, int):
        return step
    checked.findings.append(step)
    return 0


def size(database: Database) -> int:
    """How many lines, articles and records `verify` will walk."""
    with database.read() as session:
        kept = sum(len(verification.captures_in(session, name)) for name in verification.files(session))
        return chain.count(session) + verification.proven(session) + kept


def check_file(path: Path, kept: Sequence[Any]) -> Iterator[Finding | int]:
    """A WARC file against what the database says of it, every byte; an int is so many records more."""
    try:
        file = path.open("rb")
    except OSError as error:
        yield Finding("problem", path.name, f"cannot be read, {len(kept)} records are in it: {error.strerror}")
        return
    with file:
        end, at = os.fstat(file.fileno()).st_size, 0
        for one in kept:
            if one.offset > at:
                yield from _check_gap(file, path.name, at, one.offset)
            file.seek(one.offset)
            if (problem := _wrong(one, file.read(one.length))) is not None:
                yield Finding("problem", f"{path.name} byte {one.offset}", problem)
            at = max(at, one.offset + one.length)
            yield 1
        yield from _check_gap(file, path.name, at, end)


def _wrong(one: Any, data: bytes) -> str | None:
    """What is wrong with the bytes of a capture, if anything is."""
    there = sha256(data)
    if len(data) < one.length:
        return f"the file ends within the record of article {one.entry_id}"
    if one.tombstone_sha256 is None:
        return None if there == one.sha256 else f"the record of article {one.entry_id} was changed"
    if there == one.tombstone_sha256:
        return None
    if one.erased_at is None:
        return f"the removal of article {one.entry_id} was not finished; run levantwatch forget {one.entry_id} again"
    return f"what stands in the place of article {one.entry_id}, removed by rule, was changed"


def _check_gap(file: BinaryIO, name: str, start: int, end: int) -> Iterator[Finding]:
    """What the database knows nothing of: a crash between file and database leaves such records, and they harm nothing."""
    found: list[Member] = list(members(file, start, end))
    orphans = [one for one in found if one.state == "whole"]
    if orphans:
        what = f"{len(orphans)} records that no article has: a crash kept them from the database"
        yield Finding("note", f"{name} byte {start}", what)
    for one in found:
        where = f"{name} byte {one.offset}"
        if one.state == "cut":
            yield Finding(
                "note", where, "an unfinished record at the end: a crash cut it off, the next start removes it"
            )
        elif one.state == "damaged":
            yield Finding("problem", where, f"{one.length} bytes that are no record")


# --- removal ---


def forget(database: Database, folder: Path, entry_id: int, *, why: str, now: datetime) -> list[str]:
    """Remove an article from the database and its page from the WARC files; returns what could not be erased, as lines.

    The database goes first: a crash in between leaves a removal that `verify` tells of and that a second call finishes.
    """
    with database.write() as session:
        known = proofs.get(session, entry_id)
        again = known is not None and known.forgotten_at is not None
        marks = {one.id: sha256(_tombstone(one, now, why)) for one in proofs.captures_of(session, entry_id)}
        if not again:
            removal.forget(session, entry_id=entry_id, why=why, tombstones=marks, now=now)
    with database.read() as session:
        decided = proofs.get(session, entry_id)
        captures = proofs.captures_of(session, entry_id)
    assert decided is not None
    assert decided.forgotten_at is not None
    done, left = [], []
    for one in captures:
        data = _tombstone(one, decided.forgotten_at, decided.forgotten_why or "")
        problem = erase(folder / one.file, one, data)
        if problem is None:
            done.append(one.id)
        else:
            left.append(problem)
    with database.write() as session:
        removal.erased(session, capture_ids=done, now=now)
    database.fold_log()
    return left


def _tombstone(one: Capture, at: datetime, why: str) -> bytes:
    return tombstone(one.length, name=f"{one.file}#{one.offset}", at=at, why=why)


def erase(path: Path, one: Capture, data: bytes) -> str | None:
    """Write a tombstone over a capture, in place, so that no other record moves; what went wrong, if anything did."""
    try:
        with path.open("r+b") as file:
            if os.fstat(file.fileno()).st_size < one.offset + one.length:
                return f"{path} is shorter than it was; nothing was erased in it"
            file.seek(one.offset)
            file.write(data)
            file.flush()
            os.fsync(file.fileno())
    except OSError as error:
        return f"{path} cannot be written: {error.strerror}"
    return None
