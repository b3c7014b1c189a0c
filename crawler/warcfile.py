"""WARC files as bytes: their gzip members one by one, and what stands in the place of one that was removed. Pure but for the file.

A member is a record packed by itself, so that a reader finds it by its offset.
"""

from __future__ import annotations

import hashlib
import zlib
from collections.abc import Iterator
from datetime import datetime
from typing import BinaryIO, Literal
from uuid import NAMESPACE_URL, uuid5

from msgspec import Struct

_CHUNK = 256 * 1024
_GZIP_HEADER = b"\x1f\x8b\x08\x00\x00\x00\x00\x00"  # no name, no time; how hard it was packed and on what comes after
_BLOCK = 65_535  # the most that a stored block of deflate holds


class Member(Struct, frozen=True):
    """Bytes of a file: a `whole` record, one that was `cut` off by its end, or bytes that are none (`damaged`)."""

    offset: int
    length: int
    state: Literal["whole", "cut", "damaged"]


def members(file: BinaryIO, start: int, end: int) -> Iterator[Member]:
    """The members between two offsets; after one that is cut or damaged there is nothing more to find."""
    while start < end:
        length, state = _member(file, start, end)
        yield Member(start, length, state)
        if state != "whole":
            return
        start += length


def _member(file: BinaryIO, start: int, end: int) -> tuple[int, Literal["whole", "cut", "damaged"]]:
    unpack = zlib.decompressobj(wbits=31)
    file.seek(start)
    at, first = start, b""
    head = file.read(min(len(_GZIP_HEADER), end - start))
    if not _GZIP_HEADER.startswith(head):
        return end - start, "damaged"
    file.seek(start)
    while at < end:
        data = file.read(min(_CHUNK, end - at))
        if not data:
            break
        at += len(data)
        try:
            plain = unpack.decompress(data, _CHUNK)
            first = first or plain[:7]
            while unpack.unconsumed_tail:
                unpack.decompress(unpack.unconsumed_tail, _CHUNK)
        except zlib.error:
            return end - start, "damaged"
        if unpack.eof:
            length = at - start - len(unpack.unused_data)
            return length, "whole" if first == b"WARC/1." else "damaged"
    return end - start, "cut"


def sha256(data: bytes) -> str:
    """SHA-256, hexadecimal."""
    return hashlib.sha256(data).hexdigest()


def tombstone(length: int, *, name: str, at: datetime, why: str) -> bytes:
    """A record of exactly this length that says what was here; it takes the place of what was removed, and moves nothing.

    A gzip member of stored blocks with a `metadata` record, filled up with spaces; the same arguments, the same bytes.
    """
    blocks = max(1, -(-(length - 18) // (_BLOCK + 5)))
    plain = _record(length - 18 - 5 * blocks, name, at, why)
    out = bytearray(_GZIP_HEADER + b"\x00\xff")
    for number in range(blocks):
        part = plain[number * _BLOCK : (number + 1) * _BLOCK]
        out += (
            bytes([number == blocks - 1]) + len(part).to_bytes(2, "little") + (len(part) ^ 0xFFFF).to_bytes(2, "little")
        )
        out += part
    out += zlib.crc32(plain).to_bytes(4, "little") + (len(plain) & 0xFFFFFFFF).to_bytes(4, "little")
    return bytes(out)


def _record(length: int, name: str, at: datetime, why: str) -> bytes:
    lines = (
        "WARC/1.1",
        "WARC-Type: metadata",
        f"WARC-Record-ID: <urn:uuid:{uuid5(NAMESPACE_URL, name)}>",
        f"WARC-Date: {at:%Y-%m-%dT%H:%M:%SZ}",
        "Content-Type: application/warc-fields",
    )
    head = "\r\n".join(lines).encode()
    said = f"removed: {' '.join(why.split())}".encode()
    for space in (b" ", b"  "):  # where one digit more leaves no length that fits, a second space does
        for digits in range(1, 12):
            room = length - len(head) - len(b"\r\nContent-Length:\r\n\r\n\r\n\r\n") - len(space) - digits
            if room >= 0 and len(str(room)) == digits:
                body = said.ljust(room)[:room]
                return head + b"\r\nContent-Length:" + space + str(room).encode() + b"\r\n\r\n" + body + b"\r\n\r\n"
    raise ValueError(f"{length} bytes hold no record")
