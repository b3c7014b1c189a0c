"""Fairness between hosts: who is asked next. PURE.

Scrapy lets one host's hundred feeds fill every place in flight. So requests wait here, per host, and leave in turn,
never more of one host at once than it may have, and none before its host may be asked.
"""

from __future__ import annotations

import heapq
from collections import deque
from collections.abc import Callable
from typing import Generic, TypeVar

T = TypeVar("T")


class FairQueue(Generic[T]):
    """Items waiting per host, handed out in turn; `done` makes room again. Not thread-safe.

    `per_host` is the number of items of one host that may be out at once, `total` of all hosts together. `opens_at`
    says from which time on a host may be asked; `idle` how many of the items that are out only wait for their turn at a
    host, and so take no place from the others.
    """

    def __init__(
        self,
        *,
        per_host: int,
        total: int,
        opens_at: Callable[[str], float] = lambda host: 0.0,
        idle: Callable[[], int] = lambda: 0,
    ) -> None:
        self._per_host = per_host
        self._total = total
        self._opens_at = opens_at
        self._idle = idle
        self._waiting: dict[str, deque[T]] = {}
        self._turn: deque[str] = deque()  # hosts that have something waiting and room for it
        self._closed: list[tuple[float, str]] = []  # the same, but not to be asked before this time; a heap
        self._out: dict[str, int] = {}
        self.out = 0

    def put(self, host: str, item: T) -> None:
        """Let `item` wait for its host's turn."""
        if host not in self._waiting:
            self._waiting[host] = deque()
            if self._out.get(host, 0) < self._per_host:
                self._turn.append(host)
        self._waiting[host].append(item)

    def take(self, now: float = 0.0) -> T | None:
        """The next item in turn; None when nothing waits or every waiting host is at its limit."""
        while self._closed and self._closed[0][0] <= now:
            self._turn.append(heapq.heappop(self._closed)[1])
        while self._turn and self.out - self._idle() < self._total:
            host = self._turn.popleft()
            if host not in self._waiting:  # it was dropped meanwhile
                continue
            opens_at = self._opens_at(host)
            if opens_at > now:
                heapq.heappush(self._closed, (opens_at, host))
                continue
            return self._hand_out(host)
        return None

    def _hand_out(self, host: str) -> T:
        waiting = self._waiting[host]
        item = waiting.popleft()
        self._out[host] = self._out.get(host, 0) + 1
        self.out += 1
        if not waiting:
            del self._waiting[host]
        elif self._out[host] < self._per_host:
            self._turn.append(host)
        return item

    def opens_next(self) -> float | None:
        """When the first of the hosts that may not be asked yet may be; None when there is none."""
        return self._closed[0][0] if self._closed else None

    def done(self, host: str) -> None:
        """An item of `host` that was taken has been dealt with."""
        out = self._out[host] - 1
        self.out -= 1
        if out:
            self._out[host] = out
        else:
            del self._out[host]
        if out == self._per_host - 1 and host in self._waiting:
            self._turn.append(host)

    def drop(self, host: str) -> list[T]:
        """Take back what waits for a host; what is out stays out."""
        dropped = list(self._waiting.pop(host, ()))
        self._turn = deque(name for name in self._turn if name != host)
        self._closed = [place for place in self._closed if place[1] != host]
        heapq.heapify(self._closed)
        return dropped

    def clear(self) -> list[T]:
        """Take back everything that waits; what is out stays out."""
        dropped = [item for waiting in self._waiting.values() for item in waiting]
        self._waiting.clear()
        self._turn.clear()
        self._closed.clear()
        return dropped

    def __len__(self) -> int:
        """How many items wait."""
        return sum(len(waiting) for waiting in self._waiting.values())
