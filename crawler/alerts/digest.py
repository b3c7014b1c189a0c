"""The digest of a day: as text, and as one page of HTML that needs nothing beside it. PURE.

The page is built as a tree, so that what strangers wrote is text in it by construction.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from datetime import date, datetime

from lxml import etree
from lxml.builder import E

from crawler.alerts.compose import address, headline, said, spike_lines
from crawler.alerts.figures import Figures, TopicFigures
from crawler.alerts.rules import DIGEST, Rules
from crawler.footnotes import duration
from storage import told
from storage.overviews import StorySummary
from storage.search import Match
from storage.text import many

STYLE = """
body { font: 16px/1.5 system-ui, sans-serif; color: #1b1f24; background: #ffffff; max-width: 46em; margin: 0 auto; padding: 1em; }
h1 { font-size: 1.4em; } h2 { font-size: 1.1em; margin-top: 1.6em; border-bottom: 1px solid #d0d4da; }
li { margin-bottom: .5em; } .less { color: #57606a; } a { color: #0a4f9e; }
"""


@dataclass(frozen=True, slots=True)
class Line:
    """A line of a section; `less` stands behind it in a smaller voice, `url` is where a click leads."""

    text: str
    less: str = ""
    url: str = ""


def key(day: date) -> str:
    """The key of the digest's message."""
    return f"{DIGEST}/{day}"


def message(found: Figures, file: Rules, *, channels: tuple[str, ...], due_at: datetime) -> told.MessageRecord:
    """The digest as a message."""
    desk = file.desk
    return told.MessageRecord(
        DIGEST, key(found.day), channels, title(found), as_text(found, desk), due_at, as_html(found, desk)
    )


def title(found: Figures) -> str:
    """Its first line."""
    counts = ", ".join(f"{one.name} {one.matches:,}" for one in found.topics) or "no matches"
    return f"Digest of {found.day}: {counts}"


def sections(found: Figures, desk: str = "") -> list[tuple[str, list[Line]]]:
    """All of it: headings with their lines, what was quiet among them."""
    spikes = [Line(line) for one in found.topics if one.spike for line in spike_lines(one.spike)]
    return [
        ("Matches", [Line(_topic(one)) for one in found.topics] or [Line("There were none.")]),
        *([("Above the usual", spikes)] if spikes else []),
        ("Stories", [_story(one, desk) for one in found.stories] or [Line("No event was told by two articles.")]),
        ("Newest", [_match(one, desk) for one in found.newest] or [Line("There was nothing.")]),
        ("Publishers", [Line(said(name), f"{number:,}") for name, number in found.publishers] or [Line("None.")]),
        ("Places", [Line(name, f"{number:,}") for name, number in found.places] or [Line("None was named.")]),
        (
            "What was quiet",
            list(_quiet(found)) or [Line("Nothing stood out by bringing too little.")],
        ),
        ("What was not collected", [Line(said(found.collected))]),
    ]


def as_text(found: Figures, desk: str = "") -> str:
    """For channels that show no HTML."""
    lines = []
    for heading, rows in sections(found, desk):
        lines += [heading.upper(), ""]
        for row in rows:
            lines.append("- " + row.text + (f" ({row.less})" if row.less else ""))
            lines += [f"  {row.url}"] if row.url else []
        lines.append("")
    return "\n".join([*lines, _made(found)])


def as_html(found: Figures, desk: str = "") -> str:
    """One page, without script, picture or anything from elsewhere; links lead to articles and to the desk."""
    body = [E.h1(_xml(title(found)))]
    for heading, rows in sections(found, desk):
        body += [E.h2(heading), E.ul(*(_item(row) for row in rows))]
    page = E.html(
        E.head(
            E.meta(charset="utf-8"),
            E.meta(name="viewport", content="width=device-width"),
            E.title(_xml(title(found))),
            E.style(STYLE),
        ),
        E.body(*body, E.p(_made(found), {"class": "less"})),
        lang="en",
    )
    written: str = etree.tostring(page, method="html", encoding="unicode", doctype="<!doctype html>")
    return written


def _item(row: Line) -> etree._Element:
    text = _xml(row.text)
    # bdi: a headline that reads from right to left turns nothing around it
    item = E.li(E.a(E.bdi(text), href=_xml(row.url)) if row.url else E.bdi(text))
    if row.less:
        item.append(E.span(" ", E.bdi(_xml(row.less)), {"class": "less"}))
    return item


def _xml(text: str) -> str:
    """What a tree can hold: `said` let the rest through."""
    return text.replace("\ufffe", "").replace("\uffff", "").replace("\x00", "")


def _topic(one: TopicFigures) -> str:
    own = f", {one.matches - one.own:,} of them copies" if one.own < one.matches else ""
    mean = "no usual is known yet" if one.usually is None else f"usually {one.usually:.1f} a day"
    return f"{one.name}: {many(one.matches, 'match', 'matches')}{own}; {mean}"


def _story(one: StorySummary, desk: str) -> Line:
    less = f"{many(one.articles, 'article')}, {many(one.independent, 'independent publisher')}"
    return Line(headline(one.title), less, f"{desk}/story/{one.id}" if desk else "")


def _match(one: Match, desk: str) -> Line:
    where = f"{desk}/article/{one.article_id}" if desk else address(one.url)
    return Line(headline(one.title), f"{said(one.publisher)}, {said(one.topics)}", where)


def _quiet(found: Figures) -> Iterable[Line]:
    for one in found.topics:
        if one.is_quiet:
            yield Line(f"{one.name}: {many(one.matches, 'match', 'matches')}", f"usually {one.usually:.1f} a day")
    for name, mean in found.missing:
        yield Line(f"{said(name)}: no match", f"usually {mean:.1f} a day")
    for silence in found.silent:
        since = f"{silence.since:%Y-%m-%d %H:%MZ}"
        yield Line(f"{said(silence.publisher)}: silent since {since}", f"usually for {duration(silence.usual_seconds)}")
    for rule in found.empty:
        yield Line(f"rule {rule}: no match")


def _made(found: Figures) -> str:
    return f"The day is that of UTC, as articles claim it. Made by levantwatch at {found.at:%Y-%m-%d %H:%MZ}."
