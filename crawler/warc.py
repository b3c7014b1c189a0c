"""The archive: the requests and responses of matched pages, in WARC/1.1 files, one for each day.

Whoever holds the crawl lock writes. A file is locked while it is open, so that no two processes write one; it is only ever
added to, but for removals (`crawler.proof.erase`), which move nothing. What a crash left at the end of a file is found when
it is opened again: a record that was cut off goes, a whole one that the database never learned of stays and is told.
"""

from __future__ import annotations

import base64
import fcntl
import logging
import os
import stat
from collections.abc import Sequence
from contextlib import suppress
from datetime import UTC, date, datetime
from io import BytesIO
from pathlib import Path
from typing import TYPE_CHECKING, Any

from crawler.config import ConfigError
from crawler.warcfile import members, sha256
from storage import proofs, verification
from storage.chain import stamp
from storage.proofs import CaptureRecord

if TYPE_CHECKING:
    from sqlalchemy.orm import Session

    from crawler.config import Config
    from crawler.wire import Exchange
    from storage.models import Capture

logger = logging.getLogger(__name__)

_MOST_FILES = 1_000  # of one day
_LEFT_OUT = "Authorization, Proxy-Authorization, Cookie and Set-Cookie fields are left out"


def configured_archive(config: Config, software: str) -> Archive | None:
    """The archive that the configuration asks for, if any. ConfigError when what writes it is not installed."""
    if config.archive == "off":
        return None
    try:
        import warcio  # noqa: F401 - found missing now, not at the first match
    except ImportError:
        raise ConfigError('archive is on, and warcio is not installed: pip install "levantwatch[archive]"') from None
    return Archive(Path(config.archive_dir), software)


class Archive:
    """The WARC files of one folder. Its methods are called in the storage thread, within the transaction of the match."""

    def __init__(self, folder: Path, software: str) -> None:
        self.folder = folder
        self.software = software
        self.kept = 0  # pages
        self._file: _File | None = None
        self._ended = False

    def keep(
        self, session: Session, entry_id: int, exchanges: Sequence[Exchange], now: datetime
    ) -> tuple[CaptureRecord, ...]:
        """Write what went over the wire for a page; where it is. Nothing when it did not come whole, or the archive ended."""
        if self._ended or not exchanges or not exchanges[-1].is_whole:
            return ()
        whole = [one for one in exchanges if one.is_whole and 200 <= one.status < 400]
        try:
            file = self._todays(session, now.astimezone(UTC).date())
            records = self._write(session, file, entry_id, whole)
        except OSError as error:
            self._end(error)
            return ()
        self.kept += 1
        return tuple(records)

    def _end(self, error: OSError) -> None:
        """A disk that is full or gone: matches go on without their pages, and that is told once."""
        self._ended = True
        self.close()
        logger.error(
            "the archive ended, matches are kept without their pages until the next start: %s: %s",
            self.folder, error.strerror or error,
        )  # fmt: skip

    def _todays(self, session: Session, day: date) -> _File:
        if self._file is not None and self._file.day == day:
            return self._file
        self.close()
        self.folder.mkdir(parents=True, exist_ok=True)
        for number in range(_MOST_FILES):
            path = self.folder / f"levantwatch-{day:%Y%m%d}-{number:05d}.warc.gz"
            self._file = _File.open(path, day, committed=verification.end_of(session, path.name))
            if self._file is not None:
                return self._file
        raise OSError(f"no free file for {day}")

    def _write(self, session: Session, file: _File, entry_id: int, whole: Sequence[Exchange]) -> list[CaptureRecord]:
        data, records = bytearray(), []
        for one in whole:
            start = len(data)
            known = proofs.kept_page(session, entry_id=entry_id, payload_sha256=one.payload_sha256 or "")
            if not file.size and not start:
                data += warcinfo(file.path.name, self.software)
            packed, record_id = render(one, known)
            data += packed
            records.append(
                CaptureRecord(
                    file=file.path.name,
                    offset=file.size + start,
                    length=len(data) - start,
                    sha256=sha256(bytes(data[start:])),
                    payload_sha256=one.payload_sha256 or "",
                    url=one.target,
                    http_status=one.status,
                    captured_at=one.at,
                    record_id=record_id,
                    revisit_of=known.record_id if known else None,
                )
            )
        file.append(data)
        return records

    def close(self) -> None:
        """Let go of the open file."""
        if self._file is not None:
            self._file.close()
            self._file = None


class _File:
    """A file that is open for this process alone."""

    def __init__(self, path: Path, day: date, descriptor: int, size: int) -> None:
        self.path, self.day, self.size = path, day, size
        self._descriptor = descriptor

    @classmethod
    def open(cls, path: Path, day: date, *, committed: int) -> _File | None:
        """The file, mended at its end; None when it is another's: locked, of another database, or not as it should be."""
        descriptor = os.open(path, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o640)
        try:
            fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
            size = _mended(path, descriptor, committed)
        except BlockingIOError:
            size = None
        except OSError:
            os.close(descriptor)
            raise
        if size is None:
            os.close(descriptor)
            return None
        return cls(path, day, descriptor, size)

    def append(self, data: bytes | bytearray) -> None:
        """Add bytes, and be sure that they are on the disk; when they cannot be, the file is as it was."""
        try:
            written = 0
            while written < len(data):
                written += os.pwrite(self._descriptor, memoryview(data)[written:], self.size + written)
            os.fsync(self._descriptor)
            if not self.size:
                _sync_folder(self.path.parent)
        except OSError:
            with suppress(OSError):
                os.ftruncate(self._descriptor, self.size)
            raise
        self.size += len(data)

    def close(self) -> None:
        os.close(self._descriptor)


def _sync_folder(folder: Path) -> None:
    descriptor = os.open(folder, os.O_RDONLY | os.O_DIRECTORY | os.O_CLOEXEC)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)


def _mended(path: Path, descriptor: int, committed: int) -> int | None:
    """Where the next record goes, after what a crash left was dealt with; None when the file is not to be written."""
    status = os.fstat(descriptor)
    size = status.st_size
    if size == committed or not stat.S_ISREG(status.st_mode):
        return size
    if committed == 0:
        return None  # another database's, or one that knows nothing of it any more
    if size < committed:
        logger.warning("the archive's %s is shorter than it was: levantwatch verify tells more", path)
        return None
    whole = 0
    with os.fdopen(os.dup(descriptor), "rb") as file:
        for member in members(file, committed, size):
            if member.state == "damaged":
                logger.warning("the archive's %s is damaged at its end: levantwatch verify tells more", path)
                return None
            if member.state == "cut":
                os.ftruncate(descriptor, member.offset)
                logger.warning("cut an unfinished record of %d bytes off the end of %s", member.length, path)
                return member.offset
            whole += 1
    logger.warning("%s ends with %d records that a crash kept from the database", path, whole)
    return size


# --- records ---


class _Head:
    """The head of a request or response as warcio asks for it: byte by byte what went over the wire."""

    def __init__(self, raw: bytes) -> None:
        self.headers_buff = raw

    def compute_headers_buffer(self, header_filter: Any = None) -> None:
        """Nothing to compute."""


def _writer(out: BytesIO) -> Any:
    from warcio.utils import Digester
    from warcio.warcwriter import WARCWriter

    class Writer(WARCWriter):  # type: ignore[misc]
        """SHA-256 instead of SHA-1; the digest of a payload is ours to give, for warcio would count the sizes of chunks in."""

        @staticmethod
        def _create_digester() -> Any:
            return Digester("sha256")

        def ensure_digest(self, record: Any, block: bool = True, payload: bool = True) -> None:
            super().ensure_digest(record, block=block, payload=False)

    return Writer(out, gzip=True, warc_version="1.1")


def warcinfo(name: str, software: str) -> bytes:
    """The first record of a file: who wrote it, and what is left out."""
    out = BytesIO()
    writer = _writer(out)
    info = {
        "software": software,
        "format": "WARC File Format 1.1",
        "conformsTo": "http://iipc.github.io/warc-specifications/specifications/warc-format/warc-1.1/",
        "description": _LEFT_OUT,
    }
    writer.write_record(writer.create_warcinfo_record(name, info))
    return out.getvalue()


def render(one: Exchange, known: Capture | None) -> tuple[bytes, str]:
    """The response, or a revisit of the one that is kept already, and the request; the WARC-Record-ID of the first."""
    out = BytesIO()
    writer = _writer(out)
    record_id = writer._make_warc_id()
    digest = "sha256:" + base64.b32encode(bytes.fromhex(one.payload_sha256 or "")).decode()
    common = {"WARC-Date": stamp(one.at), **({"WARC-IP-Address": one.ip} if one.ip else {})}
    head, body = _Head(one.head_bytes), one.wire.body or b""
    headers = {"WARC-Record-ID": record_id, **common}
    if known is not None:
        headers["WARC-Refers-To"] = known.record_id
        response = writer.create_revisit_record(
            one.target, digest, known.url, stamp(known.captured_at), http_headers=head, warc_headers_dict=headers
        )
    else:
        if not one.is_chunked:
            headers["WARC-Payload-Digest"] = (
                digest  # of the payload (RFC 9110), which the sizes of chunks are no part of
            )
        response = writer.create_warc_record(
            one.target,
            "response",
            payload=BytesIO(body),
            length=len(body),
            http_headers=head,
            warc_headers_dict=headers,
        )
    writer.write_record(response)
    asked = {**common, "WARC-Concurrent-To": record_id}
    request = writer.create_warc_record(
        one.target,
        "request",
        payload=BytesIO(),
        length=0,
        http_headers=_Head(one.request_bytes),
        warc_headers_dict=asked,
    )
    writer.write_record(request)
    return out.getvalue(), record_id
