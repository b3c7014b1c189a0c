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

# Counted from the index ix_articles_overview alone; a condition on `day` reaches it on both databases.
_TOPIC_COUNTS = """
SELECT a.day, '{0}' AS topic, a.publisher, a.language, count(*) AS matches,
    sum(CASE WHEN a.role = 'copy' THEN 0 ELSE 1 END) AS own
FROM articles a
WHERE a.topics LIKE '%{0}%' AND ',' || a.topics || ',' LIKE '%,{0},%'
GROUP BY a.day, a.publisher, a.language
"""
DAILY_COUNTS_VIEW = "CREATE VIEW daily_counts AS" + "UNION ALL".join(
    _TOPIC_COUNTS.format(topic) for topic in ("isis", "syria")
)

# The sum of the changes that storage/name_tallies.py writes, from the index alone.
DAILY_NAMES_VIEW = """
CREATE VIEW daily_names AS
SELECT t.day, t.kind, t.name, t.area, CAST(sum(t.matches) AS bigint) AS matches
FROM name_tallies t
GROUP BY t.kind, t.day, t.name, t.area
HAVING sum(t.matches) > 0
"""
_POLLED = "f.enabled AND f.status <> 'gone'"
PUBLISHER_HEALTH_VIEW = f"""
CREATE VIEW publisher_health AS
SELECT f.publisher, min(f.country) AS country, count(*) AS feeds,
    sum(CASE WHEN {_POLLED} AND f.failing_since IS NULL THEN 1 ELSE 0 END) AS well,
    sum(CASE WHEN {_POLLED} AND f.failing_since IS NOT NULL THEN 1 ELSE 0 END) AS failing,
    sum(CASE WHEN f.enabled AND f.status = 'gone' THEN 1 ELSE 0 END) AS gone,
    sum(CASE WHEN f.enabled THEN 0 ELSE 1 END) AS disabled,
    min(f.failing_since) AS failing_since, max(f.last_error) AS last_error,
    max(f.last_polled_at) AS last_polled_at, max(f.last_new_at) AS last_new_at,
    (SELECT a.day FROM articles a WHERE a.publisher = f.publisher AND a.topics <> ''
     ORDER BY a.sort_key DESC LIMIT 1) AS last_match_day
FROM feeds f
WHERE f.removed_at IS NULL
GROUP BY f.publisher
"""

STORY_MEMBERS_VIEW = """
CREATE VIEW story_members AS
SELECT a.story_id, s.title AS story_title, s.members, a.id AS article_id, a.role, a.publisher, a.language, a.day,
    a.first_seen_at, a.published_at, a.topics, a.title, a.url
FROM articles a
JOIN stories s ON s.id = a.story_id
WHERE a.topics <> ''
"""

# in the order in which they are made
VIEWS = {
    "matches": MATCHES_VIEW,
    "daily_counts": DAILY_COUNTS_VIEW,
    "daily_names": DAILY_NAMES_VIEW,
    "publisher_health": PUBLISHER_HEALTH_VIEW,
    "story_members": STORY_MEMBERS_VIEW,
}

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
