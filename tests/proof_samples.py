"""What the tests of proof share: an exchange as it would have gone over the wire, and a match whose page is in the archive."""

from __future__ import annotations

import gzip
import hashlib
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from storage_samples import NOW, add_feed, list_entries, record, seen, store

from crawler.proof import Checked, verify
from crawler.warc import Archive
from crawler.wire import Exchange, Wire
from storage.db import Database

PAGE = b"<html><p>The ceasefire in northern Syria entered its first day. Aid convoys reached the town.</p></html>"
AT = datetime(2026, 11, 24, 12, 0, 30, 123456, tzinfo=UTC)


def exchange(
    body: bytes = PAGE, *, url: str = "https://northpost.example/story-1", status: int = 200, head: bytes = b""
) -> Exchange:
    """A packed page of an invented outlet, as it came in one piece."""
    packed = gzip.compress(body, mtime=0)
    wire = Wire()
    wire.head = [
        f"HTTP/1.1 {status} Fine\r\n".encode(),
        b"content-TYPE: text/html\r\nContent-Encoding: gzip\r\n",
        head,
        f"Content-Length: {len(packed)}\r\n\r\n".encode(),
    ]
    wire.keep(10**6)
    wire.add(packed)
    asked = b"GET /story-1 HTTP/1.1\r\nAccept: text/html\r\nHost: northpost.example\r\n\r\n"
    return Exchange(url, AT, status, asked, wire, "192.0.2.7", hashlib.sha256(packed).hexdigest())


def archived(
    database: Database, folder: Path, *numbers: int, archive: Archive | None = None, **values: Any
) -> list[int]:
    """Matches with these numbers, their pages in the archive; returns their ids."""
    feed_id = add_feed(database)
    ids = list_entries(database, feed_id, *(seen(number) for number in numbers))
    used = archive or Archive(folder, "levantwatch/test")
    try:
        for entry_id in ids:
            page = exchange(PAGE + b"%d" % entry_id, url=f"https://northpost.example/story-{entry_id}")
            with database.write() as session:
                kept = used.keep(session, entry_id, [page], NOW)
                store(session, record(entry_id, captures=kept, **values))
    finally:
        if archive is None:
            used.close()
    return list(ids)


def checked(database: Database, folder: Path, **values: Any) -> Checked:
    """What `verify` finds."""
    *_, last = verify(database, folder, **values)
    return last


def told(database: Database, folder: Path, **values: Any) -> list[str]:
    """Its problems, each on one line."""
    return [f"{one.where}: {one.what}" for one in checked(database, folder, **values).problems]


def only_file(folder: Path) -> Path:
    """The one WARC file of an archive."""
    [path] = folder.glob("*.warc.gz")
    return path
