"""Fairness between hosts: who is asked next. PURE.

Scrapy lets one host's hundred feeds fill every place in flight. So requests wait here, per host, and leave in turn,
never more of one host at once than it may have, and none before its host may be asked. Who did not answer last time may hang
again, and does not hold up the others.
"""

from __future__ import annotations

import heapq
from collections import deque
from collections.abc import Callable
from typing import Generic, TypeVar

T = TypeVar("T")

DOUBTFUL_SHARE = 4  # of the places one in so many may be taken by what is doubtful
DOUBTFUL_TURN = 8  # and as long as others wait, one turn in so many: nothing waits for ever


class FairQueue(Generic[T]):
    """Items waiting per host, handed out in turn; `done` makes room again. Not thread-safe.

    `per_host` is the number of items of one host that may be out at once, `total` of all hosts together. `opens_at`
    says from which time on a host may be asked; `idle` how many of the items that are out ask nobody now, waiting for their
    turn at a host, say, and so take no place from the others.
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
        self._waiting: dict[str, deque[tuple[T, bool]]] = {}  # items, and whether they are doubtful
        self._turn: deque[str] = deque()  # hosts that have something waiting and room for it
        self._doubtful: deque[str] = deque()  # the same of those whose next item is doubtful
        self._closed: list[tuple[float, str]] = []  # the same, but not to be asked before this time; a heap
        self._out: dict[str, int] = {}
        self._doubtful_out = self._turns = 0
        self.out = 0

    def put(self, host: str, item: T, *, doubtful: bool = False) -> None:
        """Let `item` wait for its host's turn; a `doubtful` one may take long for nothing."""
        is_first = host not in self._waiting
        self._waiting.setdefault(host, deque()).append((item, doubtful))
        if is_first and self._out.get(host, 0) < self._per_host:
            self._line_up(host)

    def take(self, now: float = 0.0) -> T | None:
        """The next item in turn; None when nothing waits or every waiting host is at its limit."""
        while self._closed and self._closed[0][0] <= now:
            self._line_up(heapq.heappop(self._closed)[1])
        lines = [self._turn, self._doubtful]
        for line in reversed(lines) if self._turns % DOUBTFUL_TURN == DOUBTFUL_TURN - 1 else lines:
            while line and self._has_room(line is self._doubtful):
                host = line.popleft()
                if host not in self._waiting:  # it was dropped meanwhile
                    continue
                opens_at = self._opens_at(host)
                if opens_at > now:
                    heapq.heappush(self._closed, (opens_at, host))
                    continue
                return self._hand_out(host)
        return None

    def _has_room(self, doubtful: bool) -> bool:
        if doubtful and self._doubtful_out >= max(1, self._total // DOUBTFUL_SHARE):
            return False
        return self.out - self._idle() < self._total

    def _line_up(self, host: str) -> None:
        _, doubtful = self._waiting[host][0] if host in self._waiting else (None, False)
        (self._doubtful if doubtful else self._turn).append(host)

    def _hand_out(self, host: str) -> T:
        waiting = self._waiting[host]
        item, doubtful = waiting.popleft()
        self._out[host] = self._out.get(host, 0) + 1
        self.out += 1
        self._turns += 1
        self._doubtful_out += doubtful
        if not waiting:
            del self._waiting[host]
        elif self._out[host] < self._per_host:
            self._line_up(host)
        return item

    def opens_next(self) -> float | None:
        """When the first of the hosts that may not be asked yet may be; None when there is none."""
        return self._closed[0][0] if self._closed else None

    def done(self, host: str, *, doubtful: bool = False) -> None:
        """An item of `host` that was taken has been dealt with; `doubtful` as it was put."""
        out = self._out[host] - 1
        self.out -= 1
        self._doubtful_out -= doubtful
        if out:
            self._out[host] = out
        else:
            del self._out[host]
        if out == self._per_host - 1 and host in self._waiting:
            self._line_up(host)

    def drop(self, host: str) -> list[T]:
        """Take back what waits for a host; what is out stays out."""
        dropped = [item for item, _ in self._waiting.pop(host, ())]
        self._turn = deque(name for name in self._turn if name != host)
        self._doubtful = deque(name for name in self._doubtful if name != host)
        self._closed = [place for place in self._closed if place[1] != host]
        heapq.heapify(self._closed)
        return dropped

    def clear(self) -> list[T]:
        """Take back everything that waits; what is out stays out."""
        dropped = [item for waiting in self._waiting.values() for item, _ in waiting]
        self._waiting.clear()
        self._turn.clear()
        self._doubtful.clear()
        self._closed.clear()
        return dropped

    def __len__(self) -> int:
        """How many items wait."""
        return sum(len(waiting) for waiting in self._waiting.values())
