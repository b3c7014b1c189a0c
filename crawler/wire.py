"""What went over the wire, byte by byte: the request as it was sent, the response as it came, packed and chunked.

Pure: `crawler.framing` fills it while a page comes in, `crawler.warc` writes it when the page has become a match.
"""

from __future__ import annotations

import re
from datetime import datetime
from urllib.parse import urldefrag

from msgspec import Struct

# Credentials are never archived: neither ours nor a key that the server gave us. What is left out is left out whole.
_SECRET = frozenset({b"authorization", b"proxy-authorization", b"cookie", b"set-cookie", b"set-cookie2"})
MOST_REDIRECT = 64 * 1024  # of a redirect's body; nobody reads it


class Wire:
    """A response while it is received. What is not wanted is dropped at its head; what grows too large, too."""

    def __init__(self) -> None:
        self.head: list[bytes] = []
        self._pieces: list[bytes] = []
        self._size = 0
        self._room: int | None = None  # until somebody has decided

    def keep(self, most: int) -> None:
        """Keep the body, if it is no larger than this."""
        self._room = most

    def drop(self) -> None:
        """Keep nothing."""
        self._room = -1
        self._pieces.clear()

    def add(self, data: bytes) -> None:
        """The next bytes of the body, with the sizes of its chunks."""
        if self._room is not None and self._size + len(data) > self._room:
            self.drop()
        elif data:
            self._size += len(data)
            self._pieces.append(data)

    def cut(self, count: int) -> None:
        """The last bytes were not of this response."""
        if count and self._pieces:
            self._pieces = [b"".join(self._pieces)[:-count]]

    @property
    def body(self) -> bytes | None:
        """The body as it came; None when it was not kept."""
        return None if self._room == -1 else b"".join(self._pieces)


class Exchange(Struct):
    """One request and its response; `payload` is the body without its chunks, as it was packed, once it is whole."""

    url: str
    at: datetime
    status: int
    request: bytes
    wire: Wire
    ip: str | None = None
    payload_sha256: str | None = None

    @property
    def is_whole(self) -> bool:
        """Whether it came to its end and was kept."""
        return self.payload_sha256 is not None and self.wire.body is not None

    @property
    def target(self) -> str:
        """The address without its fragment, user and password."""
        return re.sub(r"^([a-zA-Z][a-zA-Z0-9+.-]*://)[^/?#]*@", r"\1", urldefrag(self.url)[0])

    @property
    def request_bytes(self) -> bytes:
        """The request without credentials."""
        return without_secrets(self.request)

    @property
    def head_bytes(self) -> bytes:
        """The response's head without the cookies that it sets."""
        return without_secrets(b"".join(self.wire.head))

    @property
    def is_chunked(self) -> bool:
        """Whether the body has the sizes of its chunks in it."""
        return bool(re.search(rb"^transfer-encoding:[^\n]*chunked", self.head_bytes, re.IGNORECASE | re.MULTILINE))


def without_secrets(head: bytes) -> bytes:
    """A head without the fields that hold credentials, with the lines that continue them; every other byte as it was."""
    kept, secret = [], False
    for number, line in enumerate(re.findall(rb"[^\n]*\n|[^\n]+", head)):
        if number and line[:1] not in (b" ", b"\t"):
            secret = line.split(b":", 1)[0].strip().lower() in _SECRET
        if not secret:
            kept.append(line)
    return b"".join(kept)
