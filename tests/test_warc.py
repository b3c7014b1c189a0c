"""WARC files: what a reader finds in them, what a crash or a full disk leaves, what stands in the place of what was removed."""

from __future__ import annotations

import contextlib
import logging
import signal
import subprocess
import sys
from io import BytesIO
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from proof_samples import PAGE, archived, checked, exchange, only_file, told
from sqlalchemy import select
from storage_samples import DAY, NOW, add_feed, list_entries, record, seen, store
from warcio.archiveiterator import ArchiveIterator
from warcio.checker import Checker

from crawler.warc import Archive
from crawler.warcfile import members, tombstone
from crawler.wire import MOST_REDIRECT, Wire, without_secrets
from storage import proofs
from storage.db import Database
from storage.models import ARTICLES, CAPTURES

# what is in a file does not depend on the database
FILES_ONLY = pytest.mark.parametrize("schema_url", ["sqlite"], indirect=True)


def read(path: Path) -> list[tuple[str, dict[str, str], bytes]]:
    """Every record by a reader that is not ours: type, head, content as a browser would get it."""
    with path.open("rb") as file:
        return [
            (one.rec_type, dict(one.rec_headers.headers), one.content_stream().read())
            for one in ArchiveIterator(file, check_digests="raise")
        ]


def passes(*paths: Path) -> bool:
    """Whether `warcio check` says nothing."""
    command = type("Command", (), {"inputs": [str(path) for path in paths], "verbose": False})
    return Checker(command).process_all() == 0


# --- records ---


@FILES_ONLY
def test_any_reader_finds_request_and_response_and_unpacks_the_page(database: Database, tmp_path: Path) -> None:
    archived(database, tmp_path, 1)
    path = only_file(tmp_path)
    assert path.name == "levantwatch-20261124-00000.warc.gz"
    info, response, request = read(path)
    assert [info[0], response[0], request[0]] == ["warcinfo", "response", "request"]
    assert response[2] == PAGE + b"1"
    assert response[1]["WARC-Target-URI"] == "https://northpost.example/story-1"
    assert response[1]["WARC-Date"] == "2026-11-24T12:00:30.123456Z"
    assert response[1]["WARC-IP-Address"] == "192.0.2.7"
    assert request[1]["WARC-Concurrent-To"] == response[1]["WARC-Record-ID"]
    assert response[1]["WARC-Payload-Digest"].startswith("sha256:")
    assert passes(path)


def test_a_page_that_comes_again_unchanged_is_a_revisit(database: Database, tmp_path: Path) -> None:
    archive = Archive(tmp_path, "levantwatch/test")
    with contextlib.closing(archive):
        [entry_id] = archived(database, tmp_path, 1, archive=archive)
        for now in (NOW + DAY, NOW + 2 * DAY):
            with database.write() as session:
                again = exchange(PAGE + b"1", url="https://northpost.example/story-1")
                store(session, record(entry_id, captures=archive.keep(session, entry_id, [again], now)), now=now)
    first, second, third = sorted(tmp_path.glob("*.warc.gz"))
    for path in (second, third):
        revisit = read(path)[1]
        assert revisit[0] == "revisit"
        assert revisit[1]["WARC-Refers-To"] == read(first)[1][1]["WARC-Record-ID"]
        assert revisit[1]["WARC-Payload-Digest"] == read(first)[1][1]["WARC-Payload-Digest"]
        assert path.stat().st_size < first.stat().st_size
    assert passes(first, second, third)
    assert told(database, tmp_path) == []
    assert checked(database, tmp_path).records == 3


@FILES_ONLY
def test_a_chunked_body_is_kept_with_its_chunks_and_read_without(database: Database, tmp_path: Path) -> None:
    [entry_id] = list_entries(database, add_feed(database), seen(1))
    page = exchange()
    page.wire = Wire()
    page.wire.head = [b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n"]
    page.wire.add(b"6\r\nplain \r\n4\r\ntext\r\n0\r\n\r\n")
    archive = Archive(tmp_path, "levantwatch/test")
    with contextlib.closing(archive), database.write() as session:
        store(session, record(entry_id, captures=archive.keep(session, entry_id, [page], NOW)))
    response = read(only_file(tmp_path))[1]
    assert response[2] == b"plain text"
    assert "WARC-Payload-Digest" not in response[1], "readers disagree on what it is of"
    assert passes(only_file(tmp_path))


@FILES_ONLY
def test_the_redirects_on_the_way_are_kept_but_no_failure(database: Database, tmp_path: Path) -> None:
    [entry_id] = list_entries(database, add_feed(database), seen(1))
    way = [exchange(b"", url="https://a.example/1", status=302), exchange(b"", url="https://a.example/2", status=500)]
    archive = Archive(tmp_path, "levantwatch/test")
    with contextlib.closing(archive), database.write() as session:
        kept = archive.keep(session, entry_id, [*way, exchange()], NOW)
    assert [(one.url, one.http_status) for one in kept] == [
        ("https://a.example/1", 302),
        ("https://northpost.example/story-1", 200),
    ]


@FILES_ONLY
def test_a_page_that_did_not_come_whole_is_not_kept(database: Database, tmp_path: Path) -> None:
    page = exchange()
    page.payload_sha256 = None
    with database.write() as session:
        assert Archive(tmp_path, "levantwatch/test").keep(session, 1, [page], NOW) == ()
    assert not list(tmp_path.glob("*.warc.gz"))


# --- the wire ---


def test_credentials_are_left_out_and_every_other_byte_stays() -> None:
    head = (
        b"GET / HTTP/1.1\r\nAuthorization: Basic c2VjcmV0\r\n\tmore\r\nCoOkIe : a=b\r\nx-Odd:  two  spaces \r\n"
        b"Set-Cookie: id=7\nHost: a.example\r\n\r\n"
    )
    assert without_secrets(head) == b"GET / HTTP/1.1\r\nx-Odd:  two  spaces \r\nHost: a.example\r\n\r\n"
    page = exchange(url="https://user:secret@a.example/x?y=1#part", head=b"Set-Cookie: sid=secret\r\n")
    assert page.target == "https://a.example/x?y=1"
    assert b"secret" not in page.head_bytes


def test_what_grows_too_large_is_let_go() -> None:
    wire = Wire()
    wire.keep(MOST_REDIRECT)
    wire.add(bytes(MOST_REDIRECT))
    assert wire.body == bytes(MOST_REDIRECT)
    wire.add(b"x")
    wire.add(b"y")
    assert wire.body is None


# --- files ---


@FILES_ONLY
def test_two_writers_never_write_one_file(database: Database, tmp_path: Path) -> None:
    archives = [Archive(tmp_path, "levantwatch/test") for _ in range(2)]
    ids = list_entries(database, add_feed(database), seen(1), seen(2))
    for archive, entry_id in zip(archives, ids, strict=True):
        with database.write() as session:
            store(session, record(entry_id, captures=archive.keep(session, entry_id, [exchange()], NOW)))
    for archive in archives:
        archive.close()
    with database.read() as session:
        assert sorted(session.scalars(select(CAPTURES.c.file))) == [
            "levantwatch-20261124-00000.warc.gz",
            "levantwatch-20261124-00001.warc.gz",
        ]
    assert told(database, tmp_path) == []


@FILES_ONLY
def test_the_next_start_of_a_day_goes_on_with_its_file(database: Database, tmp_path: Path) -> None:
    archived(database, tmp_path, 1)
    archived(database, tmp_path, 2)
    assert [one[0] for one in read(only_file(tmp_path))] == ["warcinfo", "response", "request", "response", "request"]


KILLED = """
import os, signal, sys
from pathlib import Path
sys.path[:0] = sys.argv[3:]
from proof_samples import NOW, exchange
from crawler.warc import Archive
from storage.db import open_database
with open_database(sys.argv[1]).write() as session:
    assert Archive(Path(sys.argv[2]), "levantwatch/test").keep(session, 1, [exchange()], NOW)
    os.kill(os.getpid(), signal.SIGKILL)
"""


def test_kill_9_between_file_and_database_leaves_an_orphan_that_is_told(
    database: Database, schema_url: str, tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    archived(database, tmp_path, 1)
    root = Path(__file__).parent
    command = [sys.executable, "-c", KILLED, schema_url, str(tmp_path), str(root), str(root.parent)]
    assert subprocess.run(command, check=False, timeout=60).returncode == -signal.SIGKILL
    found = checked(database, tmp_path)
    assert found.problems == []
    assert [one.what for one in found.notes] == ["2 records that no article has: a crash kept them from the database"]
    archived(database, tmp_path, 2)  # goes on behind them
    assert "ends with 2 records that a crash kept from the database" in caplog.text
    assert checked(database, tmp_path).problems == []
    assert passes(only_file(tmp_path))


@FILES_ONLY
@pytest.mark.parametrize("cut", [1, 9, 200])
def test_a_record_that_was_cut_off_is_told_and_goes_at_the_next_start(
    database: Database, tmp_path: Path, cut: int, caplog: pytest.LogCaptureFixture
) -> None:
    archived(database, tmp_path, 1)
    path = only_file(tmp_path)
    whole = path.read_bytes()
    path.write_bytes(whole + whole[:cut])
    found = checked(database, tmp_path)
    assert found.problems == []
    assert "an unfinished record at the end" in found.notes[-1].what
    archived(database, tmp_path, 2)
    assert "cut an unfinished record" in caplog.text
    assert checked(database, tmp_path).notes == []
    assert passes(path)


@FILES_ONLY
def test_a_file_that_is_not_as_it_was_is_not_written_to(database: Database, tmp_path: Path) -> None:
    archived(database, tmp_path, 1)
    path = only_file(tmp_path)
    path.write_bytes(path.read_bytes() + b"no record")
    archived(database, tmp_path, 2)
    path.write_bytes(path.read_bytes()[:100])
    archived(database, tmp_path, 3)
    assert len(list(tmp_path.glob("*.warc.gz"))) == 2
    assert [line for line in told(database, tmp_path) if "the file ends within the record of article 1" in line]


def test_a_full_disk_ends_the_archive_with_one_line_and_loses_no_match(
    database: Database, tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    (tmp_path / "levantwatch-20261124-00000.warc.gz").symlink_to("/dev/full")
    with caplog.at_level(logging.ERROR):
        archived(database, tmp_path, 1, 2)
    [line] = [one.getMessage() for one in caplog.records]
    assert line.startswith("the archive ended, matches are kept without their pages until the next start: ")
    assert line.endswith("No space left on device")
    with database.read() as session:
        assert len(session.execute(select(ARTICLES.c.id)).all()) == 2
        assert proofs.captures_of(session, 1) == []
    (tmp_path / "levantwatch-20261124-00000.warc.gz").unlink()
    assert told(database, tmp_path) == []
    assert checked(database, tmp_path).articles == 2


# --- what stands in the place of what was removed ---


@settings(max_examples=40, deadline=None)
@given(
    length=st.one_of(
        st.integers(260, 1_500), st.integers(65_000, 67_000), st.integers(1, 400_000).map(lambda n: n + 260)
    )
)
def test_a_tombstone_is_a_record_of_any_length(length: int) -> None:
    data = tombstone(length, name="file#7", at=NOW, why="court order 12/2026")
    assert len(data) == length
    assert data == tombstone(length, name="file#7", at=NOW, why="court order 12/2026")
    [one] = members(BytesIO(data), 0, length)
    assert (one.length, one.state) == (length, "whole")
    [parsed] = [(one.rec_type, one.content_stream().read()) for one in ArchiveIterator(BytesIO(data))]
    assert parsed[0] == "metadata"
    assert b"removed: court order 12/2026".startswith(parsed[1].strip())


@pytest.mark.parametrize(("change", "state"), [(lambda data: data[:-1], "cut"), (lambda data: data[:5], "cut")])
def test_a_member_that_ends_too_early_is_cut(change: Any, state: str) -> None:
    data = change(tombstone(900, name="a", at=NOW, why="b"))
    assert [one.state for one in members(BytesIO(data), 0, len(data))] == [state]


@pytest.mark.parametrize("place", [0, 2, 5, 15, 300, -2])
def test_a_member_with_a_flipped_byte_is_damaged(place: int) -> None:
    data = bytearray(tombstone(900, name="a", at=NOW, why="b"))
    data[place] ^= 1
    assert [one.state for one in members(BytesIO(bytes(data)), 0, len(data))] == ["damaged"]
