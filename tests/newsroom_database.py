"""The newsroom's matches in a database: the demo's own road, at a fixed day, so that documented answers can be checked."""

from __future__ import annotations

import subprocess
import sys
from contextlib import closing
from pathlib import Path

from sqlalchemy import insert, select

from storage.base import Base
from storage.db import open_database
from storage.full_text import Indexed, index_words
from storage.models import ARTICLES, NAME_TALLIES, TALLIES
from storage.text import search_words
from tests.command import ROOT, environment

# in the past, so that the claims of the articles are plausible whenever the tests run
DAY = "2026-03-02T12:00:00+00:00"
_RUN = f"""
from datetime import datetime
from crawler.demo import run_demo
report = run_demo(keep=True, now=datetime.fromisoformat("{DAY}"))
assert report is not None
print(report.database_url)
"""


def make_newsroom(folder: Path) -> str:
    """Run the demo once, its hours counted from DAY; the URL of its SQLite database."""
    env = environment(TMPDIR=str(folder), SCRAPY_SETTINGS_MODULE="crawler.settings", PYTHONPATH=str(ROOT))
    done = subprocess.run(
        [sys.executable, "-c", _RUN], cwd=folder, env=env, capture_output=True, text=True, check=False, timeout=90
    )
    assert done.returncode == 0, done.stderr
    return done.stdout.strip().splitlines()[-1]


def copy_rows(source: str, target: str) -> None:
    """Copy every row, and index the articles' words, into a database that has its schema and no row."""
    with (
        closing(open_database(source)) as old,
        closing(open_database(target)) as new,
        old.read() as reading,
        new.write() as writing,
    ):
        for table in Base.metadata.sorted_tables:
            if table in (NAME_TALLIES, TALLIES):  # written by the triggers
                continue
            rows = [dict(row) for row in reading.execute(select(table)).mappings()]
            if rows:
                writing.execute(insert(table), rows)
        articles = [
            Indexed(
                row["sort_key"], search_words(row["title"], row["summary"], row["text"]), search_words(row["title"])
            )
            for row in reading.execute(select(ARTICLES)).mappings()
        ]
        index_words(writing, articles)
