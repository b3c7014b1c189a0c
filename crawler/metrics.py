"""The figures of the watch in Prometheus' text format 0.0.4. PURE."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from datetime import datetime

from crawler import __version__
from storage.health import PROBLEMS, Facts, Problem

Value = float | Mapping[str, float]


def exposition(figures: Facts | None, problems: Sequence[Problem], *, now: datetime) -> str:
    """Every metric with its HELP and TYPE. Without figures (the database cannot be read) only health itself."""
    wrong = {problem.name for problem in problems}
    told = [
        _metric("healthy", "gauge", "1 when nothing is wrong, else 0.", not wrong),
        _metric("problem", "gauge", "1 for each problem that there is; levantwatch health says what to do.",
                {name: name in wrong for name in PROBLEMS}, label="name"),
        _metric("build_info", "gauge", "The version that runs.", {__version__: 1}, label="version"),
    ]  # fmt: skip
    if figures is not None:
        told += _of_feeds(figures, now) + _of_articles(figures, now) + _of_disk(figures)
    return "".join(told)


def _of_feeds(figures: Facts, now: datetime) -> list[str]:
    overdue = _age(figures.due_since, now)
    return [
        _metric("feeds", "gauge", "Feeds by state.", figures.feeds, label="state"),
        _metric("feeds_due", "gauge", "Feeds that are to be polled now.", figures.feeds_due),
        _metric("feeds_overdue_seconds", "gauge", "For how long the first of them has waited.", overdue),
        _metric("polls_total", "counter", "Polls since the database was made.", figures.polls),
        _metric("polls_last_hour", "gauge", "Polls of the last hour by outcome.", figures.polls_last_hour, label="outcome"),
        _metric("last_poll_timestamp_seconds", "gauge", "When the newest poll began.", _unix(figures.last_poll_at)),
        _metric("last_run_timestamp_seconds", "gauge", "When the newest crawl began.", _unix(figures.last_run_at)),
    ]  # fmt: skip


def _of_articles(figures: Facts, now: datetime) -> list[str]:
    pages = {"read": figures.pages_read, "not-read": figures.pages_unread}
    waiting = _age(figures.waiting_since, now)
    return [
        _metric("articles_waiting", "gauge", "Articles whose page is to be read now.", figures.waiting),
        _metric("articles_waiting_seconds", "gauge", "For how long the first of them has waited.", waiting),
        _metric("articles_claimed", "gauge", "Articles that are being read.", figures.claimed),
        _metric("pages_last_day", "gauge", "Pages asked for by the crawls of a day.", pages, label="result"),
        _metric("matches_recent", "gauge", "Matches dated today or yesterday, UTC.", figures.matches_recent),
    ]


def _of_disk(figures: Facts) -> list[str]:
    if figures.disk is None:
        return []
    return [
        _metric("database_bytes", "gauge", "Size of the SQLite file.", figures.disk.database),
        _metric("wal_bytes", "gauge", "Size of its WAL file.", figures.disk.wal),
        _metric("disk_free_bytes", "gauge", "What is free beside it.", figures.disk.free),
    ]


def _metric(name: str, kind: str, text: str, value: Value | None, *, label: str = "") -> str:
    """One family: HELP, TYPE and its samples; nothing when the value is not known."""
    if value is None or value == {}:
        return ""
    full = f"levantwatch_{name}"
    samples: Iterable[tuple[str, float]] = [("", value)] if not isinstance(value, Mapping) else [
        (f'{{{label}="{_escaped(key)}"}}', number) for key, number in sorted(value.items())
    ]  # fmt: skip
    lines = [f"{full}{labels} {_number(number)}" for labels, number in samples]
    return "\n".join([f"# HELP {full} {text}", f"# TYPE {full} {kind}", *lines]) + "\n"


def _escaped(value: str) -> str:
    return value.replace("\\", "\\\\").replace('"', '\\"').replace("\n", "\\n")


def _number(value: float) -> str:
    return str(int(value)) if float(value).is_integer() else repr(float(value))


def _unix(moment: datetime | None) -> float | None:
    return None if moment is None else moment.timestamp()


def _age(since: datetime | None, now: datetime) -> float:
    return 0.0 if since is None else max(0.0, (now - since).total_seconds())
