"""`crawler.writing`: what waits together is written together, and a failure costs nobody else anything."""

from __future__ import annotations

import asyncio
import threading
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from typing import Any

import pytest
from sqlalchemy import func, select, text
from sqlalchemy.orm import Session
from storage_samples import NOW

from crawler.writing import Writer
from storage import feeds
from storage.db import Database
from storage.models import FEEDS


def add(number: int) -> Callable[[Session], int]:
    return lambda session: feeds.add(session, url=f"https://orontes.example/{number}", now=NOW)[0]


def fails(session: Session) -> None:
    feeds.add(session, url="https://orontes.example/lost", now=NOW)
    raise ArithmeticError("a bug")


def waits(held: threading.Event) -> Callable[[Session], None]:
    """Keeps the thread busy, so that what comes after waits in line."""

    def work(session: Session) -> None:
        held.wait(5)

    return work


def breaks(session: Session) -> None:
    session.execute(text("SELECT nothing FROM nowhere"))


async def written(database: Database, *works: Callable[[Session], Any]) -> list[Any]:
    """What each gave or raised, when all but the first waited for the thread at the same time."""
    with ThreadPoolExecutor(1) as thread:
        writer, held = Writer(database, thread), threading.Event()
        first = asyncio.ensure_future(writer.run(waits(held)))
        rest = [asyncio.ensure_future(writer.run(work)) for work in works]
        await asyncio.sleep(0)
        held.set()
        await first
        return await asyncio.gather(*rest, return_exceptions=True)


def urls(database: Database) -> list[str]:
    with database.read() as session:
        return list(session.scalars(select(FEEDS.c.url).order_by(FEEDS.c.url)))


def test_all_that_waits_is_written_and_answered_in_its_order(database: Database) -> None:
    ids = asyncio.run(written(database, *map(add, range(10))))
    assert ids == sorted(ids)
    assert len(set(ids)) == 10
    assert urls(database) == [f"https://orontes.example/{number}" for number in range(10)]


@pytest.mark.parametrize("failing", [fails, breaks], ids=["a bug", "a statement"])
def test_one_that_fails_is_told_so_and_costs_the_others_nothing(
    database: Database, failing: Callable[[Session], None]
) -> None:
    told = asyncio.run(written(database, add(1), failing, add(2)))
    assert isinstance(told[1], Exception)
    assert urls(database) == ["https://orontes.example/1", "https://orontes.example/2"]
    assert isinstance(told[0], int)
    assert isinstance(told[2], int)


def test_nobody_is_answered_before_the_commit(database: Database) -> None:
    async def run() -> int:
        with ThreadPoolExecutor(1) as thread:
            writer = Writer(database, thread)
            await asyncio.gather(*(writer.run(add(number)) for number in range(5)))
            with database.read() as session:  # another connection
                return session.scalar(select(func.count()).select_from(FEEDS)) or 0

    assert asyncio.run(run()) == 5


def test_what_was_given_up_meanwhile_is_not_written(database: Database) -> None:
    async def run() -> None:
        with ThreadPoolExecutor(1) as thread:
            writer, held = Writer(database, thread), threading.Event()
            first = asyncio.ensure_future(writer.run(waits(held)))
            await asyncio.sleep(0.05)  # it has the thread, so the next one waits in line
            second = asyncio.ensure_future(writer.run(add(1)))
            await asyncio.sleep(0)
            second.cancel()
            await asyncio.sleep(0)
            held.set()
            await first
            await writer.run(add(2))

    asyncio.run(run())
    assert urls(database) == ["https://orontes.example/2"]
