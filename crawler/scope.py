"""What a query may name here: the judge's topics, the gazetteer's places and actors, the saved searches.

Everything is read only when it is asked for. `storage.open_store` finds `scope` by the entry point `levantwatch.scope`: so the
database, which knows nothing of news judgement, reads a query in a notebook as the command does.
"""

from __future__ import annotations

from datetime import datetime
from functools import cache
from pathlib import Path
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from sqlalchemy.orm import Session

    from crawler.config import Config
    from storage.query import Scope


def scope(session: Session, query: str, now: datetime) -> Scope:
    """What `query` may name; ages such as 7d in it count back from `now`."""
    from crawler.mentions import group_of
    from storage import saved
    from storage.query import Scope

    return Scope(
        topic=topic_named,
        place=lambda word: group_of(word, "place"),
        actor=lambda word: group_of(word, "actor"),
        saved=saved.queries(session) if "@" in query else {},
        now=now,
    )


def topic_named(word: str) -> str:
    """The topic's name. LookupError, with the names that there are, for anything else."""
    from crawler.config import load_config

    topics = _topics(load_config(), Path.cwd())
    if word.strip().lower() not in topics:
        raise LookupError(f"there is no topic {word!r}; the topics are {', '.join(topics)}")
    return word.strip().lower()


@cache
def _topics(config: Config, folder: Path) -> tuple[str, ...]:
    """The judge's topics by this configuration, in this folder. Read once: the user's own take 0.2 s, and each query with `topic:` asks."""
    from crawler.judging import configured_topics

    return configured_topics(config)
