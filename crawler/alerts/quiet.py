"""The hours in which nothing is sent, on the clock of a place. PURE."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import UTC, date, datetime, time, timedelta
from zoneinfo import ZoneInfo


@dataclass(frozen=True, slots=True)
class Quiet:
    """From `begin` to `end` every day, over midnight where `end` is the earlier one."""

    begin: time
    end: time
    zone: ZoneInfo

    def until(self, now: datetime) -> datetime | None:
        """When the quiet hours end that it is in; None outside of them."""
        local = now.astimezone(self.zone)
        at, over_night = local.time(), self.begin > self.end
        inside = (at >= self.begin or at < self.end) if over_night else self.begin <= at < self.end
        if not inside:
            return None
        day = local.date() + timedelta(days=1) if over_night and at >= self.begin else local.date()
        # an hour that the clock leaves out in spring ends no later than the next one that it shows
        return max(moment(day, self.end, self.zone), now)


def moment(day: date, at: time, zone: ZoneInfo) -> datetime:
    """The time of a day on the clock of a place, in UTC."""
    return datetime.combine(day, at, tzinfo=zone).astimezone(UTC)
