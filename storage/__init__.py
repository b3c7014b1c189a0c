"""The database and how analysts read it. Knows nothing of the crawler, Scrapy or news judgement.

One file per noun (feeds, entries, articles, stories, labels, runs), functions with `session` first; `db`
opens the database; `search` holds the analysts' questions.

In a notebook: `from storage import open_store`; what it gives is storage.store.Store.
"""

from __future__ import annotations

from datetime import datetime
from pathlib import Path
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from storage.store import Store

__all__ = ["open_store"]


def open_store(url: str | Path, *, now: datetime | None = None) -> Store:
    """The store of a database: a URL as `database_url` has it, or the path of an SQLite file. Nothing is ever written.

    Ages such as 7d count back from `now`, by default the present.
    """
    from storage.store import open_store

    return open_store(url, now=now)
