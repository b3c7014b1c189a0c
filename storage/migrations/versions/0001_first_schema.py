"""The first schema: ten tables and the full-text index. The view `matches` is made by storage.schema."""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

from storage.full_text import FULL_TEXT_DDL
from storage.portable import CleanJSON, CleanText, CommaList, UTCDateTime

revision = "0001"
down_revision = None

ID = sa.BigInteger().with_variant(sa.Integer(), "sqlite")
DUE = sa.text("retry_at IS NOT NULL AND claimed_at IS NULL")
REJECTED_TEXT = sa.text("text_pruned_at IS NULL AND finished_at IS NOT NULL AND state <> 'match'")


def upgrade() -> None:
    """Make every table, parents first."""
    create_feeds()
    create_runs()
    create_stories()
    create_entries()
    create_polls()
    create_articles()
    create_labels()
    create_sightings()
    create_verdicts()
    create_bands()
    for statement in FULL_TEXT_DDL[op.get_bind().dialect.name]:
        op.execute(statement)


def create_feeds() -> None:
    op.create_table(
        "feeds",
        sa.Column("id", ID, nullable=False),
        sa.Column("url", CleanText(), nullable=False),
        sa.Column("title", CleanText(), server_default="", nullable=False),
        sa.Column("homepage", CleanText(), nullable=True),
        sa.Column("publisher", CleanText(), server_default="", nullable=False),
        sa.Column("language", CleanText(), nullable=True),
        sa.Column("country", CleanText(), nullable=True),
        sa.Column("kind", CleanText(), server_default="", nullable=False),
        sa.Column("tags", CommaList(), server_default="", nullable=False),
        sa.Column("origin", CleanText(), server_default="user", nullable=False),
        sa.Column("added_at", UTCDateTime(), nullable=False),
        sa.Column("edited_at", UTCDateTime(), nullable=True),
        sa.Column("removed_at", UTCDateTime(), nullable=True),
        sa.Column("enabled", sa.Boolean(), server_default=sa.true(), nullable=False),
        sa.Column("status", CleanText(), server_default="active", nullable=False),
        sa.Column("next_poll_at", UTCDateTime(), nullable=False),
        sa.Column("next_poll_reason", CleanText(), server_default="first-poll", nullable=False),
        sa.Column("retry_after_at", UTCDateTime(), nullable=True),
        sa.Column("interval_seconds", sa.Integer(), nullable=True),
        sa.Column("rate", sa.Double(), nullable=True),
        sa.Column("last_polled_at", UTCDateTime(), nullable=True),
        sa.Column("last_new_at", UTCDateTime(), nullable=True),
        sa.Column("last_outcome", CleanText(), nullable=True),
        sa.Column("last_error", CleanText(), nullable=True),
        sa.Column("failures", sa.Double(), server_default=sa.text("0"), nullable=False),
        sa.Column("failing_since", UTCDateTime(), nullable=True),
        sa.Column("gone_count", sa.Integer(), server_default=sa.text("0"), nullable=False),
        sa.Column("etag", CleanText(), nullable=True),
        sa.Column("last_modified", CleanText(), nullable=True),
        sa.Column("body_hash", CleanText(), nullable=True),
        sa.Column("unconditional_at", UTCDateTime(), nullable=True),
        sa.Column("listed_at", UTCDateTime(), nullable=True),
        sa.Column("moved_to", CleanText(), nullable=True),
        sa.Column("moved_since", UTCDateTime(), nullable=True),
        sa.PrimaryKeyConstraint("id", name="pk_feeds"),
        sa.UniqueConstraint("url", name="uq_feeds_url"),
        sqlite_autoincrement=True,
    )
    op.create_index("ix_feeds_next_poll_at", "feeds", ["next_poll_at"])


def create_runs() -> None:
    op.create_table(
        "runs",
        sa.Column("id", ID, nullable=False),
        sa.Column("command", CleanText(), nullable=False),
        sa.Column("version", CleanText(), nullable=True),
        sa.Column("started_at", UTCDateTime(), nullable=False),
        sa.Column("finished_at", UTCDateTime(), nullable=True),
        sa.Column("reason", CleanText(), nullable=True),
        sa.Column("counts", CleanJSON(), server_default=sa.text("'{}'"), nullable=False),
        sa.PrimaryKeyConstraint("id", name="pk_runs"),
        sqlite_autoincrement=True,
    )


def create_stories() -> None:
    op.create_table(
        "stories",
        sa.Column("id", ID, nullable=False),
        sa.Column("title", CleanText(), server_default="", nullable=False),
        sa.Column("created_at", UTCDateTime(), nullable=False),
        sa.Column("changed_at", UTCDateTime(), nullable=False),
        sa.Column("members", sa.Integer(), server_default=sa.text("0"), nullable=False),
        sa.PrimaryKeyConstraint("id", name="pk_stories"),
        sqlite_autoincrement=True,
    )


def create_entries() -> None:
    op.create_table(
        "entries",
        sa.Column("id", ID, nullable=False),
        sa.Column("key", CleanText(), nullable=False),
        sa.Column("feed_id", ID, nullable=False),
        sa.Column("url", CleanText(), nullable=True),
        sa.Column("canonical_url", CleanText(), nullable=True),
        sa.Column("host", CleanText(), server_default="", nullable=False),
        sa.Column("guid", CleanText(), nullable=True),
        sa.Column("title", CleanText(), server_default="", nullable=False),
        sa.Column("summary", CleanText(), server_default="", nullable=False),
        sa.Column("author", CleanText(), nullable=True),
        sa.Column("language", CleanText(), nullable=True),
        sa.Column("published_at", UTCDateTime(), nullable=True),
        sa.Column("published_raw", CleanText(), nullable=True),
        sa.Column("published_source", CleanText(), nullable=True),
        sa.Column("updated_at", UTCDateTime(), nullable=True),
        sa.Column("updated_raw", CleanText(), nullable=True),
        sa.Column("first_seen_at", UTCDateTime(), nullable=False),
        sa.Column("state", CleanText(), server_default="pending", nullable=False),
        sa.Column("retry_at", UTCDateTime(), nullable=True),
        sa.Column("claimed_at", UTCDateTime(), nullable=True),
        sa.Column("attempts", sa.Integer(), server_default=sa.text("0"), nullable=False),
        sa.Column("crashes", sa.Integer(), server_default=sa.text("0"), nullable=False),
        sa.Column("triaged_at", UTCDateTime(), nullable=True),
        sa.Column("triage_score", sa.Double(), nullable=True),
        sa.Column("syria_score", sa.Double(), nullable=True),
        sa.Column("isis_score", sa.Double(), nullable=True),
        sa.Column("error", CleanText(), nullable=True),
        sa.Column("finished_at", UTCDateTime(), nullable=True),
        sa.Column("text_pruned_at", UTCDateTime(), nullable=True),
        sa.ForeignKeyConstraint(["feed_id"], ["feeds.id"], name="fk_entries_feed_id"),
        sa.PrimaryKeyConstraint("id", name="pk_entries"),
        sa.UniqueConstraint("key", name="uq_entries_key"),
        sqlite_autoincrement=True,
    )
    op.create_index("ix_entries_due", "entries", ["retry_at", "id", "host"], sqlite_where=DUE, postgresql_where=DUE)
    op.create_index("ix_entries_feed_id", "entries", ["feed_id"])
    op.create_index("ix_entries_first_seen_at_id", "entries", ["first_seen_at", "id"])
    op.create_index(
        "ix_entries_rejected_text",
        "entries",
        ["finished_at"],
        sqlite_where=REJECTED_TEXT,
        postgresql_where=REJECTED_TEXT,
    )
    op.create_index("ix_entries_state_triaged_at", "entries", ["state", "triaged_at"])
    op.create_index("ix_entries_url", "entries", ["url"], postgresql_using="hash")


def create_polls() -> None:
    op.create_table(
        "polls",
        sa.Column("id", ID, nullable=False),
        sa.Column("feed_id", ID, nullable=False),
        sa.Column("run_id", ID, nullable=True),
        sa.Column("started_at", UTCDateTime(), nullable=False),
        sa.Column("seconds", sa.Double(), nullable=False),
        sa.Column("http_status", sa.Integer(), nullable=True),
        sa.Column("outcome", CleanText(), nullable=False),
        sa.Column("error", CleanText(), nullable=True),
        sa.Column("bytes", sa.BigInteger(), server_default=sa.text("0"), nullable=False),
        sa.Column("entries_seen", sa.Integer(), server_default=sa.text("0"), nullable=False),
        sa.Column("entries_new", sa.Integer(), server_default=sa.text("0"), nullable=False),
        sa.Column("overlap", sa.Integer(), server_default=sa.text("0"), nullable=False),
        sa.Column("gap", sa.Boolean(), server_default=sa.false(), nullable=False),
        sa.Column("final_url", CleanText(), nullable=True),
        sa.Column("next_poll_at", UTCDateTime(), nullable=False),
        sa.Column("interval_seconds", sa.Integer(), nullable=True),
        sa.Column("reason", CleanText(), nullable=False),
        sa.ForeignKeyConstraint(["feed_id"], ["feeds.id"], name="fk_polls_feed_id", ondelete="CASCADE"),
        sa.ForeignKeyConstraint(["run_id"], ["runs.id"], name="fk_polls_run_id", ondelete="SET NULL"),
        sa.PrimaryKeyConstraint("id", name="pk_polls"),
        sqlite_autoincrement=True,
    )
    op.create_index("ix_polls_feed_id_started_at", "polls", ["feed_id", "started_at"])
    op.create_index("ix_polls_run_id", "polls", ["run_id"])
    op.create_index("ix_polls_started_at", "polls", ["started_at"])


def create_articles() -> None:
    op.create_table(
        "articles",
        sa.Column("id", ID, autoincrement=False, nullable=False),
        sa.Column("feed_id", ID, nullable=False),
        sa.Column("url", CleanText(), nullable=True),
        sa.Column("canonical_url", CleanText(), nullable=True),
        sa.Column("publisher", CleanText(), server_default="", nullable=False),
        sa.Column("title", CleanText(), server_default="", nullable=False),
        sa.Column("author", CleanText(), nullable=True),
        sa.Column("language", CleanText(), nullable=True),
        sa.Column("published_at", UTCDateTime(), nullable=True),
        sa.Column("published_raw", CleanText(), nullable=True),
        sa.Column("published_source", CleanText(), nullable=True),
        sa.Column("updated_at", UTCDateTime(), nullable=True),
        sa.Column("first_seen_at", UTCDateTime(), nullable=False),
        sa.Column("fetched_at", UTCDateTime(), nullable=True),
        sa.Column("day", CleanText(), nullable=False),
        sa.Column("sort_key", sa.BigInteger(), nullable=False),
        sa.Column("topics", CleanText(), server_default="", nullable=False),
        sa.Column("syria_score", sa.Double(), nullable=True),
        sa.Column("isis_score", sa.Double(), nullable=True),
        sa.Column("story_id", ID, nullable=False),
        sa.Column("role", CleanText(), nullable=False),
        sa.Column("words", sa.Integer(), server_default=sa.text("0"), nullable=False),
        sa.Column("extraction", CleanText(), nullable=False),
        sa.Column("extractor", CleanText(), nullable=True),
        sa.Column("text_hash", CleanText(), nullable=False),
        sa.Column("signature", sa.LargeBinary(), nullable=True),
        sa.Column("stored_at", UTCDateTime(), nullable=False),
        sa.Column("changed_at", UTCDateTime(), nullable=False),
        sa.Column("summary", CleanText(), server_default="", nullable=False),
        sa.Column("text", CleanText(), server_default="", nullable=False),
        sa.ForeignKeyConstraint(["feed_id"], ["feeds.id"], name="fk_articles_feed_id"),
        sa.ForeignKeyConstraint(["id"], ["entries.id"], name="fk_articles_id"),
        sa.ForeignKeyConstraint(["story_id"], ["stories.id"], name="fk_articles_story_id"),
        sa.PrimaryKeyConstraint("id", name="pk_articles"),
        sa.UniqueConstraint("sort_key", name="uq_articles_sort_key"),
    )
    op.create_index("ix_articles_canonical_url", "articles", ["canonical_url"], postgresql_using="hash")
    op.create_index("ix_articles_feed_id_sort_key", "articles", ["feed_id", "sort_key"])
    op.create_index("ix_articles_language_sort_key", "articles", ["language", "sort_key"])
    op.create_index(
        "ix_articles_overview",
        "articles",
        ["day", "id", "topics", "feed_id", "publisher", "language", "role", "extraction"],
    )
    op.create_index("ix_articles_publisher_sort_key", "articles", ["publisher", "sort_key"])
    op.create_index("ix_articles_story_id", "articles", ["story_id"])
    op.create_index("ix_articles_url", "articles", ["url"], postgresql_using="hash")


def create_labels() -> None:
    op.create_table(
        "labels",
        sa.Column("id", ID, nullable=False),
        sa.Column("entry_id", ID, nullable=False),
        sa.Column("topic", CleanText(), nullable=False),
        sa.Column("value", CleanText(), nullable=False),
        sa.Column("who", CleanText(), nullable=False),
        sa.Column("labelled_at", UTCDateTime(), nullable=False),
        sa.Column("note", CleanText(), nullable=True),
        sa.CheckConstraint("value IN ('yes', 'no')", name=op.f("ck_labels_value")),
        sa.ForeignKeyConstraint(["entry_id"], ["entries.id"], name="fk_labels_entry_id"),
        sa.PrimaryKeyConstraint("id", name="pk_labels"),
        sqlite_autoincrement=True,
    )
    op.create_index("ix_labels_entry_id_topic_id", "labels", ["entry_id", "topic", "id"])


def create_sightings() -> None:
    op.create_table(
        "sightings",
        sa.Column("feed_id", ID, nullable=False),
        sa.Column("entry_id", ID, nullable=False),
        sa.Column("guid", CleanText(), nullable=True),
        sa.Column("first_seen_at", UTCDateTime(), nullable=False),
        sa.Column("last_seen_at", UTCDateTime(), nullable=False),
        sa.ForeignKeyConstraint(["entry_id"], ["entries.id"], name="fk_sightings_entry_id", ondelete="CASCADE"),
        sa.ForeignKeyConstraint(["feed_id"], ["feeds.id"], name="fk_sightings_feed_id", ondelete="CASCADE"),
        sa.PrimaryKeyConstraint("feed_id", "entry_id", name="pk_sightings"),
        sqlite_with_rowid=False,
    )
    op.create_index("ix_sightings_entry_id", "sightings", ["entry_id"])


def create_verdicts() -> None:
    op.create_table(
        "verdicts",
        sa.Column("id", ID, nullable=False),
        sa.Column("entry_id", ID, nullable=False),
        sa.Column("topic", CleanText(), nullable=False),
        sa.Column("score", sa.Double(), nullable=False),
        sa.Column("threshold", sa.Double(), nullable=False),
        sa.Column("matched", sa.Boolean(), nullable=False),
        sa.Column("current", sa.Boolean(), nullable=False),
        sa.Column("model", CleanText(), nullable=False),
        sa.Column("decided_at", UTCDateTime(), nullable=False),
        sa.Column("evidence", CleanJSON(), server_default=sa.text("'[]'"), nullable=False),
        sa.ForeignKeyConstraint(["entry_id"], ["entries.id"], name="fk_verdicts_entry_id", ondelete="CASCADE"),
        sa.PrimaryKeyConstraint("id", name="pk_verdicts"),
        sqlite_autoincrement=True,
    )
    op.create_index("ix_verdicts_entry_id_topic", "verdicts", ["entry_id", "topic"])


def create_bands() -> None:
    op.create_table(
        "bands",
        sa.Column("band", sa.BigInteger(), autoincrement=False, nullable=False),
        sa.Column("article_id", ID, nullable=False),
        sa.ForeignKeyConstraint(["article_id"], ["articles.id"], name="fk_bands_article_id", ondelete="CASCADE"),
        sa.PrimaryKeyConstraint("band", "article_id", name="pk_bands"),
        sqlite_with_rowid=False,
    )
    op.create_index("ix_bands_article_id", "bands", ["article_id"])
