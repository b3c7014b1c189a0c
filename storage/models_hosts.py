"""The tables of hosts: who asked to be left alone, and what robots.txt said. A part of models.py, which hands it on."""

from __future__ import annotations

from datetime import datetime

from sqlalchemy import Index, text
from sqlalchemy.orm import Mapped, mapped_column

from storage.base import Base, table_of


class Host(Base):
    """A host (a registered domain) that asked to be left alone."""

    __tablename__ = "hosts"

    name: Mapped[str] = mapped_column(primary_key=True)
    quiet_until: Mapped[datetime]
    status: Mapped[int]
    asked_at: Mapped[datetime]


class Robots(Base):
    """What an origin's robots.txt said when it was last asked for."""

    __tablename__ = "robots"

    origin: Mapped[str] = mapped_column(primary_key=True)
    host: Mapped[str]
    outcome: Mapped[str]
    http_status: Mapped[int | None]
    error: Mapped[str | None]
    fetched_at: Mapped[datetime]
    expires_at: Mapped[datetime]
    failing_since: Mapped[datetime | None]
    failures: Mapped[int] = mapped_column(server_default=text("0"))
    crawl_delay: Mapped[float | None]
    rules: Mapped[str] = mapped_column(server_default="")

    __table_args__ = (Index(None, "expires_at"),)


HOSTS, ROBOTS = table_of(Host), table_of(Robots)
