"""What was not collected, in plain words: the line for a footnote, and one for each publisher. PURE."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import fields
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Any

from crawler.export import to_json

if TYPE_CHECKING:
    from storage.coverage import Coverage, Gap, PublisherCoverage, Silence

MOMENTS = 3  # times named in a line; the JSON has them all


def headline(report: Coverage, *, now: datetime) -> str:
    """The report in one line, to stand in a footnote."""
    total = report.total
    until = min(report.until, now.astimezone(UTC).date())
    pieces = [f"From {report.since} to {until}: {_count(len(report.publishers), 'publisher')}"]
    if report.began is None:
        return f"{pieces[0]}; nothing was polled yet."
    if report.began.date() > report.since:
        pieces[0] += f" (the watch began on {report.began.date()})"
    if total.polls == 0:
        return f"{pieces[0]}; nothing was polled in this time."
    refusing = f"{report.refusing} refused us on {_count(total.refused_days, 'day')}" if report.refusing else None
    share = 100 * total.missed / max(total.expected, 1)
    missed = f"some {total.missed:,} of {total.expected:,} entries ({share:.1f} %) probably never seen"
    unread = sum(total.pages.values())
    pieces += filter(None, [
        refusing,
        _count(total.gaps, "probable gap") if total.gaps else None,
        f"{report.silent} silent" if report.silent else None,
        _count(total.feeds_failing, "feed") + " failing" if total.feeds_failing else None,
        _count(total.feeds_gone, "feed") + " gone" if total.feeds_gone else None,
        missed if total.missed else f"{total.seen:,} entries seen, none known to be missed",
        _count(unread, "page") + " not read" if unread else None,
        f"{_count(total.summary_only, 'match', 'matches')} judged on a summary alone" if total.summary_only else None,
        _count(len(report.stops), "time") + " the watch itself stood still" if report.stops else None,
    ])  # fmt: skip
    return "; ".join(pieces) + "."


def notes(one: PublisherCoverage, gaps: Iterable[Gap], silences: Iterable[Silence]) -> str:
    """What was not collected of one publisher, gravest first; `gaps` and `silences` are its own."""
    gaps = list(gaps)
    never_read = one.polls > 0 and one.failed == one.polls
    told = [
        f"none of {_count(one.polls, 'poll')} succeeded" if never_read else None,
        f"some {one.missed:,} of {one.expected:,} entries probably never seen" if one.missed else None,
        f"{_count(len(gaps), 'probable gap')} ({_moments(gap.at for gap in gaps)})" if gaps else None,
        f"refused us on {_count(one.refused_days, 'day')}" if one.refused_days else None,
        *_silent(silences),
        f"{_count(one.feeds_failing, 'feed')} failing" if one.feeds_failing else None,
        f"{_count(one.feeds_gone, 'feed')} gone for good" if one.feeds_gone else None,
        f"{_count(one.feeds_mute, 'feed')} never gave an entry" if one.feeds_mute and not never_read else None,
        f"{_count(one.feeds_disabled, 'feed')} switched off" if one.feeds_disabled else None,
        f"{_count(one.feeds_unpolled, 'feed')} not polled" if one.feeds_unpolled else None,
        f"polls failed: {_classes(one.failures)}" if one.failed else None,
        f"pages not read: {_classes(one.pages)}" if one.pages else None,
        f"{_count(one.waiting, 'page')} still tried" if one.waiting else None,
        f"{_count(one.summary_only, 'match', 'matches')} judged on a summary alone" if one.summary_only else None,
    ]
    return "; ".join(filter(None, told))


def lines(report: Coverage) -> list[str]:
    """What concerns no publisher: when the watch itself polled nothing although something was due, what limits cut off."""
    told = [f"The watch stood still from {_moment(stop.since)} {_until(stop.until)}." for stop in report.stops]
    if report.run_caps:
        told.append(f"Cut off by a limit of ours: {_classes(report.run_caps)}.")
    return told


def rows(report: Coverage) -> list[dict[str, Any]]:
    """One flat row per publisher, worst first; `failures` and `pages` are words as `forbidden 12, timeout 3`."""
    found = []
    gaps_of: dict[str, list[Gap]] = defaultdict(list)
    for gap in report.gaps:
        gaps_of[gap.publisher].append(gap)
    silences_of: dict[str, list[Silence]] = defaultdict(list)
    for silence in report.silences:
        silences_of[silence.publisher].append(silence)
    names = [field.name for field in fields(report.total)]
    for one in report.publishers:
        gaps, silences = gaps_of[one.publisher], silences_of[one.publisher]
        values: dict[str, Any] = {name: getattr(one, name) for name in names}
        values |= {"failures": _classes(one.failures), "pages": _classes(one.pages)}
        values |= {"missed": one.missed, "whole": one.is_whole, "notes": notes(one, gaps, silences)}
        found.append(values)
    return found


def whole(report: Coverage, rows: Sequence[Mapping[str, Any]], *, now: datetime) -> dict[str, Any]:
    """The report for programs: the line for a footnote, totals, publishers worst first, every gap, silence and standstill."""
    told: dict[str, Any] = {"headline": headline(report, now=now), **to_json(report)}
    told["total"] |= {"missed": report.total.missed}
    told["publishers"] = [
        {**one, "missed": row["missed"], "whole": row["whole"], "notes": row["notes"]}
        for one, row in zip(told["publishers"], rows, strict=True)
    ]
    return told


def duration(seconds: float) -> str:
    """A time in its largest unit: 40 min, 3 h, 2 days."""
    if seconds < 5400:
        return f"{seconds / 60:.0f} min"
    return f"{seconds / 3600:.0f} h" if seconds < 2 * 86_400 else f"{seconds / 86_400:.0f} days"


def _silent(silences: Iterable[Silence]) -> Iterable[str]:
    """The feed that is silent now with the longest silence, and how many silences are over."""
    silences = list(silences)
    for silence in sorted((one for one in silences if one.until is None), key=lambda one: one.since)[:1]:
        yield f"silent since {_moment(silence.since)}, usually for {duration(silence.usual_seconds)}"
    over = [(one.since, one.until) for one in silences if one.until is not None]
    if over:
        longest = max(over, key=lambda span: span[1] - span[0])
        lasted = duration((longest[1] - longest[0]).total_seconds())
        yield f"{_count(len(over), 'silence')}, the longest {lasted} from {_moment(longest[0])}"


def _classes(counts: Mapping[str, int]) -> str:
    return ", ".join(f"{name} {number}" for name, number in counts.items())


def _moments(moments: Iterable[datetime]) -> str:
    named = [_moment(moment) for moment in moments]
    return ", ".join(named[:MOMENTS]) + (" …" if len(named) > MOMENTS else "")


def _until(moment: datetime | None) -> str:
    return f"to {_moment(moment)}" if moment else "until now"


def _moment(moment: datetime) -> str:
    return f"{moment:%Y-%m-%d %H:%MZ}"


def _count(number: int, one: str, many: str | None = None) -> str:
    return f"{number:,} {one if number == 1 else many or one + 's'}"
