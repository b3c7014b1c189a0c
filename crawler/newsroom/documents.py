"""Articles to a feed's document, as bytes: RSS, Atom, RDF, JSON Feed, a news sitemap. PURE: the time is an argument."""

from __future__ import annotations

import json
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from datetime import datetime
from email.utils import format_datetime
from html import escape
from urllib.parse import urlencode

from crawler.newsroom.outlets import Outlet, OutletFeed

TTL_MINUTES = 15


@dataclass(frozen=True, slots=True)
class Listed:
    """One article as a feed lists it. `url` is None for an entry without a link; times are aware UTC."""

    guid: str
    url: str | None
    title: str
    summary: str
    author: str
    section: str
    language: str
    paragraphs: tuple[str, ...]
    published: datetime
    updated: datetime


def feed_document(outlet: Outlet, feed: OutletFeed, listed: Sequence[Listed], *, home: str) -> bytes:
    """The document of a feed in its own encoding; what that lacks is written as character references."""
    form: Callable[[Outlet, OutletFeed, Sequence[Listed], str], str] = {
        "rss": _rss,
        "atom": _atom,
        "rdf": _rdf,
        "json": _json,
        "sitemap": _sitemap,
    }[feed.form]
    return form(outlet, feed, listed, home).encode(feed.encoding, "xmlcharrefreplace")


def content_type(feed: OutletFeed) -> str:
    """The Content-Type that the feed is served with; some servers name the charset only in the document."""
    return f"{feed.content_type}; charset={feed.encoding}" if feed.charset_in_header else feed.content_type


def tracked(url: str, feed: OutletFeed) -> str:
    """The link as the feed gives it: with campaign parameters where the outlet counts its readers."""
    if not feed.tracked:
        return url
    return f"{url}?{urlencode({'utm_source': 'rss', 'utm_medium': 'feed', 'utm_campaign': feed.name})}"


def _text(feed: OutletFeed) -> Callable[[str], str]:
    """How the feed writes text into XML: properly, or by a template that forgets ampersands."""
    if feed.well_formed:
        return escape
    return lambda text: text.replace("<", "&lt;").replace(">", "&gt;")


def _rss(outlet: Outlet, feed: OutletFeed, listed: Sequence[Listed], home: str) -> str:
    text = _text(feed)
    return (
        f'<?xml version="1.0" encoding="{feed.encoding}"?>\n'
        '<rss version="2.0" xmlns:content="http://purl.org/rss/1.0/modules/content/" xmlns:dc="http://purl.org/dc/elements/1.1/"'
        ' xmlns:atom="http://www.w3.org/2005/Atom">\n<channel>\n'
        f"<title>{text(feed.title)}</title>\n<link>{home}/</link>\n<description>{text(outlet.name)}</description>\n"
        f'<language>{outlet.language}</language>\n<atom:link href="{home}{feed.path}" rel="self" type="application/rss+xml"/>\n'
        f"<ttl>{TTL_MINUTES}</ttl>\n" + "".join(_rss_item(outlet, feed, one) for one in listed) + "</channel>\n</rss>\n"
    )


def _rss_item(outlet: Outlet, feed: OutletFeed, one: Listed) -> str:
    text = _text(feed)
    lines = [f"<title>{text(one.title)}</title>"]
    if one.url:
        lines.append(f"<link>{text(tracked(one.url, feed))}</link>")
    lines += [
        f"<description>{text(one.summary)}</description>",
        f"<dc:creator>{text(one.author)}</dc:creator>",
        f"<category>{text(one.section)}</category>",
        f'<guid isPermaLink="false">{text(one.guid)}</guid>',
        f"<pubDate>{format_datetime(one.published, usegmt=True)}</pubDate>",
    ]
    if one.language != outlet.language:
        lines.append(f"<dc:language>{one.language}</dc:language>")
    if feed.full_text:
        html = "".join(f"<p>{escape(paragraph)}</p>" for paragraph in one.paragraphs)
        lines.append(f"<content:encoded><![CDATA[{html}]]></content:encoded>")
    return "<item>\n" + "\n".join(lines) + "\n</item>\n"


def _atom(outlet: Outlet, feed: OutletFeed, listed: Sequence[Listed], home: str) -> str:
    entries = "".join(
        f'<entry>\n<id>tag:{outlet.domain},2026:{escape(one.guid)}</id>\n<title type="text">{escape(one.title)}</title>\n'
        f'<link rel="alternate" type="text/html" href="{escape(one.url or "")}"/>\n'
        f"<published>{_iso(one.published)}</published>\n<updated>{_iso(one.updated)}</updated>\n"
        f"<author><name>{escape(one.author)}</name></author>\n"
        f'<category term="{escape(one.section)}"/>\n<summary type="text">{escape(one.summary)}</summary>\n</entry>\n'
        for one in listed
    )
    newest = max(one.updated for one in listed)
    return (
        f'<?xml version="1.0" encoding="{feed.encoding}"?>\n<feed xmlns="http://www.w3.org/2005/Atom" xml:lang="{outlet.language}">\n'
        f"<id>tag:{outlet.domain},2026:{feed.name}</id>\n<title>{escape(feed.title)}</title>\n"
        f'<link rel="self" href="{home}{feed.path}"/>\n<link rel="alternate" href="{home}/"/>\n'
        f"<updated>{_iso(newest)}</updated>\n{entries}</feed>\n"
    )


def _rdf(outlet: Outlet, feed: OutletFeed, listed: Sequence[Listed], home: str) -> str:
    order = "".join(f'<rdf:li rdf:resource="{escape(one.url or "")}"/>' for one in listed)
    items = "".join(
        f'<item rdf:about="{escape(one.url or "")}">\n<title>{escape(one.title)}</title>\n<link>{escape(one.url or "")}</link>\n'
        f"<description>{escape(one.summary)}</description>\n<dc:creator>{escape(one.author)}</dc:creator>\n"
        f"<dc:date>{_iso(one.published)}</dc:date>\n<dc:subject>{escape(one.section)}</dc:subject>\n</item>\n"
        for one in listed
    )
    return (
        f'<?xml version="1.0" encoding="{feed.encoding}"?>\n'
        '<rdf:RDF xmlns:rdf="http://www.w3.org/1999/02/22-rdf-syntax-ns#" xmlns="http://purl.org/rss/1.0/"'
        ' xmlns:dc="http://purl.org/dc/elements/1.1/">\n'
        f'<channel rdf:about="{home}{feed.path}">\n<title>{escape(feed.title)}</title>\n<link>{home}/</link>\n'
        f"<description>{escape(outlet.name)}</description>\n<dc:language>{outlet.language}</dc:language>\n"
        f"<items><rdf:Seq>{order}</rdf:Seq></items>\n</channel>\n{items}</rdf:RDF>\n"
    )


def _json(outlet: Outlet, feed: OutletFeed, listed: Sequence[Listed], home: str) -> str:
    items = [
        {
            "id": one.guid,
            "url": one.url,
            "title": one.title,
            "summary": one.summary,
            "content_text": one.paragraphs[0],
            "date_published": _iso(one.published),
            "date_modified": _iso(one.updated),
            "authors": [{"name": one.author}],
            "tags": [one.section],
        }
        for one in listed
    ]
    document = {
        "version": "https://jsonfeed.org/version/1.1",
        "title": feed.title,
        "home_page_url": f"{home}/",
        "feed_url": f"{home}{feed.path}",
        "language": f"{outlet.language}-{outlet.country}",
        "items": items,
    }
    return json.dumps(document, ensure_ascii=False, indent=1) + "\n"


def _sitemap(outlet: Outlet, feed: OutletFeed, listed: Sequence[Listed], home: str) -> str:
    urls = "".join(
        f"<url>\n<loc>{escape(one.url or home)}</loc>\n<lastmod>{_iso(one.updated)}</lastmod>\n<news:news>\n"
        f"<news:publication><news:name>{escape(outlet.name)}</news:name><news:language>{one.language}</news:language></news:publication>\n"
        f"<news:publication_date>{_iso(one.published)}</news:publication_date>\n<news:title>{escape(one.title)}</news:title>\n"
        f"<news:keywords>{escape(one.summary)}</news:keywords>\n</news:news>\n</url>\n"
        for one in listed
    )
    return (
        f'<?xml version="1.0" encoding="{feed.encoding}"?>\n<urlset xmlns="http://www.sitemaps.org/schemas/sitemap/0.9"'
        f' xmlns:news="http://www.google.com/schemas/sitemap-news/0.9">\n{urls}</urlset>\n'
    )


def _iso(moment: datetime) -> str:
    return moment.strftime("%Y-%m-%dT%H:%M:%SZ")
