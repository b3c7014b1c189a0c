"""What a crawl takes in hand: pages that are asked for take places, entries of which none is asked may be more."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from types import SimpleNamespace
from typing import Any

import pytest
from scrapy.exceptions import DropItem

from crawler.claims import AHEAD, Claims
from crawler.items import Article
from crawler.pipelines import Store
from storage import entries
from storage.db import Database
from storage.entries import ClaimedEntry
from storage.errors import DatabaseFull
from tests.storage_samples import NOW, add_feed, seen

PLACES = 4


class Taken:
    """Claims of a ledger with sixty entries, each of a host of its own; all are taken that may be, and nothing is settled yet."""

    def __init__(self, database: Database, asks: Callable[[ClaimedEntry], bool], slow: frozenset[str] = frozenset()):
        self.database = database
        feed_id = add_feed(database)
        listed = [seen(number, host=f"paper-{number}.example") for number in range(60)]
        with database.write() as session:
            entries.record_seen(
                session, [entries.Document(feed_id, listed, NOW, triage=lambda entry: entries.Triage(1.0, True))]
            )
        watch: Any = SimpleNamespace(
            config=SimpleNamespace(concurrency=PLACES),
            hosts=SimpleNamespace(slow=lambda seconds: slow),
            now=lambda: NOW,
            write=self._write,
        )
        self.taken: list[ClaimedEntry] = []
        self.asks = asks
        self.claims = Claims(
            watch, entries_wait=True, take=self._take, look=self._look, changed=lambda: None, broke=self._broke
        )

    async def _write(self, work: Callable[..., Any], **turn: Any) -> Any:
        with self.database.write() as session:
            return work(session, **turn)

    def _take(self, entry: ClaimedEntry) -> bool:
        self.taken.append(entry)
        return self.asks(entry)

    async def _look(self, recheck: object) -> bool:
        raise AssertionError("there is nothing to look at again")

    def _broke(self, error: Exception) -> None:
        raise error

    def all_that_may(self) -> int:
        """Claim until there is no room; how many that were."""

        async def claim() -> None:
            self.claims.soon()
            while self.claims.busy:
                await asyncio.sleep(0)
                if not self.claims.busy:
                    self.claims.soon()

        before = len(self.taken)
        asyncio.run(claim())
        return len(self.taken) - before


def test_a_page_takes_a_place_until_it_is_settled(database: Database) -> None:
    crawl = Taken(database, asks=lambda entry: True)
    assert crawl.all_that_may() == PLACES
    crawl.claims.settle(crawl.taken[0].id, kept=False)
    crawl.claims.let_go(crawl.taken[1].id)
    assert crawl.all_that_may() == 2


def test_entries_of_which_no_page_is_asked_are_more_and_yet_not_all(database: Database) -> None:
    crawl = Taken(database, asks=lambda entry: False)
    assert crawl.all_that_may() == AHEAD * PLACES
    for entry in crawl.taken[:5]:
        crawl.claims.settle(entry.id, kept=False)
    assert 5 <= crawl.all_that_may() < 5 + PLACES


def test_pages_and_such_entries_do_not_take_each_other_s_room(database: Database) -> None:
    odd = Taken(database, asks=lambda entry: int(entry.host[6:-8]) % 2 == 1)
    odd.all_that_may()
    asked = sum(odd.asks(entry) for entry in odd.taken)
    assert asked == PLACES
    assert len(odd.taken) - asked <= AHEAD * PLACES


@pytest.mark.parametrize("asks", [True, False])
def test_a_slow_host_s_page_holds_up_nobody(database: Database, asks: bool) -> None:
    slow = frozenset(f"paper-{number}.example" for number in range(30))
    crawl = Taken(database, lambda entry: asks or entry.host in slow, slow)
    crawl.all_that_may()
    others = sum(entry.host not in slow for entry in crawl.taken)
    assert others in ([PLACES] if asks else range(AHEAD * PLACES, AHEAD * PLACES + PLACES))
    assert len(crawl.taken) - others == 30


@pytest.mark.parametrize(("error", "is_kept"), [(DatabaseFull(), True), (ArithmeticError(), False)])
def test_an_entry_that_could_not_be_stored_is_settled_once(database: Database, error: Exception, is_kept: bool) -> None:
    """What the database failed keeps its claim: the end of the crawl gives it back."""
    taken = Taken(database, asks=lambda entry: True)
    assert taken.all_that_may() == PLACES
    settled: list[int] = []

    async def write_together(work: Callable[..., Any], item: Article) -> Any:
        raise error

    def settle(entry: ClaimedEntry, *, matched: bool = False, error: Exception | None = None) -> None:
        settled.append(entry.id)
        taken.claims.settle(entry.id, kept=error is not None)

    watch: Any = SimpleNamespace(archive=None, write_together=write_together)
    entry = taken.taken[0]
    with pytest.raises((DropItem, ArithmeticError)):
        asyncio.run(Store(watch, settle).process_item(Article(entry, None, NOW)))
    assert settled == [entry.id]
    assert (entry.id in taken.claims.ids) == is_kept
