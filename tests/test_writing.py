"""`crawler.writing`: what waits together is written together, and a failure costs nobody else anything."""

from __future__ import annotations

import asyncio
import time
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from typing import Any

import pytest
from sqlalchemy import func, select, text
from sqlalchemy.orm import Session
from storage_samples import NOW

from crawler.writing import LONGEST, MOMENT, MOST, Writer
from storage import feeds
from storage.db import Database
from storage.errors import DatabaseBusy
from storage.models import FEEDS

Adding = Callable[[Session, Sequence[int]], list[int]]


def add(session: Session, numbers: Sequence[int]) -> list[int]:
    return [feeds.add(session, url=f"https://orontes.example/{number}", now=NOW)[0] for number in numbers]


def fails(session: Session, numbers: Sequence[int]) -> list[int]:
    add(session, [100 + number for number in numbers])
    raise ArithmeticError("a bug")


def breaks(session: Session, numbers: Sequence[int]) -> list[int]:
    session.execute(text("SELECT nothing FROM nowhere"))
    return []


def fails_at_two(session: Session, numbers: Sequence[int]) -> list[int]:
    given = add(session, numbers)
    if 2 in numbers:
        raise ArithmeticError("a bug")
    return given


async def written(database: Database, *pieces: tuple[Adding, int]) -> list[Any]:
    """What each gave or raised, when all came at the same time."""
    with ThreadPoolExecutor(1) as thread:
        writer = Writer(database.write, thread)
        return await asyncio.gather(*(writer.run(*piece) for piece in pieces), return_exceptions=True)


def urls(database: Database) -> list[str]:
    with database.read() as session:
        return list(session.scalars(select(FEEDS.c.url).order_by(FEEDS.c.url)))


def test_all_that_waits_is_written_and_answered_in_its_order(database: Database) -> None:
    ids = asyncio.run(written(database, *((add, number) for number in range(10))))
    assert ids == sorted(ids)
    assert len(set(ids)) == 10
    assert urls(database) == [f"https://orontes.example/{number}" for number in range(10)]


@pytest.mark.parametrize("failing", [fails, breaks], ids=["a bug", "a statement"])
def test_one_that_fails_is_told_so_and_costs_the_others_nothing(database: Database, failing: Adding) -> None:
    told = asyncio.run(written(database, (add, 1), (failing, 3), (add, 2)))
    assert isinstance(told[1], Exception)
    assert urls(database) == ["https://orontes.example/1", "https://orontes.example/2"]
    assert isinstance(told[0], int)
    assert isinstance(told[2], int)


def test_one_of_a_kind_that_fails_costs_the_others_of_it_nothing(database: Database) -> None:
    told = asyncio.run(written(database, *((fails_at_two, number) for number in (1, 2, 3))))
    assert isinstance(told[1], ArithmeticError)
    assert urls(database) == ["https://orontes.example/1", "https://orontes.example/3"]
    assert isinstance(told[0], int)
    assert isinstance(told[2], int)


def test_a_database_that_fails_is_asked_once_more_and_not_for_every_piece(database: Database) -> None:
    begun = []

    @contextmanager
    def begin() -> Iterator[Session]:
        begun.append(1)
        if len(begun) < 4:
            raise DatabaseBusy
        with database.write() as session:
            yield session

    async def run() -> None:
        with ThreadPoolExecutor(1) as thread:
            writer = Writer(begin, thread)
            told = await asyncio.gather(*(writer.run(add, number) for number in range(9)), return_exceptions=True)
            assert [type(one) for one in told] == [DatabaseBusy] * 9
            assert len(begun) == 2
            told = await asyncio.gather(*(writer.run(add, number) for number in range(9)), return_exceptions=True)
            assert len(begun) == 3 + 9  # it was away for the batch alone

    asyncio.run(run())
    assert len(urls(database)) == 9


def test_what_comes_together_is_one_transaction_and_a_full_line_does_not_wait(database: Database) -> None:
    begun = []

    @contextmanager
    def begin() -> Iterator[Session]:
        begun.append(1)
        with database.write() as session:
            yield session

    async def run() -> None:
        with ThreadPoolExecutor(1) as thread:
            writer = Writer(begin, thread)
            await asyncio.gather(*(writer.run(add, number) for number in range(MOST + 1)))

    asyncio.run(run())
    assert len(begun) == 2
    assert len(urls(database)) == MOST + 1


def test_nobody_is_answered_before_the_commit(database: Database) -> None:
    async def run() -> int:
        with ThreadPoolExecutor(1) as thread:
            writer = Writer(database.write, thread)
            await asyncio.gather(*(writer.run(add, number) for number in range(5)))
            with database.read() as session:  # another connection
                return session.scalar(select(func.count()).select_from(FEEDS)) or 0

    assert asyncio.run(run()) == 5


def test_what_was_given_up_meanwhile_is_not_written(database: Database) -> None:
    async def run() -> None:
        with ThreadPoolExecutor(1) as thread:
            writer = Writer(database.write, thread)
            given_up = asyncio.ensure_future(writer.run(add, 1))
            await asyncio.sleep(0)  # it waits in line
            given_up.cancel()
            await writer.run(add, 2)

    asyncio.run(run())
    assert urls(database) == ["https://orontes.example/2"]


class RecordingLoop(asyncio.SelectorEventLoop):
    """A loop that notes for how long it is asked to wait."""

    def __init__(self) -> None:
        super().__init__()
        self.waits: list[float] = []

    def call_later(self, delay: float, callback: Any, *args: Any, **kwargs: Any) -> asyncio.TimerHandle:
        self.waits.append(delay)
        return super().call_later(delay, callback, *args, **kwargs)


@pytest.mark.parametrize(("took", "waits"), [(0.0, MOMENT), (0.06, 0.06), (0.5, LONGEST)])
def test_after_a_long_transaction_pieces_wait_longer_for_others(database: Database, took: float, waits: float) -> None:
    @contextmanager
    def begin() -> Iterator[Session]:
        time.sleep(took)
        with database.write() as session:
            yield session

    async def run(loop: RecordingLoop) -> list[float]:
        with ThreadPoolExecutor(1) as thread:
            writer = Writer(begin, thread)
            await writer.run(add, 1)
            await writer.run(add, 2)
        return loop.waits

    with asyncio.Runner(loop_factory=RecordingLoop) as runner:
        first, second = runner.run(run(runner.get_loop()))  # type: ignore[arg-type]
    assert first == MOMENT
    assert waits <= second <= LONGEST
