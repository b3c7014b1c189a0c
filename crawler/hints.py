"""What a publisher asks of its readers: how long an answer is fresh, when not to come. PURE.

Storage keeps the hints of the last document, so that a 304, which brings no document, keeps them too.
"""

from __future__ import annotations

from collections.abc import Mapping
from datetime import datetime, timedelta
from typing import Any

from msgspec import Struct
from msgspec.structs import replace


class Hints(Struct, frozen=True):
    """`max_age`: Cache-Control or Expires (RFC 9111); `ttl`: RSS; `period`: sy:updatePeriod over sy:updateFrequency.

    `skip_hours` (0 to 23, UTC) and `skip_days` (Monday is 0) are when the feed does not change, as RSS 2.0 has it.
    `new_url` is where the document says that the feed has gone.
    """

    max_age: timedelta | None = None
    ttl: timedelta | None = None
    period: timedelta | None = None
    skip_hours: tuple[int, ...] = ()
    skip_days: tuple[int, ...] = ()
    new_url: str | None = None

    @property
    def patience(self) -> timedelta | None:
        """How long to wait, if it can be afforded: the longest that is asked for."""
        return max((hint for hint in (self.max_age, self.ttl, self.period) if hint), default=None)

    def skips(self, moment: datetime) -> bool:
        """Whether the publisher says that nothing changes in this hour."""
        return moment.hour in self.skip_hours or moment.weekday() in self.skip_days

    def after_304(self, max_age: timedelta | None) -> Hints:
        """The hints after an answer without a document: a 304 says anew how fresh it is (RFC 9110 15.4.5), or nothing."""
        return self if max_age is None else replace(self, max_age=max_age)

    def to_json(self) -> dict[str, Any] | None:
        """The hints as storage keeps them: seconds and numbers; None for none."""
        spans = {"max_age": self.max_age, "ttl": self.ttl, "period": self.period}
        kept: dict[str, Any] = {name: round(span.total_seconds()) for name, span in spans.items() if span is not None}
        kept |= {name: list(days) for name in ("skip_hours", "skip_days") if (days := getattr(self, name))}
        if self.new_url:
            kept["new_url"] = self.new_url
        return kept or None


NO_HINTS = Hints()


def from_json(value: Mapping[str, Any] | None) -> Hints:
    """The hints that were kept; none where they cannot be understood."""
    try:
        kept = dict(value or {})
        spans = {name: timedelta(seconds=int(kept[name])) for name in ("max_age", "ttl", "period") if name in kept}
        skips = {name: tuple(map(int, kept.get(name, ()))) for name in ("skip_hours", "skip_days")}
        new_url = str(kept["new_url"]) if kept.get("new_url") else None
        return Hints(**spans, **skips, new_url=new_url)  # type: ignore[arg-type]
    except (TypeError, ValueError, OverflowError):
        return NO_HINTS
