"""What a crawl has taken from the ledger to read: new entries, and matches that are looked at again, a few of each host."""

from __future__ import annotations

import asyncio
import logging
from collections import Counter
from typing import TYPE_CHECKING, Any

from storage import entries, rechecks
from storage.errors import StorageError

if TYPE_CHECKING:
    from collections.abc import Awaitable, Callable, Collection, Iterable

    from crawler.watch import Watch
    from storage.entries import ClaimedEntry
    from storage.rechecks import ClaimedRecheck

logger = logging.getLogger(__name__)

AHEAD = 4  # times the places: so many entries of which no page is asked may be on their way through judge and writer
PER_HOST = 8  # waiting or in flight at once: enough to keep a host's turn filled, few enough to lose little
SLOW = 5.0  # seconds of delay from which on a host's articles are claimed one by one, and take no place from the others


class Claims:
    """Claims what waits, as long as there is room.

    `take` and `look` put what was claimed in line and tell whether there is anything to ask for; `changed` is called when something
    was claimed or nothing was, `broke` when the database failed. `entries_wait` and `looks_wait`: the ledger may hold such.
    """

    def __init__(
        self,
        watch: Watch,
        *,
        entries_wait: bool,
        take: Callable[[ClaimedEntry], bool],
        look: Callable[[ClaimedRecheck], Awaitable[bool]],
        changed: Callable[[], None],
        broke: Callable[[StorageError], None],
    ) -> None:
        self.entries_wait = entries_wait
        self.looks_wait = False
        self.ids: set[int] = set()  # entries whose claim is ours until they are settled
        self._reads_entries = entries_wait
        self._watch, self._take, self._look, self._changed, self._broke = watch, take, look, changed, broke
        self._hosts: dict[int, str] = {}  # of what is claimed, by its number
        self._asked: set[int] = set()  # those of which a page is asked: they take places
        self._looking: set[int] = set()  # those that are looked at again
        self._claiming: asyncio.Future[None] | None = None
        self._leaving = False

    @property
    def busy(self) -> bool:
        """Whether something is being claimed."""
        return self._claiming is not None

    def expect(self, *, entries_wait: bool = False, looks_wait: bool = False) -> None:
        """The ledger may have more to read; not for a spider that reads no entries, or one that leaves."""
        self.entries_wait = self.entries_wait or (entries_wait and self._reads_entries and not self._leaving)
        self.looks_wait = self.looks_wait or looks_wait

    def leave(self) -> None:
        """Claim no more."""
        self._leaving = True

    def soon(self) -> None:
        """Claim what waits, unless that is under way: polls go on meanwhile."""
        if self.busy or self._leaving or not (self.entries_wait or self.looks_wait):
            return
        slow = self._watch.hosts.slow(SLOW)
        places = self._watch.config.concurrency
        room = places - sum(self._hosts[number] not in slow for number in self._asked)
        if room > 0 and len(self._hosts) - len(self._asked) < AHEAD * places:
            self._claiming = asyncio.ensure_future(self._claim(slow, room))

    def let_go(self, number: int) -> None:
        """It is not asked for in this crawl; its claim is given back at the end."""
        self._hosts.pop(number, None)
        self._asked.discard(number)

    def give_up(self, numbers: Iterable[int]) -> None:
        """These entries wait again in the ledger."""
        self.ids.difference_update(numbers)

    def settle(self, number: int, *, kept: bool) -> str | None:
        """It is through, with its claim unless that is `kept`: the host that may be asked for the next one, or None when it was let go."""
        host = self._hosts.pop(number, None)
        self._asked.discard(number)
        if not kept:
            self.ids.discard(number)
        if host is not None:
            self.entries_wait = self._reads_entries
            self.looks_wait = self.looks_wait or number in self._looking
            self._looking.discard(number)
        return host

    async def _claim(self, slow: Collection[str], room: int) -> None:
        """Entries whose turn has come, or, where there is none, matches to look at again."""
        crowds = Counter(self._hosts.values())
        turn: dict[str, Any] = {
            "now": self._watch.now(),
            "limit": room,
            "per_host": {**dict.fromkeys(slow, 1), "*": PER_HOST},
            "exclude_hosts": [host for host, number in crowds.items() if host in slow or number >= PER_HOST // 2],
        }
        try:
            if not (self.entries_wait and await self._claim_entries(turn)) and self.looks_wait:
                await self._claim_looks(turn)
        except StorageError as error:
            self._broke(error)
        except Exception:
            logger.exception("a bug: nothing was claimed")
        finally:
            self._claiming = None
            self._changed()

    async def _claim_entries(self, turn: dict[str, Any]) -> bool:
        self.entries_wait = False
        claimed = await self._watch.write(entries.claim, **turn)
        self.ids.update(entry.id for entry in claimed)
        if self._leaving:  # meanwhile; close_run gives them back
            return False
        for entry in claimed:
            self._hosts[entry.id] = entry.host
            if self._take(entry):
                self._asked.add(entry.id)
        self.entries_wait = self.entries_wait or bool(claimed)
        return bool(claimed)

    async def _claim_looks(self, turn: dict[str, Any]) -> None:
        self.looks_wait = False
        claimed = await self._watch.write(rechecks.claim, **turn)
        if self._leaving:
            return
        for recheck in claimed:
            if await self._look(recheck):
                self._hosts[recheck.id] = recheck.host
                self._asked.add(recheck.id)
                self._looking.add(recheck.id)
        self.looks_wait = self.looks_wait or bool(claimed)
