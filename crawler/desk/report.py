"""`levantwatch report`: one page that needs nothing beside it, so that it can be mailed and kept."""

from __future__ import annotations

import base64
import hashlib
from datetime import date, datetime

from markupsafe import Markup
from sqlalchemy.orm import Session

from crawler.desk import drawings
from crawler.desk.asking import Period
from crawler.desk.charts import map_figures, publisher_rows, timelines
from crawler.desk.pages import FOLDER, environment
from storage import coverage, overviews, story_list
from storage.search import Filters, count, search

NEWEST, STORIES = 200, 30  # of each so many: a page that a mail can carry


def written(session: Session, *, since: date, until: date, topics: tuple[str, ...], now: datetime) -> str:
    """The page about the days from `since` to `until`, both included. No script, no link but to the articles' own addresses."""
    period = Period((until - since).days + 1, "", since, until, topics)
    filters = Filters(since=since, until=until, limit=NEWEST)
    style = (FOLDER / "static" / "desk.css").read_text(encoding="utf-8")
    biggest = overviews.biggest_stories(session, since=since, until=until, limit=STORIES)
    digest = base64.b64encode(hashlib.sha256(style.encode()).digest()).decode()
    return (
        environment()
        .get_template("report.html")
        .render(
            style=Markup(style),  # ours, and without any value in it
            policy=f"default-src 'none'; style-src 'sha256-{digest}'; base-uri 'none'; form-action 'none'",
            period=period,
            now=now,
            total=count(session, filters),
            lines=timelines(session, period),
            figures=map_figures(session, period),
            stories=biggest,
            told={story.id: story_list.page(session, story.id).sources for story in biggest},
            rows=publisher_rows(session, period),
            matches=search(session, filters),
            report=coverage.report(session, since=since, until=until, now=now),
            drawings=drawings,
        )
    )
