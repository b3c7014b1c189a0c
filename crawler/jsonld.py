"""JSON-LD blocks of a page to the nodes that describe its article. PURE, never raises."""

from __future__ import annotations

import html
import json
import re
from collections.abc import Iterator
from typing import Any

from crawler.plaintext import clean, plain_text

MOST_NODES = 2_000  # of one page; real ones have fewer than 300
BODY_CHARS = 400_000
_COMMENTED = re.compile(r"^\s*(?://\s*)?<!\[CDATA\[|(?://\s*)?\]\]>\s*$|^\s*<!--|-->\s*$")
_TRAILING_COMMA = re.compile(r",\s*([}\]])")
_ARTICLE = re.compile(r"(?:Article|BlogPosting|Report|Blog|NewsItem)$")
_LESSER = ("BlogPosting", "Blog")  # a live blog lists its posts beside itself


def read_nodes(blocks: list[str]) -> list[dict[str, Any]]:
    """All nodes of all blocks, outer ones first: of objects, lists and graphs. A block that is no JSON after small repairs gives none."""
    nodes: list[dict[str, Any]] = []
    for block in blocks:
        waiting = [_loaded(block)]
        while waiting and len(nodes) < MOST_NODES:
            value = waiting.pop(0)
            if isinstance(value, list):
                waiting[:0] = value
            elif isinstance(value, dict):
                nodes.append(value)
                waiting += [inner for inner in value.values() if isinstance(inner, dict | list)]
    return nodes


def article_node(nodes: list[dict[str, Any]]) -> dict[str, Any]:
    """The node that describes the page's article; {} when there is none. A teaser of another article has neither date nor author."""
    articles = [node for node in nodes if any(_ARTICLE.search(kind) for kind in kinds(node))]
    return max(articles, key=_describes, default={})


def kinds(node: dict[str, Any]) -> list[str]:
    """The types of a node, without their vocabulary."""
    found = node.get("@type")
    return [text_of(kind).rpartition("/")[2] for kind in (found if isinstance(found, list) else [found])]


def text_of(value: Any) -> str:
    """The first string in a value, as one line; '' for none."""
    if isinstance(value, list):
        return next(filter(None, map(text_of, value)), "")
    if isinstance(value, dict):
        return text_of(value.get("name") or value.get("@value"))
    return plain_text(value, limit=1_000) if isinstance(value, str) else ""


def names_of(value: Any, nodes: list[dict[str, Any]], *, persons_only: bool = False) -> list[str]:
    """Names of persons, or of organisations where no person is named; references are followed."""
    persons: list[str] = []
    others: list[str] = []
    for author in value if isinstance(value, list) else [value]:
        if isinstance(author, dict) and set(author) <= {"@id", "@type"}:
            author = next((node for node in nodes if node.get("@id") == author.get("@id") and node.get("name")), author)
        is_organisation = isinstance(author, dict) and any(kind.endswith("Organization") for kind in kinds(author))
        names = author.get("name") if isinstance(author, dict) else author
        for name in names if isinstance(names, list) else [names]:
            (others if is_organisation else persons).append(text_of(name))
    return list(filter(None, persons)) or ([] if persons_only else list(filter(None, others)))


def body_paragraphs(node: dict[str, Any]) -> list[str]:
    """`articleBody` as paragraphs, as far as it has any: sites write HTML, lines, or one long line."""
    body = node.get("articleBody")
    if not isinstance(body, str):
        return []
    body = body[:BODY_CHARS]
    if "&lt;" in body or "<" not in body:
        body = html.unescape(body)
    parts = re.split(r"</p>|<br\s*/?>|</h\d>|</li>|\n+", body)
    return [line for part in parts if (line := plain_text(part, limit=20_000))]


def _describes(node: dict[str, Any]) -> int:
    told = sum(
        bool(node.get(key))
        for key in ("headline", "datePublished", "author", "mainEntityOfPage", "publisher", "articleBody")
    )
    return told - 2 * any(kind in _LESSER for kind in kinds(node))


def _loaded(block: str) -> Any:
    text = _COMMENTED.sub("", _COMMENTED.sub("", block)).strip().rstrip(";")
    for repaired in (text, _TRAILING_COMMA.sub(r"\1", text), html.unescape(text)):
        try:
            return json.loads(repaired, strict=False)  # real ones have raw line breaks in their strings
        except (ValueError, RecursionError):
            continue
    # a body with unescaped quotes breaks the whole block; its short fields can still be read one by one
    pairs = re.findall(
        r'"(@type|headline|datePublished|dateModified|inLanguage)"\s*:\s*"([^"\\]{1,500})"', text[:100_000]
    )
    return {key: clean(value) for key, value in reversed(pairs)}


def each_block(tree: Any) -> Iterator[str]:
    """The text of every JSON-LD script of a page."""
    for script in tree.iter("script"):
        if "ld+json" in (script.get("type") or "").lower() and script.text:
            yield script.text
