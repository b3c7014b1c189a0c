"""Sitemaps (sitemaps.org), with Google's news fields, and indexes of sitemaps, to a ParsedFeed. PURE."""

from __future__ import annotations

import re
from typing import Any

from lxml import etree

from crawler.dates import parse_date
from crawler.parsed import (
    NAME_CHARS,
    SUMMARY_CHARS,
    TITLE_CHARS,
    ParsedEntry,
    ParsedFeed,
    absolute_link,
    language_tag,
    no_feed,
    raw_date,
    read_each,
    without_last_cut,
)
from crawler.plaintext import plain_text

INDEX = "an index of sitemaps: it lists sitemaps, not articles"
_ROOT = re.compile(r"<(?:[\w.-]+:)?(?:urlset|sitemapindex)[\s>]")


def is_sitemap(head: str) -> bool:
    """Whether a document's beginning, after its declaration and comments, opens a sitemap."""
    return bool(_ROOT.search(head))


def parse_sitemap(text: str, url: str) -> ParsedFeed:
    """What a sitemap says: one entry a page; of an index, the sitemaps in `sitemaps`. Namespaces may have any prefix or none."""
    start = _ROOT.search(text)
    parser = etree.XMLParser(recover=True, resolve_entities=False, no_network=True, huge_tree=False, encoding="utf-8")
    root = etree.fromstring(text[start.start() if start else 0 :].encode("utf-8", "replace"), parser)
    if root is None:
        return no_feed("the sitemap cannot be read")
    problems: list[str] = []
    if _name(root) == "sitemapindex":
        listed = read_each(_named(root, "sitemap"), lambda element: _entry(element, url), problems)
        listed = without_last_cut(listed, text, problems)
        return ParsedFeed(kind="sitemap", problems=(INDEX, *problems), sitemaps=listed)
    entries = read_each(_named(root, "url"), lambda element: _entry(element, url), problems)
    entries = without_last_cut(entries, text, problems)
    if not parser.error_log.filter_from_errors() and not entries:
        problems.append("the sitemap lists no page")
    return ParsedFeed(
        kind="sitemap",
        title=plain_text(_publication(root, "name"), limit=NAME_CHARS),
        language=language_tag(_publication(root, "language")),
        entries=entries,
        problems=tuple(problems),
    )


def _entry(element: Any, base: str) -> ParsedEntry:
    fields: dict[str, str] = {}
    for child in element.iter():
        if (name := _name(child)) and child.text and name not in fields:
            # an image's or a video's title and address are not the page's
            parent = _name(child.getparent())
            if parent not in ("image", "video"):
                fields[name] = child.text.strip()
    published, modified = raw_date(fields.get("publication_date")), raw_date(fields.get("lastmod"))
    return ParsedEntry(
        guid=None,
        url=absolute_link(fields.get("loc"), base),
        title=plain_text(fields.get("title", ""), limit=TITLE_CHARS),
        summary=plain_text(fields.get("keywords", ""), limit=SUMMARY_CHARS),
        content="",
        author=None,
        language=language_tag(fields.get("language", "")[:NAME_CHARS]),
        published_at=parse_date(published or modified or ""),
        published_raw=published or modified,
        published_source="publication_date" if published else "lastmod" if modified else None,
        updated_at=parse_date(modified) if modified else None,
        updated_raw=modified,
    )


def _publication(root: Any, field: str) -> str:
    for element in root.iter():
        if _name(element) == field and _name(element.getparent()) == "publication" and element.text:
            return str(element.text)
    return ""


def _named(root: Any, name: str) -> list[Any]:
    return [element for element in root if _name(element) == name]


def _name(element: Any) -> str:
    """An element's name without its namespace or prefix; '' for comments and the like."""
    tag = element.tag if element is not None else None
    return tag.rpartition("}")[2].rpartition(":")[2] if isinstance(tag, str) else ""
