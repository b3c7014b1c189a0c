"""Templates: Jinja2 with everything escaped, and the few words that templates use."""

from __future__ import annotations

import hashlib
import re
from datetime import UTC, date, datetime
from functools import cache
from pathlib import Path
from typing import Any
from urllib.parse import quote, urlsplit

from jinja2 import Environment, FileSystemLoader, StrictUndefined
from starlette.requests import Request
from starlette.responses import HTMLResponse

from crawler.desk.guard import local_address
from crawler.terminal import plain
from storage.coverage import PublisherCoverage

FOLDER = Path(__file__).parent
_LANGUAGE = re.compile(r"[A-Za-z]{2,3}(?:-[A-Za-z0-9]{1,8})*")


@cache
def environment() -> Environment:
    """The templates, read once."""
    made = Environment(
        loader=FileSystemLoader(FOLDER / "templates"),
        autoescape=True,
        undefined=StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
    )
    made.filters.update(plain=plain, at=at, web=web_address, lang=language_tag, path=_quoted, number=_number)
    made.filters.update(plain_keep=plain_keep, weekday=weekday, lacks=lacks)
    made.globals.update(static=_static)
    return made


def page(request: Request, template: str, *, status: int = 200, **values: Any) -> HTMLResponse:
    """An HTML answer."""
    here = request.url.path + (f"?{request.url.query}" if request.url.query else "")
    session = request.state.session
    rules = request.state.rules
    given = {
        "path": request.url.path,
        "here": local_address(here),
        "token": request.state.token,
        "who": session.who,
        "can_log_out": bool(rules.password_hash and session.who),
    }
    return HTMLResponse(environment().get_template(template).render(given | values), status)


def at(moment: datetime | None) -> str:
    """A time for reading, in UTC."""
    return "" if moment is None else moment.astimezone(UTC).strftime("%Y-%m-%d %H:%M")


def web_address(url: str | None) -> str:
    """The address if a click on it opens a page and can run nothing; else ''."""
    try:
        parts = urlsplit(url or "")
    except ValueError:
        return ""
    return url or "" if parts.scheme in ("http", "https") and parts.netloc else ""


def plain_keep(text: str) -> str:
    """A piece of a text like `plain`, with the blanks at its ends, which stand between it and the next piece."""
    before = " " if text[:1].isspace() else ""
    after = " " if text[-1:].isspace() and text.strip() else ""
    return before + plain(text) + after


def weekday(day: str) -> str:
    """A day with its weekday: Monday, 2 March 2026."""
    found = date.fromisoformat(day)
    return f"{found:%A}, {found.day} {found:%B %Y}"


def lacks(one: PublisherCoverage) -> str:
    """What of a publisher was not collected, in words."""
    told = [
        *(f"{number} polls {name}" for name, number in one.failures.items()),
        *(f"{number} pages {name}" for name, number in one.pages.items()),
        *([f"{one.gaps} gaps"] if one.gaps else []),
        *([f"silent since {at(one.silent_since)}"] if one.silent_since else []),
        *([f"{one.waiting} pages wait"] if one.waiting else []),
        *([f"{one.summary_only} matches by summary only"] if one.summary_only else []),
        *([f"{one.refused_days} days refused"] if one.refused_days else []),
        *([f"{one.capped} cut off by our limits"] if one.capped else []),
        *([f"{one.feeds_mute} feeds never brought an entry"] if one.feeds_mute else []),
        *([f"{one.feeds_unpolled} feeds not polled"] if one.feeds_unpolled else []),
        *([f"{one.feeds_gone} feeds gone"] if one.feeds_gone else []),
        *([f"{one.feeds_disabled} feeds disabled"] if one.feeds_disabled else []),
    ]
    return "; ".join(told)


def language_tag(language: str | None) -> str:
    """The language for a lang attribute; '' (unknown) for what is none."""
    return language if language and _LANGUAGE.fullmatch(language) else ""


def _quoted(text: str) -> str:
    return quote(text, safe="")


def _number(value: float) -> str:
    return f"{value:,}".replace(",", "\u202f")


@cache
def _static(name: str) -> str:
    """The address of a static file, another one when the file changes, so that it may be kept for long."""
    digest = hashlib.sha256((FOLDER / "static" / name).read_bytes()).hexdigest()[:12]
    return f"/static/{name}?v={digest}"
