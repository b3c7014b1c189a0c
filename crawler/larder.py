"""How much of large bodies a crawl holds: servers that send more at once are read in turn.

Every body may be of `feed_max_bytes`, and a hundred of them come at the same time: a thousand megabytes, from servers that mean harm. So
what goes beyond the size of an ordinary document shares one room on the way, and waits for a worker on the disk, in a room that is bounded, too.
When the first is full, only the body that came first is read on; when the second is, none. The others wait at their servers (TCP holds
them back) until there is room again, or their time is over. A worker ends within `parse_seconds`, so that there always is.
"""

from __future__ import annotations

import hashlib
import os
import time
import weakref
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from tempfile import NamedTemporaryFile, gettempdir
from typing import Protocol, Self

from msgspec import Struct

ORDINARY = 512 * 1024  # bytes: 99 of 100 feeds and pages are smaller
# with a quarter of both honest bodies ran out of time behind hostile ones
ROOM = 16 * 1024 * 1024  # bytes of all larger bodies on the way, together
MOST_WAITING = 256 * 1024 * 1024  # bytes of those that wait for a worker, or are with one
PREFIX = "levantwatch-body-"  # of the files
LEFT_SECONDS = 3_600.0  # a body that is wanted waits for minutes at most
ASIDE = "body_aside"  # in a request's meta: its large body


class Aside(Struct, frozen=True, weakref=True):
    """A large body in a file of the temporary folder; `bytes(it)` reads it. The file goes with the object that made it."""

    path: str
    size: int
    sha256: str  # hexadecimal

    @classmethod
    def of(cls, body: bytes) -> Self:
        """Write it. Raises OSError."""
        with NamedTemporaryFile(prefix=PREFIX, delete=False) as file:
            aside = cls(file.name, len(body), hashlib.sha256(body).hexdigest())
            weakref.finalize(
                aside, _remove, file.name
            )  # of this object: a copy that was sent to a worker removes nothing
            file.write(body)
        return aside

    def __len__(self) -> int:
        return self.size

    def __bytes__(self) -> bytes:
        with open(self.path, "rb") as file:
            return file.read()


Body = bytes | Aside


def clear_away(*, older_than: float = LEFT_SECONDS) -> int:
    """Remove bodies that a killed process left in the temporary folder, at least so many seconds old; how many those were."""
    removed, left = 0, []
    with suppress(OSError):  # there is no folder that can be written to
        left = list(Path(gettempdir()).glob(f"{PREFIX}*"))
    for path in left:
        with suppress(OSError):
            if time.time() - path.lstat().st_mtime >= older_than:
                path.unlink()
                removed += 1
    return removed


def _remove(path: str) -> None:
    with suppress(OSError):
        os.unlink(path)


class Pausable(Protocol):
    """A transport that can be read later."""

    def pauseProducing(self) -> None:
        """Read no more."""

    def resumeProducing(self) -> None:
        """Read again."""


class Larder:
    """The bytes of large bodies on the way, by who reads them, and of those that wait to be parsed."""

    def __init__(self, room: int = ROOM, most_waiting: int = MOST_WAITING) -> None:
        self._room, self._most_waiting = room, most_waiting
        self._held: dict[Pausable, int] = {}  # in the order in which they became large
        self._paused: set[Pausable] = set()
        self._waiting = 0

    def took(self, transport: Pausable, held: int) -> None:
        """A body has grown to so many bytes; it is held back when there is no room for more of it."""
        if held <= ORDINARY:
            return
        self._held[transport] = held
        if transport not in self._paused and not self._may_go_on(transport):
            self._paused.add(transport)
            transport.pauseProducing()

    def ended(self, transport: Pausable) -> None:
        """A body is whole, or will never be: others have its room."""
        if self._held.pop(transport, None) is None:
            return
        if transport in self._paused:  # it is used again for another request
            self._resume(transport)
        self._go_on()

    @contextmanager
    def waits(self, size: int) -> Iterator[None]:
        """While the block runs, a whole body of so many bytes waits for a worker, or is with one."""
        counted = size if size > ORDINARY else 0
        self._waiting += counted
        try:
            yield
        finally:
            self._waiting -= counted
            if counted:
                self._go_on()

    def _go_on(self) -> None:
        for transport in [one for one in self._held if one in self._paused]:
            if not self._may_go_on(transport):
                break
            self._resume(transport)

    def _may_go_on(self, transport: Pausable) -> bool:
        if self._waiting > self._most_waiting:
            return False
        return transport is next(iter(self._held)) or sum(self._held.values()) <= self._room

    def _resume(self, transport: Pausable) -> None:
        self._paused.discard(transport)
        transport.resumeProducing()


LARDER = Larder()  # of this process, whatever its number of crawls and handlers
