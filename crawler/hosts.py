"""Fairness between hosts: who is asked next, and on which host's clock.

Scrapy keeps a delay per slot, but lets one host's hundred feeds fill every place in flight. So requests wait
here, per registered domain, and leave in turn, never more of one domain at once than the domain may have.
"""

from __future__ import annotations

from collections import deque
from typing import TYPE_CHECKING, Generic, TypeVar

from crawler.urls import registered_domain

if TYPE_CHECKING:
    from scrapy import Request

T = TypeVar("T")


class FairQueue(Generic[T]):
    """Items waiting per host, handed out in turn; `done` makes room again. PURE, not thread-safe.

    `per_host` is the number of items of one host that may be out at once, `total` of all hosts together.
    """

    def __init__(self, *, per_host: int, total: int) -> None:
        self._per_host = per_host
        self._total = total
        self._waiting: dict[str, deque[T]] = {}
        self._turn: deque[str] = deque()  # hosts that have something waiting and room for it
        self._out: dict[str, int] = {}
        self.out = 0

    def put(self, host: str, item: T) -> None:
        """Let `item` wait for its host's turn."""
        if host not in self._waiting:
            self._waiting[host] = deque()
            if self._out.get(host, 0) < self._per_host:
                self._turn.append(host)
        self._waiting[host].append(item)

    def take(self) -> T | None:
        """The next item in turn; None when nothing waits or every waiting host is at its limit."""
        if self.out >= self._total or not self._turn:
            return None
        host = self._turn.popleft()
        waiting = self._waiting[host]
        item = waiting.popleft()
        self._out[host] = self._out.get(host, 0) + 1
        self.out += 1
        if not waiting:
            del self._waiting[host]
        elif self._out[host] < self._per_host:
            self._turn.append(host)
        return item

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

    def clear(self) -> None:
        """Forget what waits; what is out stays out."""
        self._waiting.clear()
        self._turn.clear()

    def __len__(self) -> int:
        """How many items wait."""
        return sum(len(waiting) for waiting in self._waiting.values())

    def busy_hosts(self) -> frozenset[str]:
        """Hosts that have something waiting or out."""
        return frozenset(self._waiting) | frozenset(self._out)


class HostSlot:
    """Downloader middleware: every request, redirects and robots.txt included, keeps the delay of its own domain.

    Without it a redirected request is delayed on the host it came from, and two subdomains count as two hosts.
    """

    def process_request(self, request: Request) -> None:
        """Name the download slot after the registered domain of the URL that is about to be asked."""
        request.meta["download_slot"] = registered_domain(request.url)
