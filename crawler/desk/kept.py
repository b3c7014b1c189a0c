"""Answers that take long, kept for a minute: whoever asks the same within it is answered at once.

What adds up a month of polls takes half a second, and is the same a minute later. An answer that
is older than that, but no older than `STALE` times as much, is still given, while a new one is made aside: a page that is open all day
never waits. What is older is made anew while the reader waits, as is what nobody asked before.
"""

from __future__ import annotations

import logging
import threading
import time
from collections import OrderedDict
from collections.abc import Callable, Hashable
from dataclasses import dataclass, field
from typing import Any, TypeVar

from storage.errors import StorageError

log = logging.getLogger(__name__)
STALE = 10
MOST = 200  # answers; a report of 300 feeds over a month has a megabyte

T = TypeVar("T")


@dataclass(slots=True)
class _Place:
    """Room for one answer; `lock` is held by whoever makes it."""

    lock: threading.Lock = field(default_factory=threading.Lock)
    made_at: float | None = None
    answer: Any = None


class Kept:
    """Answers by what was asked. Threads may share one; with `seconds` 0 nothing is kept."""

    def __init__(self, seconds: float = 60.0, *, steady: Callable[[], float] = time.monotonic) -> None:
        self._seconds, self._steady = seconds, steady
        self._guard = threading.Lock()
        self._places: OrderedDict[Hashable, _Place] = OrderedDict()

    def get(self, asked: Hashable, make: Callable[[], T]) -> T:
        """The answer; `make` makes one, perhaps in another thread. What it raises is raised when there is no answer to give."""
        if self._seconds <= 0:
            return make()
        place = self._place(asked)
        answer, age = place.answer, self._age(place)
        if age is not None and age < STALE * self._seconds:
            if age >= self._seconds and place.lock.acquire(blocking=False):
                threading.Thread(target=self._renew, args=(place, make), name="kept", daemon=True).start()
            return answer  # type: ignore[no-any-return]
        with place.lock:
            age = self._age(place)  # another thread may have made it meanwhile
            if age is None or age >= self._seconds:
                self._fill(place, make)
            return place.answer  # type: ignore[no-any-return]

    def _place(self, asked: Hashable) -> _Place:
        with self._guard:
            place = self._places.setdefault(asked, _Place())
            self._places.move_to_end(asked)
            while len(self._places) > MOST:
                self._places.popitem(last=False)
            return place

    def _age(self, place: _Place) -> float | None:
        return None if place.made_at is None else self._steady() - place.made_at

    def _fill(self, place: _Place, make: Callable[[], Any]) -> None:
        began = self._steady()
        place.answer = make()
        place.made_at = began

    def _renew(self, place: _Place, make: Callable[[], Any]) -> None:
        try:
            self._fill(place, make)
        except StorageError as error:  # the next reader that has to wait for it is told
            log.warning("an answer could not be renewed: %s", error)
        finally:
            place.lock.release()
