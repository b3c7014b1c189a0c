"""Whether the wall clock was moved: by hand, by a time server, or because the machine slept.

PURE: told the time by what it is given. A steady clock goes on evenly whatever happens to the wall clock; what the two
disagree by since the last look is what the wall clock was moved.
"""

from __future__ import annotations

from collections.abc import Callable
from datetime import datetime, timedelta

NOTICED = timedelta(minutes=2)  # less than this is a time server at its work
LONG = timedelta(days=7)  # a jump ahead of more than this is as likely a wrong clock as a long sleep
TRUSTED_AFTER = timedelta(days=1)  # of steady time after such a jump, in which somebody would have put the clock right


class ClockWatch:
    """Compares a wall clock with a steady one (seconds), from look to look."""

    def __init__(self, wall: Callable[[], datetime], steady: Callable[[], float]) -> None:
        self._wall = wall
        self._steady = steady
        self._last = wall(), steady()
        self._doubted_until = steady()

    def moved(self) -> timedelta | None:
        """By how much the wall clock was moved since the last look, ahead or (below zero) back; None when it was not."""
        wall, steady = self._wall(), self._steady()
        by = self._by(wall, steady)
        self._last = wall, steady
        if abs(by) < NOTICED:
            return None
        if by > LONG:
            self._doubted_until = steady + TRUSTED_AFTER.total_seconds()
        elif by < -LONG:  # put right again
            self._doubted_until = steady
        return by

    def is_trusted(self) -> bool:
        """Whether what is old by this clock may be forgotten: not in the day after it jumped far ahead."""
        return self._steady() >= self._doubted_until and self._by(self._wall(), self._steady()) <= LONG

    def _by(self, wall: datetime, steady: float) -> timedelta:
        return (wall - self._last[0]) - timedelta(seconds=steady - self._last[1])
