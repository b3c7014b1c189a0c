"""The views. Made anew after every migration from what stands here, so no revision holds a copy."""

from __future__ import annotations

from sqlalchemy import BigInteger, Float, Integer, Text, column, table

from storage.portable import UTCDateTime

# The analysts' contract: DESIGN's columns, in its order. Made anew after every migration, so it stands here alone.
# Feeds and labels are looked up per row and only when asked for: a join with feeds would be made for every count, and
# would tempt SQLite to start there and sort everything.
_LABEL = (
    "(SELECT l.value FROM labels l WHERE l.entry_id = a.id AND l.topic = '{0}' ORDER BY l.id DESC LIMIT 1) AS {0}_label"
)
_FEED = "(SELECT f.{0} FROM feeds f WHERE f.id = a.feed_id) AS {1}"
MATCHES_VIEW = f"""
CREATE VIEW matches AS
SELECT a.id AS article_id, {_FEED.format("url", "feed_url")}, a.publisher,
    {_FEED.format("country", "country")}, {_FEED.format("kind", "kind")},
    a.language, a.title, a.url, a.canonical_url, a.author, a.published_at, a.first_seen_at, a.fetched_at, a.day, a.topics,
    a.syria_score, a.isis_score,
    {_LABEL.format("syria")},
    {_LABEL.format("isis")},
    a.story_id, a.role, a.words, a.extraction, a.summary, a.text
FROM articles a
WHERE a.topics <> ''
"""

MATCHES = table(
    "matches",
    column("article_id", BigInteger()),
    column("feed_url", Text()),
    column("publisher", Text()),
    column("country", Text()),
    column("kind", Text()),
    column("language", Text()),
    column("title", Text()),
    column("url", Text()),
    column("canonical_url", Text()),
    column("author", Text()),
    column("published_at", UTCDateTime()),
    column("first_seen_at", UTCDateTime()),
    column("fetched_at", UTCDateTime()),
    column("day", Text()),
    column("topics", Text()),
    column("syria_score", Float()),
    column("isis_score", Float()),
    column("syria_label", Text()),
    column("isis_label", Text()),
    column("story_id", BigInteger()),
    column("role", Text()),
    column("words", Integer()),
    column("extraction", Text()),
    column("summary", Text()),
    column("text", Text()),
)
