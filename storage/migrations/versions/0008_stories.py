"""Stories: whose text an article carries, what it counts as, and the keys by which articles about one event find each other."""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

from storage.portable import CleanText, UTCDateTime

revision = "0008"
down_revision = "0007"

ID = sa.BigInteger().with_variant(sa.Integer(), "sqlite")

# the minute of an article's effective time stands in its sort key
MINUTE = {
    "sqlite": "strftime('%Y-%m-%dT%H:%M:%S.000000Z', (a.sort_key >> 32) * 60, 'unixepoch')",
    "postgresql": "to_timestamp((a.sort_key >> 32) * 60)",
}
# before this revision a story was an original and its copies, so its first article is what the others repeat
FILL = """
INSERT INTO carriers (article_id, story_id, kept, at, root_id, copy_of, source)
SELECT a.id, a.story_id, a.topics <> '', {minute}, f.first_id,
       CASE WHEN a.id = f.first_id THEN NULL ELSE f.first_id END, 'publisher ' || lower(o.publisher)
FROM articles a
JOIN (SELECT story_id, coalesce(min(CASE WHEN role = 'original' THEN id END), min(id)) AS first_id
      FROM articles GROUP BY story_id) f ON f.story_id = a.story_id
JOIN articles o ON o.id = f.first_id
"""
COUNT = """
UPDATE stories SET
  members = (SELECT count(*) FROM carriers c WHERE c.story_id = stories.id AND c.kept),
  publishers = (SELECT count(DISTINCT c.source) FROM carriers c WHERE c.story_id = stories.id AND c.kept),
  first_at = (SELECT min(c.at) FROM carriers c WHERE c.story_id = stories.id),
  last_at = (SELECT max(c.at) FROM carriers c WHERE c.story_id = stories.id)
"""


def upgrade() -> None:
    """Make the two tables and the counts; fill them from the stories that there are."""
    op.create_table(
        "carriers",
        sa.Column("article_id", ID, autoincrement=False, nullable=False),
        sa.Column("story_id", ID, nullable=False),
        sa.Column("kept", sa.Boolean(), server_default=sa.true(), nullable=False),
        sa.Column("at", UTCDateTime(), nullable=False),
        sa.Column("root_id", ID, nullable=False),
        sa.Column("copy_of", ID),
        sa.Column("similarity", sa.Double()),
        sa.Column("agency", CleanText()),
        sa.Column("credit", CleanText()),
        sa.Column("family", CleanText(), server_default="", nullable=False),
        sa.Column("source", CleanText(), server_default="", nullable=False),
        sa.ForeignKeyConstraint(["article_id"], ["articles.id"], name="fk_carriers_article_id", ondelete="CASCADE"),
        sa.ForeignKeyConstraint(["story_id"], ["stories.id"], name="fk_carriers_story_id"),
        sa.PrimaryKeyConstraint("article_id", name="pk_carriers"),
    )
    op.create_table(
        "event_keys",
        sa.Column("key", CleanText(), nullable=False),
        sa.Column("sort_key", sa.BigInteger(), autoincrement=False, nullable=False),
        sa.Column("article_id", ID, nullable=False),
        sa.ForeignKeyConstraint(["article_id"], ["articles.id"], name="fk_event_keys_article_id", ondelete="CASCADE"),
        sa.PrimaryKeyConstraint("key", "sort_key", name="pk_event_keys"),
        sqlite_with_rowid=False,
    )
    op.create_index("ix_event_keys_article_id", "event_keys", ["article_id"])
    # not in a batch: adding a column recreates nothing, and articles refer to stories
    op.add_column("stories", sa.Column("publishers", sa.Integer(), server_default=sa.text("0"), nullable=False))
    op.add_column("stories", sa.Column("first_at", UTCDateTime()))
    op.add_column("stories", sa.Column("last_at", UTCDateTime()))
    op.execute(FILL.format(minute=MINUTE[op.get_bind().dialect.name]))
    op.create_index("ix_carriers_story", "carriers", ["story_id", "kept", "root_id", "source", "at"])
    op.create_index("ix_carriers_root_id", "carriers", ["root_id"])
    op.execute(COUNT)
    op.create_index(
        "ix_stories_members_publishers_id_first_at_last_at",
        "stories",
        ["members", "publishers", "id", "first_at", "last_at"],
    )
    op.create_index("ix_stories_last_at_members", "stories", ["last_at", "members"])
