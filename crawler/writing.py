"""One writer: transactions that wait for the storage thread are written together.

A commit and a session cost more than the statements of a 304. So the thread takes all that waits, one after the other, in one
transaction; nobody is told that his is done before it is committed. When one of them fails the transaction is rolled back, and each
is written in one of its own: the failure costs nobody else anything. A crash loses only what nobody was told of.
"""

from __future__ import annotations

import asyncio
import time
from collections import deque
from collections.abc import Callable
from concurrent.futures import Executor
from typing import TYPE_CHECKING, Any, TypeVar

if TYPE_CHECKING:
    from sqlalchemy.orm import Session

    from storage.db import Database

R = TypeVar("R")
Work = Callable[["Session"], Any]

MOST = 64  # pieces of work in a transaction
SECONDS = 0.1  # after which it takes in no more: another process may wait for the lock


class Writer:
    """Runs pieces of work in the one thread of `thread`, in transactions of `database`."""

    def __init__(self, database: Database, thread: Executor) -> None:
        self._database = database
        self._thread = thread
        self._line: deque[tuple[Work, asyncio.Future[Any]]] = deque()

    async def run(self, work: Callable[[Session], R]) -> R:
        """What `work` returns, after its commit; what it raises, with nothing of it written. It may be run twice."""
        loop = asyncio.get_running_loop()
        done: asyncio.Future[R] = loop.create_future()
        self._line.append((work, done))
        self._thread.submit(self._write, loop)
        return await done

    def _write(self, loop: asyncio.AbstractEventLoop) -> None:
        """In the thread: as much of the line as one transaction takes. Every piece has sent for this once: nothing is left behind."""
        results: list[tuple[asyncio.Future[Any], Any, BaseException | None]] = []
        taken: list[tuple[Work, asyncio.Future[Any]]] = []
        try:
            self._together(taken, results)
        except BaseException as error:  # noqa: BLE001  told to whoever waits, as an executor does
            alone = len(taken) < 2
            results = [self._alone(*one) if not alone else (one[1], None, error) for one in taken]
        if results:
            loop.call_soon_threadsafe(_tell, results)

    def _together(
        self,
        taken: list[tuple[Work, asyncio.Future[Any]]],
        results: list[tuple[asyncio.Future[Any], Any, BaseException | None]],
    ) -> None:
        """Take work and do it in one transaction, until enough is done or nothing waits."""
        if not self._take(taken):
            return
        with self._database.write() as session:
            end = time.monotonic() + SECONDS
            while True:
                work, done = taken[-1]
                results.append((done, work(session), None))
                if len(taken) >= MOST or time.monotonic() > end or not self._take(taken):
                    break
                session.flush()
                session.expunge_all()  # the next one sees rows as they are now, not as this one read them

    def _take(self, taken: list[tuple[Work, asyncio.Future[Any]]]) -> bool:
        while self._line:
            one = self._line.popleft()
            if not one[1].cancelled():
                taken.append(one)
                return True
        return False

    def _alone(self, work: Work, done: asyncio.Future[Any]) -> tuple[asyncio.Future[Any], Any, BaseException | None]:
        try:
            with self._database.write() as session:
                return done, work(session), None
        except BaseException as error:  # noqa: BLE001  told to whoever waits
            return done, None, error


def _tell(results: list[tuple[asyncio.Future[Any], Any, BaseException | None]]) -> None:
    for done, result, error in results:
        if done.done():  # cancelled meanwhile
            continue
        if error is not None:
            done.set_exception(error)
        else:
            done.set_result(result)
