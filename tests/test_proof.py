"""Proof: one flipped byte anywhere is found, removal is for good and is told, what is held stays."""

from __future__ import annotations

import hashlib
import json
import resource
import signal
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from contextlib import closing
from itertools import chain as chain_of
from pathlib import Path
from typing import Any

import pytest
from proof_samples import archived, checked, exchange, only_file, told
from sqlalchemy import select, text, update
from storage_samples import (
    DAY,
    HOUR,
    NOW,
    TriageDecision,
    add_feed,
    list_entries,
    record,
    record_triage,
    seen,
    store,
    store_verdicts,
    verdict,
)
from warcio.archiveiterator import ArchiveIterator

from crawler import dossier, proof
from crawler.warc import Archive
from storage import articles, chain, entries, proofs, removal, search, verification
from storage.db import Database, open_database
from storage.errors import HeldBack, StorageError, UnknownArticle
from storage.models import ARTICLES, CAPTURES, ENTRIES, MENTIONS, PROOF_LEDGER, PROOFS, STORIES, TOMBSTONES, VERDICTS
from storage.portable import is_sqlite
from storage.retention import Policy, prune

WHY = "court order 12/2026"


def forget(database: Database, folder: Path, entry_id: int) -> list[str]:
    return proof.forget(database, folder, entry_id, why=WHY, now=NOW + DAY)


def unguarded(database: Database) -> None:
    """What whoever owns the database can do."""
    with database.write() as session:
        if is_sqlite(session):
            for action in ("UPDATE", "DELETE"):
                session.execute(text(f"DROP TRIGGER proof_ledger_{action}"))
        else:
            session.execute(text("DROP TRIGGER proof_ledger_refuse ON proof_ledger"))


# --- the ledger ---


def test_every_line_hashes_the_one_before(database: Database, tmp_path: Path) -> None:
    archived(database, tmp_path, 1, 2, 3)
    with database.read() as session:
        lines = list(chain.lines(session))
        head = chain.head(session)
    assert [line.seq for line in lines] == [1, 2, 3]
    before = "0" * 64
    for line in lines:
        assert json.loads(line.line)["prev"] == before
        before = hashlib.sha256(line.line.encode()).hexdigest()
        assert line.hash == before
    assert head is not None
    assert head.hash == before
    assert told(database, tmp_path) == []


def test_no_line_holds_a_text_or_an_address(database: Database, tmp_path: Path) -> None:
    archived(database, tmp_path, 1)
    with database.read() as session:
        [line] = chain.lines(session)
    for said in ("northpost", "Ceasefire", "convoys", "Syria"):
        assert said not in line.line


def test_the_ledger_can_only_be_added_to(database: Database, tmp_path: Path) -> None:
    archived(database, tmp_path, 1)
    for statement in ("UPDATE proof_ledger SET what = 'x'", "DELETE FROM proof_ledger"):
        with pytest.raises(Exception, match="append-only"), database.write() as session:
            session.execute(text(statement))
    assert told(database, tmp_path) == []


def test_an_older_head_is_in_the_ledger_and_a_rewritten_ledger_is_found(database: Database, tmp_path: Path) -> None:
    archived(database, tmp_path, 1, 2)
    noted = checked(database, tmp_path).head
    archived(database, tmp_path, 3)
    assert told(database, tmp_path, head=noted) == []
    unguarded(database)
    with database.write() as session:  # the operator forges the past: every line anew, every hash right
        lines = list(chain.lines(session))
        session.execute(text("DELETE FROM proof_ledger"))
        for line in lines:
            facts = json.loads(line.line)
            chain.append(session, what=line.what, entry_id=line.entry_id or 0, facts=facts, now=line.at + HOUR)
    assert told(database, tmp_path) == [], "no rule inside the database can tell"
    assert told(database, tmp_path, head=noted) == [
        f"ledger: no line has the hash {noted}: the ledger was cut or rewritten since that was noted"
    ]


def test_with_the_archive_off_nothing_is_proven_and_that_is_told(database: Database, tmp_path: Path) -> None:
    [entry_id] = list_entries(database, add_feed(database), seen(1))
    with database.write() as session:
        store(session, record(entry_id))
    found = checked(database, tmp_path)
    assert (found.lines, found.unproven, found.problems) == (0, 1, [])


def test_a_proven_article_that_changes_gets_a_line_also_with_the_archive_off(
    database: Database, tmp_path: Path
) -> None:
    [entry_id] = archived(database, tmp_path, 1)
    for words in ("Another text.", "Another text."):
        with database.write() as session:
            store(session, record(entry_id, text=words), now=NOW + HOUR)
    with database.read() as session:
        assert [line.what for line in chain.lines(session)] == ["stored", "stored"]
    assert told(database, tmp_path) == []


# --- one flipped byte ---


def flip_text(session: Any) -> None:
    session.execute(update(ARTICLES).where(ARTICLES.c.id == 2).values(text=ARTICLES.c.text + " "))


def flip(table: Any, column: str, key: Any, value: Any) -> Callable[[Any], None]:
    return lambda session: session.execute(update(table).where(key == 2).values({column: value}))


def flip_line(session: Any) -> None:
    line = session.scalar(select(PROOF_LEDGER.c.line).where(PROOF_LEDGER.c.seq == 2))
    flipped = line[:40] + chr(ord(line[40]) ^ 1) + line[41:]
    session.execute(update(PROOF_LEDGER).where(PROOF_LEDGER.c.seq == 2).values(line=flipped))


def forge_line(session: Any) -> None:
    """A line and its hash, so that only the next line tells."""
    line = session.scalar(select(PROOF_LEDGER.c.line).where(PROOF_LEDGER.c.seq == 2)).replace('"stored"', '"storeD"')
    values = {"line": line, "hash": chain.sha256(line), "what": "storeD"}
    session.execute(update(PROOF_LEDGER).where(PROOF_LEDGER.c.seq == 2).values(values))


def change_verdict(session: Any) -> None:
    session.execute(update(VERDICTS).where(VERDICTS.c.entry_id == 2, VERDICTS.c.topic == "syria").values(score=0.91))


FLIPS: dict[str, tuple[Callable[[Any], Any], str]] = {
    "text": (flip_text, "article 2: its text was changed"),
    "title": (flip(ARTICLES, "title", ARTICLES.c.id, "x"), "article 2: its title, address, dates or another"),
    "clock": (flip(ARTICLES, "fetched_at", ARTICLES.c.id, NOW), "article 2: its title, address, dates or another"),
    "text hash": (flip(ARTICLES, "text_hash", ARTICLES.c.id, "x"), "article 2: its column text_hash was changed"),
    "verdict": (change_verdict, "article 2: the verdicts that it was stored with were changed"),
    "line": (flip_line, "ledger line 2: it was changed"),
    "line and hash": (forge_line, "ledger line 3: it does not continue the line before"),
    "hash": (flip(PROOF_LEDGER, "hash", PROOF_LEDGER.c.seq, "x"), "ledger line 2: it was changed"),
    "time of a line": (flip(PROOF_LEDGER, "at", PROOF_LEDGER.c.seq, NOW), "ledger line 2: it was changed"),
    "lost line": (
        lambda session: session.execute(PROOF_LEDGER.delete().where(PROOF_LEDGER.c.seq == 2)),
        "ledger line 3: line 2 is missing before it",
    ),
    "proof": (flip(PROOFS, "article_hash", PROOFS.c.entry_id, "x"), "article 2: its hash in the table proofs is not"),
    "older line": (flip(PROOFS, "seq", PROOFS.c.entry_id, 1), "article 2: the ledger's newest line about it is not"),
    "lost proof": (
        lambda session: session.execute(PROOFS.delete().where(PROOFS.c.entry_id == 2)),
        "entry 2: ledger line 2 proves it, the table proofs lacks it",
    ),
    "lost article": (
        lambda session: session.execute(ARTICLES.delete().where(ARTICLES.c.id == 2)),
        "article 2: it is missing, and was not removed by rule",
    ),
    "capture": (flip(CAPTURES, "url", CAPTURES.c.id, "x"), "entry 2: its captures are not those of ledger line 2"),
    "forged hold": (flip(PROOFS, "held_at", PROOFS.c.entry_id, NOW), "entry 2: it is held, and the ledger says nothing"),
}  # fmt: skip


def in_database(session: Any) -> list[str]:
    """What `verify` finds in the database, within a transaction."""
    steps = (
        verification.check_ledger(session),
        verification.check_articles(session),
        verification.check_holds(session),
    )
    return [f"{one.where}: {one.what}" for one in chain_of(*steps) if not isinstance(one, int)]


def test_a_change_in_the_database_is_found(database: Database, tmp_path: Path) -> None:
    archived(database, tmp_path, 1, 2, 3)
    unguarded(database)
    with database.write() as session:
        assert in_database(session) == []
        for what, (change, expected) in FLIPS.items():
            undo = session.begin_nested()
            change(session)
            found = in_database(session)
            assert any(line.startswith(expected) for line in found), (what, found)
            undo.rollback()
        assert in_database(session) == []


def spots(path: Path) -> dict[str, int]:
    """Where in a WARC file what stands: the middle of the packed head and of the payload of the second article's response."""
    offsets: list[tuple[str, int, int]] = []
    with path.open("rb") as file:
        found = ArchiveIterator(file)
        for one in found:
            one.content_stream().read()
            kind = f"{one.rec_type} {one.rec_headers.get_header('WARC-Target-URI')}"
            offsets.append((kind, found.get_record_offset(), found.get_record_length()))
    [(start, length)] = [
        (at, long) for kind, at, long in offsets if kind == "response https://northpost.example/story-2"
    ]
    [(request, _)] = [(at, long) for kind, at, long in offsets if kind == "request https://northpost.example/story-2"]
    return {
        "the gzip header": start + 9,
        "the WARC header": start + 60,
        "the payload": start + length - 30,
        "the checksum": start + length - 2,
        "the request": request + 60,
        "the warcinfo": 100,
    }


def test_a_flipped_byte_in_the_warc_file_is_found(database: Database, tmp_path: Path) -> None:
    archived(database, tmp_path, 1, 2, 3)
    path = only_file(tmp_path)
    data = path.read_bytes()
    for what, place in spots(path).items():
        path.write_bytes(data[:place] + bytes([data[place] ^ 1]) + data[place + 1 :])
        [line] = told(database, tmp_path)
        assert line.endswith(f"the record of article {1 if what == 'the warcinfo' else 2} was changed"), what


def test_no_byte_of_a_warc_file_is_left_out(database: Database, tmp_path: Path) -> None:
    archived(database, tmp_path, 1)
    path = only_file(tmp_path)
    data = path.read_bytes()
    with database.read() as session:
        kept = verification.captures_in(session, path.name)
    for place in range(0, len(data), 13):
        path.write_bytes(data[:place] + bytes([data[place] ^ 4]) + data[place + 1 :])
        assert [one for one in proof.check_file(path, kept) if not isinstance(one, int)], place


def test_a_lost_file_is_told_once(database: Database, tmp_path: Path) -> None:
    archived(database, tmp_path, 1, 2)
    name = only_file(tmp_path).name
    (tmp_path / name).unlink()
    assert told(database, tmp_path) == [f"{name}: cannot be read, 2 records are in it: No such file or directory"]


# --- removal ---


def test_what_is_forgotten_is_nowhere_and_the_others_stay(database: Database, schema_url: str, tmp_path: Path) -> None:
    archived(database, tmp_path, 1, 2, author="A. Nobody")
    before = only_file(tmp_path).stat().st_size
    assert forget(database, tmp_path, 2) == []
    with database.read() as session:
        assert [row.article_id for row in search.search(session, search.Filters(words="ceasefire"))] == [1]
        entry = session.execute(select(ENTRIES).where(ENTRIES.c.id == 2)).one()
        assert (entry.state, entry.title, entry.summary, entry.author) == ("forgotten", "", "", None)
        assert session.execute(select(MENTIONS).where(MENTIONS.c.entry_id == 2)).all() == []
        assert {tuple(row.evidence) for row in session.execute(select(VERDICTS).where(VERDICTS.c.entry_id == 2))} == {
            ()
        }
        assert session.scalars(select(STORIES.c.title)).all() == ["Ceasefire in Syria, day 1"]
        [kept] = proofs.captures_of(session, 2)
        assert (kept.url, kept.erased_at) == ("", NOW + DAY)
        assert session.execute(select(TOMBSTONES)).all()
    path = only_file(tmp_path)
    assert path.stat().st_size == before, "no other record moves"
    with path.open("rb") as file:
        pages = [one.content_stream().read() for one in ArchiveIterator(file, check_digests="raise")]
    assert any(b"first day" in page for page in pages)
    assert not any(b"town.</p></html>2" in page for page in pages)
    assert any(page.startswith(f"removed: {WHY}".encode()) for page in pages)
    if schema_url.startswith("sqlite"):
        stored = b"".join(
            one.read_bytes() for one in Path(schema_url.removeprefix("sqlite:///")).parent.glob("test.db*")
        )
        assert b"day number 1" in stored
        assert b"day number 2" not in stored


def test_a_removal_is_told_as_such_with_its_reason(database: Database, tmp_path: Path) -> None:
    archived(database, tmp_path, 1, 2)
    forget(database, tmp_path, 2)
    found = checked(database, tmp_path)
    assert found.problems == []
    assert [f"{one.where}: {one.what}" for one in found.notes] == [f"article 2: removed by rule on 2026-11-25: {WHY}"]
    assert found.removed == 1
    with database.write() as session:
        session.execute(update(PROOFS).where(PROOFS.c.entry_id == 2).values(forgotten_why="another"))
    assert told(database, tmp_path) == ["article 2: the reason for its removal is not that of ledger line 3"]


def test_a_tombstone_that_is_changed_is_found(database: Database, tmp_path: Path) -> None:
    [entry_id] = archived(database, tmp_path, 1)
    forget(database, tmp_path, entry_id)
    path = only_file(tmp_path)
    data = bytearray(path.read_bytes())
    data[400] ^= 1
    path.write_bytes(data)
    [line] = told(database, tmp_path)
    assert line.endswith("what stands in the place of article 1, removed by rule, was changed")


def test_a_removal_that_a_crash_cut_short_is_told_and_finished(database: Database, tmp_path: Path) -> None:
    [entry_id] = archived(database, tmp_path, 1)
    path = only_file(tmp_path)
    hidden = path.rename(tmp_path / "away")
    [problem] = forget(database, tmp_path, entry_id)
    assert problem.endswith("cannot be written: No such file or directory")
    hidden.rename(path)
    [line] = told(database, tmp_path)
    assert line.endswith("the removal of article 1 was not finished; run levantwatch forget 1 again")
    assert proof.forget(database, tmp_path, entry_id, why="whatever", now=NOW + 2 * DAY) == []
    assert told(database, tmp_path) == []
    assert checked(database, tmp_path).removed == 1


RETURNS: dict[str, dict[str, Any]] = {
    "the same address under another guid": {"url": "https://northpost.example/story-1"},
    "the same canonical address": {"canonical_url": "https://northpost.example/story-1"},
    "the same text of the same publisher": {"text": record(1).text},
}


def test_what_is_forgotten_never_comes_back(database: Database, tmp_path: Path) -> None:
    [entry_id] = archived(database, tmp_path, 1)
    forget(database, tmp_path, entry_id)
    assert list_entries(database, 1, seen(1), now=NOW + 2 * DAY) == ()
    *again, other = list_entries(database, 1, *(seen(n, key=f"guid {n}") for n in range(8, 8 + len(RETURNS))), seen(99))
    with database.write() as session:
        for number, how in zip(again, RETURNS.values(), strict=True):
            assert store(session, record(number, **how)) is None, how
        assert store(session, record(entry_id)) is None
        assert store(session, record(other)) is not None
    with database.read() as session:
        assert list(session.scalars(select(ARTICLES.c.id))) == [other]
        for number in again:
            entry = session.execute(select(ENTRIES).where(ENTRIES.c.id == number)).one()
            assert (entry.state, entry.title, entry.summary, entry.retry_at) == ("forgotten", "", "", None)
    assert told(database, tmp_path) == []


def test_what_is_forgotten_while_its_page_is_on_its_way_stays_forgotten(database: Database, tmp_path: Path) -> None:
    [entry_id] = list_entries(database, add_feed(database), seen(1))
    with database.write() as session:
        record_triage(session, [TriageDecision(entry_id, 0.9, True)], NOW)
        [claimed] = entries.claim(session, now=NOW, limit=1, per_host=1)
    forget(database, tmp_path, entry_id)
    with database.write() as session:
        entries.record_retry(session, entry_id=claimed.id, error="timeout", retry_at=NOW, now=NOW)
        entries.record_end(session, entry_id=claimed.id, state="irrelevant", now=NOW)
        assert entries.claim(session, now=NOW + DAY, limit=9, per_host=9) == []
        assert session.scalar(select(ENTRIES.c.state)) == "forgotten"


def test_what_is_forgotten_outlives_retention(database: Database, tmp_path: Path) -> None:
    [entry_id] = archived(database, tmp_path, 1)
    forget(database, tmp_path, entry_id)
    with database.write() as session:
        prune(session, now=NOW + 4_000 * DAY)
        marks = removal.marks_of(urls=[seen(1).url])
        assert removal.forgotten(session, {99: marks, 98: removal.marks_of(urls=[seen(2).url])}) == {99}
    assert list_entries(database, 1, seen(1), now=NOW + 4_000 * DAY) == ()


# --- what is held ---


def test_what_is_held_is_neither_pruned_nor_forgotten_until_it_is_released(database: Database, tmp_path: Path) -> None:
    ids = list_entries(database, add_feed(database), seen(1), seen(2))
    with database.write() as session:
        for entry_id in ids:
            store_verdicts(session, entry_id=entry_id, verdicts=[verdict("syria", 0.2)], now=NOW)
            entries.record_end(session, entry_id=entry_id, state="near", now=NOW)
        session.execute(update(ENTRIES).values(audit_rank=1.0))
        assert proofs.hold(session, entry_id=1, why="case 7", now=NOW)
        assert not proofs.hold(session, entry_id=1, why="case 7", now=NOW)
    list_entries(database, 1, now=NOW + HOUR)  # no feed lists them any more
    with database.write() as session:
        prune(session, now=NOW + 4_000 * DAY, policy=Policy())
        assert list(session.execute(select(ENTRIES.c.id, ENTRIES.c.title))) == [(1, "Story 1")]
    with pytest.raises(HeldBack, match="levantwatch hold 1 --release lets it go"):
        forget(database, tmp_path, 1)
    assert told(database, tmp_path) == []
    with database.write() as session:
        assert proofs.release(session, entry_id=1, why="closed", now=NOW)
        assert not proofs.release(session, entry_id=1, why="closed", now=NOW)
        prune(session, now=NOW + 4_000 * DAY, policy=Policy())
        assert session.execute(select(ENTRIES.c.id)).all() == []
        assert [line.what for line in chain.lines(session)] == ["held", "released"]
    assert told(database, tmp_path) == []


# --- evidence ---


def test_the_folder_proves_itself(database: Database, tmp_path: Path) -> None:
    [entry_id, _] = archived(database, tmp_path / "archive", 1, 2, title="# Title\n[with](http://x.example) markup")
    with database.read() as session:
        files = dossier.write(session, search.why(session, str(entry_id)), tmp_path / "archive", tmp_path / "case")
        [line] = chain.of_entry(session, entry_id)
        head = chain.head(session)
    case = tmp_path / "case"
    hashes = {name: hashlib.sha256((case / name).read_bytes()).hexdigest() for name in files}
    for sum_, name in (row.split("  ") for row in (case / "SHA256SUMS").read_text().splitlines()):
        assert hashes[name] == sum_
    said = json.loads(line.line)
    assert hashes["article.json"] == said["article"]
    assert hashes["article.txt"] == said["text"]
    assert hashes["verdicts.json"] == said["verdicts"]["hash"]
    assert hashes["page-1.warc.gz"] == said["captures"][0]["sha256"]
    first, second = (case / "ledger.jsonl").read_text().splitlines()
    assert json.loads(second)["prev"] == hashlib.sha256(first.encode()).hexdigest()
    readme = (case / "README.md").read_text()
    assert head is not None
    assert head.hash in readme
    assert "    title      # Title [with](http://x.example) markup" in readme
    assert "syria: match, score 0.900" in readme
    with (case / "page-1.warc.gz").open("rb") as file:
        assert [one.rec_type for one in ArchiveIterator(file, check_digests="raise")] == [
            "warcinfo",
            "response",
            "request",
        ]


def test_there_is_no_folder_about_what_is_gone_changed_or_was_never_stored(database: Database, tmp_path: Path) -> None:
    archive = tmp_path / "archive"
    archived(database, archive, 1, 2)
    list_entries(database, 1, seen(7))
    forget(database, archive, 2)
    path = only_file(archive)
    path.write_bytes(b"\x00" + path.read_bytes()[1:])
    for entry_id, error, message in (
        (1, StorageError, "is not as it was"),
        (2, StorageError, f"removed by rule on 2026-11-25: {WHY}"),
        (3, UnknownArticle, "levantwatch why 3"),
    ):
        with database.read() as session, pytest.raises(error, match=message):
            dossier.write(session, search.why(session, str(entry_id)), archive, tmp_path / "case")
    assert not (tmp_path / "case").exists()
    (tmp_path / "full").mkdir()
    (tmp_path / "full" / "mine").touch()
    with database.read() as session, pytest.raises(StorageError, match="not empty"):
        dossier.write(session, search.why(session, "1"), archive, tmp_path / "full")


def test_a_folder_of_evidence_is_there_whole_or_not_at_all(database: Database, tmp_path: Path) -> None:
    """A disk that fills while it is written: what was written is gone, and the next try is not refused."""
    archive, case = tmp_path / "archive", tmp_path / "cases" / "7"
    [entry_id, _] = archived(database, archive, 1, 2)
    before = resource.getrlimit(resource.RLIMIT_FSIZE)
    ignored = signal.signal(signal.SIGXFSZ, signal.SIG_IGN)
    with database.read() as session:
        found = search.why(session, str(entry_id))
        resource.setrlimit(resource.RLIMIT_FSIZE, (300, before[1]))
        try:
            with pytest.raises(OSError, match="File too large"):
                dossier.write(session, found, archive, case)
        finally:
            resource.setrlimit(resource.RLIMIT_FSIZE, before)
            signal.signal(signal.SIGXFSZ, ignored)
        assert list(case.parent.iterdir()) == []
        assert "README.md" in dossier.write(session, found, archive, case)
    assert (case / "SHA256SUMS").exists()


def test_writers_of_the_ledger_take_turns(database: Database, schema_url: str) -> None:
    ids = list_entries(database, add_feed(database), *(seen(number) for number in range(12)))

    def hold(part: tuple[int, ...]) -> None:
        with closing(open_database(schema_url)) as own:
            for entry_id in part:
                with own.write() as session:
                    proofs.hold(session, entry_id=entry_id, why="case", now=NOW)

    with ThreadPoolExecutor(3) as pool:
        list(pool.map(hold, (ids[:4], ids[4:8], ids[8:])))
    with database.read() as session:
        assert [line.seq for line in chain.lines(session)] == list(range(1, 13))
    assert told(database, Path("nowhere")) == []


def test_a_page_is_never_archived_for_what_was_forgotten(database: Database, tmp_path: Path) -> None:
    [entry_id] = archived(database, tmp_path, 1)
    forget(database, tmp_path, entry_id)
    with closing(Archive(tmp_path, "levantwatch/test")) as archive, database.write() as session:
        one = record(entry_id)
        assert articles.is_forgotten(session, one)
        kept = archive.keep(session, 2, [exchange()], NOW)  # of anybody else it is
        assert kept[0].revisit_of is None
