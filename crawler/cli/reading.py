"""`classify`, `extract`, `parse`: the pure modules as commands. No database, no network."""

from __future__ import annotations

import sys
from typing import Annotated

import typer

from crawler.cli.common import opened, print_json

Source = Annotated[str, typer.Argument(metavar="FILE|-", help="A file, or - for standard input.")]
Url = Annotated[
    str | None, typer.Option("--url", metavar="URL", help="Where the document came from; resolves its relative links.")
]


def register(app: typer.Typer) -> None:
    """Add the three commands."""
    app.command(epilog='Example: echo \'{"title": "…", "text": "…"}\' | levantwatch classify')(classify)
    app.command(epilog="Example: levantwatch extract page.html --url https://example.org/a")(extract)
    app.command(epilog="Example: curl -s https://example.org/feed | levantwatch parse -")(parse)


def classify(source: Source = "-") -> None:
    """Judge articles: JSON lines {id?, title, text, language?} in, JSON lines with scores and reasons out.

    Every line in gives one line out, in order; one that cannot be read gives {id, error}, and the rest goes on.
    """
    from crawler.classify import judge_line
    from crawler.config import load_config
    from crawler.judging import configured_judge

    judge = configured_judge(load_config())
    with opened(source) as lines:
        for number, line in enumerate(lines, start=1):
            try:
                text = line.decode("utf-8-sig")
            except UnicodeDecodeError:
                print_json({"id": None, "error": f"line {number} is not UTF-8"})
                continue
            print_json(judge_line(judge, text))


def extract(source: Source = "-", url: Url = None) -> None:
    """Read an article's page: HTML in, one JSON object with title, text, author, date and status out."""
    from crawler.extract import extract_page
    from crawler.page import to_json

    url = _address(url)
    with opened(source) as file:
        print_json(to_json(extract_page(file.read(), url=url)))


def parse(source: Source = "-", url: Url = None) -> None:
    """Read a feed: RSS, Atom, JSON Feed or news sitemap in, JSON with every entry out."""
    from crawler.feed import parse_feed, to_json

    url = _address(url)
    with opened(source) as file:
        print_json(to_json(parse_feed(file.read(), url=url or "")))


def _address(url: str | None) -> str | None:
    """The address if it is one: an index of old pages often holds half of it, and the document can be read without."""
    from crawler.urls import canonical_url

    if url is not None and canonical_url(url) is None:
        sys.stderr.write(f"levantwatch: --url {url!r} is no http or https address and is passed over\n")
        return None
    return url
