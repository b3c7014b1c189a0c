"""Runs: one row per crawl, with the counts it ended with."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import datetime

from sqlalchemy import insert, select, update
from sqlalchemy.orm import Session

from storage.models import RUNS, Run


def start(session: Session, *, now: datetime, command: str, version: str | None = None) -> int:
    """Begin a run of `command` (run, poll, scrapy crawl, …); returns its id."""
    statement = insert(RUNS).values(command=command, version=version, started_at=now, counts={}).returning(RUNS.c.id)
    return int(session.execute(statement).scalar_one())


def finish(
    session: Session, *, run_id: int, counts: Mapping[str, int | float | str], reason: str, now: datetime
) -> None:
    """End a run: its counts, and why it ended (finished, shutdown, …)."""
    values = {"finished_at": now, "reason": reason, "counts": dict(counts)}
    session.execute(update(RUNS).where(RUNS.c.id == run_id).values(values))


def latest(session: Session, *, limit: int = 1) -> list[Run]:
    """The last runs, newest first; one without `finished_at` is going on, or was killed."""
    return list(session.scalars(select(Run).order_by(Run.id.desc()).limit(limit)))
