"""APScheduler's interval, counted from when it fired.

Its own IntervalTrigger counts from a date, one interval after the other: after a jump of the clock by a year, with a tick of
a second, it would count through 31 million of them before the daemon did anything else.
"""

from __future__ import annotations

from datetime import datetime, timedelta

from apscheduler.triggers.base import BaseTrigger


class Every(BaseTrigger):  # type: ignore[misc]
    """Fires an interval after it was started, and after each time that it fired."""

    def __init__(self, interval: timedelta) -> None:
        self.interval = interval

    def get_next_fire_time(self, previous_fire_time: datetime | None, now: datetime) -> datetime:
        """One interval from now; APScheduler asks when a job is added and whenever it has fired."""
        return now + self.interval


def every(seconds: float) -> Every:
    """The trigger that fires every so many seconds."""
    return Every(timedelta(seconds=seconds))
