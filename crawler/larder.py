"""How much of large bodies a crawl holds on the way: servers that send more at once are read in turn.

Every body may be of `feed_max_bytes`, and a hundred of them come at the same time: a thousand megabytes, from servers that mean harm. So
what goes beyond the size of an ordinary document shares one room. When it is full, only the body that came first is read on; the
others wait at their servers (TCP holds them back) until there is room again, or their time is over.
"""

from __future__ import annotations

from typing import Protocol

ORDINARY = 1024 * 1024  # bytes: 99 of 100 feeds and pages are smaller than half of it
ROOM = 12 * 1024 * 1024  # bytes of all bodies that are larger, together: more than the largest of feeds


class Pausable(Protocol):
    """A transport that can be read later."""

    def pauseProducing(self) -> None:
        """Read no more."""

    def resumeProducing(self) -> None:
        """Read again."""


class Larder:
    """The bytes of large bodies on the way, by who reads them."""

    def __init__(self, room: int = ROOM) -> None:
        self._room = room
        self._held: dict[Pausable, int] = {}  # in the order in which they became large
        self._paused: set[Pausable] = set()

    def took(self, transport: Pausable, held: int) -> None:
        """A body has grown to so many bytes; it waits when there is no room for more and another came before it."""
        if held <= ORDINARY:
            return
        self._held[transport] = held
        if self._is_full() and transport is not next(iter(self._held)) and transport not in self._paused:
            self._paused.add(transport)
            transport.pauseProducing()

    def ended(self, transport: Pausable) -> None:
        """A body is whole, or will never be: others have its room."""
        if self._held.pop(transport, None) is None:
            return
        if transport in self._paused:  # it is used again for another request
            self._paused.discard(transport)
            transport.resumeProducing()
        for waiting in [one for one in self._held if one in self._paused]:
            if self._is_full() and waiting is not next(iter(self._held)):
                break
            self._paused.discard(waiting)
            waiting.resumeProducing()

    def _is_full(self) -> bool:
        return sum(self._held.values()) > self._room
