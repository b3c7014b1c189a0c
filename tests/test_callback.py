"""The door at which hubs knock, without a network: what comes of a body for which there is no room."""

from __future__ import annotations

import asyncio
import errno
import tempfile
from typing import Any

import pytest
from twisted.web import http
from twisted.web.test.requesthelper import DummyChannel

from crawler.callback import LATER, TOO_LARGE, UNKNOWN, _called, _request

TOKEN = "A" * 43


class Hubs:
    """Knows one token, and remembers what it was pushed."""

    def __init__(self) -> None:
        self.pushed: list[bytes] = []

    async def knows(self, token: str) -> bool:
        return token == TOKEN

    async def intent(self, token: str, arguments: object) -> tuple[int, str]:
        return UNKNOWN, ""

    async def push(self, token: str, body: bytes, **_: Any) -> int:
        self.pushed.append(body)
        return 202


class Full:
    """A file on a full disk, which fails again when it is closed."""

    def write(self, data: bytes) -> int:
        raise OSError(errno.ENOSPC, "no space left")

    def close(self) -> None:
        raise OSError(errno.ENOSPC, "no space left")


def asked(*chunks: bytes, length: int | None, most: int = 1_000_000, token: str = TOKEN) -> tuple[int, list[bytes]]:
    """The status of a POST of these chunks, and what was taken of it."""
    request: Any = _request(most)(DummyChannel(), False)
    request.gotLength(length)
    for chunk in chunks:
        request.handleContentChunk(chunk)
    request.content.seek(0)
    request.method, request.path, request.kind = b"POST", f"/cb/{token}".encode(), b"application/rss+xml"
    hubs = Hubs()
    status, _ = asyncio.run(_called(hubs, request))
    request.content.close()
    return status, hubs.pushed


def test_a_body_is_taken_in_file_or_memory_and_bounded() -> None:
    assert asked(b"abc", length=3) == (202, [b"abc"])
    assert asked(b"a" * 600_000, length=600_000) == (202, [b"a" * 600_000])
    assert asked(b"a" * 600_000, b"a" * 600_000, length=None) == (TOO_LARGE, [])
    assert asked(b"abc", length=3, token="B" * 43) == (UNKNOWN, [])


def test_without_room_in_the_temporary_folder_a_hub_is_told_to_push_again(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(http, "_getContentFile", lambda length: Full())
    assert asked(b"abc", b"def", length=600_000) == (LATER, [])
    monkeypatch.setattr(http, "_getContentFile", lambda length: tempfile.TemporaryFile(dir="/nowhere/at/all"))  # noqa: SIM115
    assert asked(b"abc", length=600_000) == (LATER, [])
