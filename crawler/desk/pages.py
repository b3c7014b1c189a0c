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
        *(_several(number, "poll", name) for name, number in one.failures.items()),
        *(_several(number, "page", name) for name, number in one.pages.items()),
        _several(one.gaps, "gap"),
        f"silent since {at(one.silent_since)}" if one.silent_since else "",
        _several(one.waiting, "page", "to be read"),
        _several(one.summary_only, "match", "by summary only"),
        _several(one.refused_days, "day", "refused"),
        f"{one.capped} cut off by our limits" if one.capped else "",
        _several(one.feeds_mute, "feed", "without any entry ever"),
        _several(one.feeds_unpolled, "feed", "not polled"),
        _several(one.feeds_gone, "feed", "gone"),
        _several(one.feeds_disabled, "feed", "disabled"),
    ]
    return "; ".join(filter(None, told))


def _several(number: int, noun: str, rest: str = "") -> str:
    many = "" if number == 1 else "es" if noun.endswith("ch") else "s"
    return f"{number} {noun}{many} {rest}".strip() if number else ""


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
