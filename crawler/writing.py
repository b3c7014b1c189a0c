"""One writer: pieces of work that come close together are written together.

A commit, a session and a statement for one row cost more than what a 304 writes. So pieces wait a moment for others, and all that
wait are handed over in one transaction, those of one kind in one call; nobody is told that his is done before it is committed. When
that fails it is rolled back, and each is written in a transaction of its own: the failure costs nobody else anything. A database that
is locked, full or away is asked once more, not once for each of them: at half a minute each that is an hour. A crash loses
only what nobody was told of. While one transaction is written the next gathers, and it gathers on for as long as that one took, or until
sixty-four wait: under load transactions grow, and a piece costs less. An index is a page for each of an article's keys; forty articles share most of them.
"""

from __future__ import annotations

import asyncio
import time
from collections import deque
from collections.abc import Callable, Sequence
from concurrent.futures import Executor
from contextlib import AbstractContextManager
from typing import TYPE_CHECKING, Any, TypeVar

from msgspec import Struct

from storage.errors import (
    CrawlLockHeld,
    DatabaseBusy,
    DatabaseFailed,
    DatabaseFull,
    DatabaseUnreachable,
    ReadOnlyDatabase,
)

if TYPE_CHECKING:
    from sqlalchemy.orm import Session

T = TypeVar("T")
R = TypeVar("R")

MOST = 128  # pieces in a transaction: of the dearest, 30 new entries, that is half a second
ENOUGH = 64  # pieces that wait no longer: where places are few, all that is in flight may be waiting for the writer
MOMENT = 0.025  # seconds that a piece waits for others: at 400 polls a second ten come together
FAILS_ALL = (DatabaseBusy, DatabaseFailed, DatabaseFull, DatabaseUnreachable, ReadOnlyDatabase, CrawlLockHeld)
LONGEST = 0.3  # seconds that it waits at most, however long the last transaction took (docs/decisions/0063-speed.md)

Work = Callable[["Session", Sequence[T]], Sequence[R]]


class _Piece(Struct):
    work: Work[Any, Any]
    subject: Any
    done: asyncio.Future[Any]
    result: Any = None
    error: BaseException | None = None


class Writer:
    """Writes in the one thread of `thread`, in the transactions that `begin` opens. Called from one event loop."""

    def __init__(self, begin: Callable[[], AbstractContextManager[Session]], thread: Executor) -> None:
        self._begin = begin
        self._thread = thread
        self._line: deque[_Piece] = deque()
        self._timer: asyncio.TimerHandle | None = None
        self._writing = False
        self._took = 0.0  # seconds of the last transaction

    async def run(self, work: Work[T, R], subject: T) -> R:
        """What `work(session, subjects)` gives for this one of them, after its commit; what it raises, with nothing of it written.

        `work` gets whatever waits for it, in the order in which it came, gives one result for each, and may be run twice.
        """
        loop = asyncio.get_running_loop()
        done: asyncio.Future[R] = loop.create_future()
        self._line.append(_Piece(work, subject, done))
        self._gather(loop)
        return await done

    def _gather(self, loop: asyncio.AbstractEventLoop) -> None:
        """Hand over what waits when it is enough, else a little later."""
        if self._writing or not self._line:
            return
        if len(self._line) >= ENOUGH:
            self._send(loop)
        elif self._timer is None:
            self._timer = loop.call_later(max(MOMENT, min(LONGEST, self._took)), self._send, loop)

    def _send(self, loop: asyncio.AbstractEventLoop) -> None:
        """Hand over what waits, if anything does."""
        if self._timer is not None:
            self._timer.cancel()
            self._timer = None
        pieces: list[_Piece] = []
        while self._line and len(pieces) < MOST:
            piece = self._line.popleft()
            if not piece.done.cancelled():
                pieces.append(piece)
        if pieces:
            self._writing = True
            self._thread.submit(self._write, pieces, loop)

    def _write(self, pieces: list[_Piece], loop: asyncio.AbstractEventLoop) -> None:
        """In the thread."""
        begun = time.perf_counter()
        try:
            self._together(pieces)
        except BaseException as error:  # noqa: BLE001  told to whoever waits, as an executor does
            self._apart(pieces, error)
        self._took = time.perf_counter() - begun
        loop.call_soon_threadsafe(self._written, pieces, loop)

    def _written(self, pieces: list[_Piece], loop: asyncio.AbstractEventLoop) -> None:
        """Tell whoever waits, and go on with what came meanwhile."""
        self._writing = False
        _tell(pieces)
        self._gather(loop)

    def _together(self, pieces: list[_Piece]) -> None:
        kinds: dict[Work[Any, Any], list[_Piece]] = {}
        for piece in pieces:
            kinds.setdefault(piece.work, []).append(piece)
        with self._begin() as session:
            for work, alike in kinds.items():
                results = work(session, [piece.subject for piece in alike])
                for piece, result in zip(alike, results, strict=True):
                    piece.result = result
                session.flush()
                session.expunge_all()  # the next kind sees rows as they are now, not as this one read them

    def _apart(self, pieces: list[_Piece], error: BaseException) -> None:
        """Nothing was written: of several, each gets a transaction of its own, until the database fails one of these, too."""
        hopeless = len(pieces) == 1
        for piece in pieces:
            piece.error = error
            if not hopeless:
                try:
                    self._together([piece])
                    piece.error = None
                except BaseException as own:  # noqa: BLE001  told to whoever waits
                    piece.error, hopeless = own, isinstance(own, FAILS_ALL)
                    error = own if hopeless else error


def _tell(pieces: list[_Piece]) -> None:
    for piece in pieces:
        if piece.done.done():  # cancelled meanwhile
            continue
        if piece.error is not None:
            piece.done.set_exception(piece.error)
        else:
            piece.done.set_result(piece.result)
