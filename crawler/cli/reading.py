"""`classify`, `extract`, `parse`: the pure modules as commands. No database, no network."""

from __future__ import annotations

import json
import sys
from pathlib import Path
from typing import Annotated, Any

import typer

from crawler.cli.common import fail

Source = Annotated[str, typer.Argument(metavar="[FILE|-]", help="A file, or - for standard input.")]
Url = Annotated[str | None, typer.Option("--url", help="Where the document came from; resolves its relative links.")]


def register(app: typer.Typer) -> None:
    """Add the three commands."""
    app.command(epilog="Example: echo '{\"title\": \"…\", \"text\": \"…\"}' | levantwatch classify")(classify)
    app.command(epilog="Example: levantwatch extract page.html --url https://example.org/a")(extract)
    app.command(epilog="Example: curl -s https://example.org/feed | levantwatch parse -")(parse)


def classify(source: Source = "-") -> None:
    """Judge articles: JSON lines {id?, title, text, language?} in, JSON lines with scores and reasons out."""
    from crawler.classify import Judge, judge_line

    judge = Judge.load()
    with _open(source) as lines:
        for line in lines:
            text = line.decode("utf-8", "replace").strip()
            if text:
                _print_json(judge_line(judge, text))


def extract(source: Source = "-", url: Url = None) -> None:
    """Read an article's page: HTML in, one JSON object with title, text, author, date and status out."""
    from crawler.extract import extract_page, to_json

    with _open(source) as file:
        _print_json(to_json(extract_page(file.read(), url=url)))


def parse(source: Source = "-", url: Url = None) -> None:
    """Read a feed: RSS, Atom, JSON Feed or news sitemap in, JSON with every entry out."""
    from crawler.feed import parse_feed, to_json

    with _open(source) as file:
        _print_json(to_json(parse_feed(file.read(), url=url or "")))


def _open(source: str) -> Any:
    if source == "-":
        return sys.stdin.buffer
    try:
        return Path(source).open("rb")
    except OSError as error:
        fail(f"cannot read {source}: {error.strerror}")


def _print_json(value: object) -> None:
    # surrogates cannot be encoded; a program that reads our output must never stumble over one character
    text = json.dumps(value, ensure_ascii=False, separators=(", ", ": "))
    sys.stdout.buffer.write(text.encode("utf-8", "replace") + b"\n")
