"""Hosts shared by the members of a cluster: whoever holds one asks it alone, for a time that is renewed while there is something to ask."""

from __future__ import annotations

import asyncio
import logging
from contextlib import suppress
from typing import TYPE_CHECKING

from storage import cluster as shared
from storage import hosts as known_hosts
from storage.errors import StorageError

if TYPE_CHECKING:
    from sqlalchemy.orm import Session

    from crawler.watch import Watch

logger = logging.getLogger(__name__)

TRY_AGAIN = 0.25  # seconds until a host that somebody else holds is asked for again
GATHER = 0.02  # seconds in which wishes gather to one transaction
MARGIN = 0.2  # share of the time that is left unused: a request begins well before the host may be another's


class HostLeases:
    """The hosts that this member holds, each until a time of the steady clock; `seconds` is how long a host is held for."""

    def __init__(self, watch: Watch, *, schema: str, owner: str, seconds: float) -> None:
        self._watch, self._schema, self._owner, self._seconds = watch, schema, owner, seconds
        self._hosts = watch.hosts
        self._until: dict[str, float] = {}
        self._wanted: set[str] = set()
        self._idle: set[str] = set()
        self._wake = asyncio.Event()

    def holds(self, host: str) -> bool:
        """Whether the host may be asked by this member now."""
        until = self._until.get(host)
        return until is not None and self._hosts.clock() < until - MARGIN * self._seconds

    def want(self, host: str) -> None:
        """Try to get hold of a host."""
        if host not in self._wanted:
            self._wanted.add(host)
            self._wake.set()

    def idle(self, host: str) -> None:
        """Let others have it."""
        if host in self._until:
            self._idle.add(host)
            self._wake.set()

    async def keep(self) -> None:
        """Take, renew and give hosts, until cancelled."""
        while True:
            with suppress(TimeoutError):
                await asyncio.wait_for(self._wake.wait(), TRY_AGAIN if self._wanted else self._seconds / 4)
            self._wake.clear()
            await asyncio.sleep(GATHER)
            try:
                await self._give()
                await self._take()
            except StorageError as error:
                logger.error("no host could be had, trying again: %s", error)
                await asyncio.sleep(1.0)

    async def _take(self) -> None:
        now = self._hosts.clock()
        renewed = {
            host for host, until in self._until.items()
            if until - now < self._seconds * 0.6 and host not in self._idle and self._hosts.is_busy(host)
        }  # fmt: skip
        wanted = {host for host in self._wanted if self._hosts.is_busy(host)}
        self._wanted = wanted
        if not wanted | renewed:
            return
        got, quiet, delays = await self._watch.write(self._taken, wanted | renewed)
        for host in renewed - got.keys():
            self._until.pop(host, None)
        for host, held in got.items():
            again = self.holds(host)
            self._until[host] = now + self._seconds
            self._wanted.discard(host)
            if again:
                continue
            for origin, seconds in delays.get(host, ()):
                self._hosts.set_crawl_delay(host, origin, seconds)
            if host in quiet:
                self._hosts.keep_quiet(host, quiet[host].until, status=quiet[host].status)
            self._hosts.taken(host, asked=held.asked, response=held.response)
            if not self._hosts.is_busy(host):
                self.idle(host)

    def _taken(
        self, session: Session, hosts: set[str]
    ) -> tuple[
        dict[str, shared.HeldHost], dict[str, known_hosts.QuietHost], dict[str, list[tuple[str, float]]]
    ]:  # fmt: skip
        got = shared.take_hosts(
            session, schema=self._schema, owner=self._owner, hosts=sorted(hosts), seconds=self._seconds
        )
        now = self._watch.now()
        quiet = {one.host: one for one in known_hosts.quiet(session, now=now, hosts=got.keys())}
        delays: dict[str, list[tuple[str, float]]] = {}
        for host, origin, seconds in known_hosts.crawl_delays(session, now=now, hosts=got.keys()):
            delays.setdefault(host, []).append((origin, seconds))
        return got, quiet, delays

    async def _give(self) -> None:
        over = {host for host in self._idle if not self._hosts.is_busy(host) and host in self._until}
        self._idle.clear()
        await self.give(over)

    async def give(self, hosts: set[str] | None = None) -> None:
        """Give these hosts back, or all."""
        gone = set(self._until) if hosts is None else hosts
        if gone:
            for host in gone:
                del self._until[host]
            asked = {host: self._hosts.last_asked(host) for host in sorted(gone)}
            await self._watch.write(shared.give_hosts, schema=self._schema, owner=self._owner, hosts=asked)
