"""Fills an empty database with invented matches, as many as a watch of ten years has: the store that bench/queries.py asks.

    .venv/bin/python bench/million.py sqlite:///million.db 1000000
    .venv/bin/python bench/million.py postgresql://user@host/empty 1000000
    .venv/bin/python bench/million.py postgresql://user@host/empty 10000000 --words 24 --summaries --rejected-every 10 --different 1000000

Matches with texts of 600 words in three scripts, five to twenty a story, of 300 publishers; their entries, sightings, verdicts with
evidence, mentions, stories and both full-text indexes; for every three (`--rejected-every`) a rejected entry; a month of hourly polls. Left out is what
only the storing of a further article reads: bands and event keys. Rows go in in bulk and past the program, indexes are made at the end.

`--words` makes the texts shorter (one of fewer than 48 words has no signature), `--summaries` stores what a watch with `fetch = none` does: the
summary is the text, no page was read.
`--different` writes so many different ones and has the database repeat them, in other stories and other years, until there are enough
(bench/multiplied.py, and for SQLite bench/repeated.py).
"""

from __future__ import annotations

import argparse
import hashlib
import json
import random
import sys
import time
from collections import defaultdict
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from typing import Any

from filling import Row, Write, into_postgres, into_sqlite
from invented import NOW, PUBLISHERS, WORDS_EACH, Newsroom, Paragraph, Piece

from crawler.similar import LEAST_WORDS
from storage import feeds, ledger_blocks, name_tallies, poll_days, tallies
from storage.articles import sort_key
from storage.db import Database, open_database
from storage.evidence import terms_of

BATCH = 2_000
THRESHOLD = {"syria": 0.5, "isis": 0.41}
COLUMNS = {
    "feeds": "id url title publisher language country kind added_at next_poll_at last_polled_at last_new_at last_outcome",
    "runs": "id command started_at finished_at reason",
    "polls": "feed_id run_id started_at seconds http_status outcome bytes entries_seen entries_new overlap next_poll_at interval_seconds reason",
    "entries": "id key feed_id url canonical_url host guid title summary language published_at first_seen_at state attempts triaged_at triage_score syria_score isis_score error finished_at audit_rank",
    "sightings": "feed_id entry_id guid first_seen_at last_seen_at",
    "stories": "id title created_at changed_at members publishers first_at last_at",
    "articles": "id feed_id url canonical_url publisher title author language published_at published_raw published_source first_seen_at fetched_at day sort_key topics syria_score isis_score story_id role words extraction extractor text_hash signature stored_at changed_at summary text",
    "carriers": "article_id story_id kept at root_id copy_of similarity family source",
    "verdicts": "entry_id topic score threshold matched current model decided_at evidence margin",
    "evidence_terms": "entry_id topic term sense weight needed",
    "mentions": 'entry_id field start "end" kind name area text resolved',
    "words": "rowid document title",
}  # fmt: skip


def stamp(time_: datetime) -> str:
    """A time as SQLite keeps it and Postgres reads it."""
    return time_.isoformat(timespec="microseconds").replace("+00:00", "Z")


@dataclass(slots=True)
class _Story:
    title: str
    at: datetime
    root: int
    first: datetime
    last: datetime
    members: int = 0
    sources: set[str] = field(default_factory=set)


@dataclass(frozen=True, slots=True)
class Wanted:
    """How many matches, of how many words, whether these are the feeds' summaries alone, and for how many there is a rejected entry.

    Each stands in the store so many `times`.
    """

    number: int
    words: int = WORDS_EACH
    summaries: bool = False
    rejected_every: int = 3
    polled_days: int = 30
    times: int = 1
    seed: int = 1


class Maker:
    """Turns pieces into rows; keeps of the stories what their rows need."""

    def __init__(self, write: Write, wanted: Wanted) -> None:
        """Take where the rows go."""
        self._write, self._wanted = write, wanted
        self._rng = random.Random(wanted.seed)
        self._waiting: defaultdict[str, list[Row]] = defaultdict(list)
        self.stories: dict[int, _Story] = {}
        self.last_id = 0

    def put(self, table: str, *row: Any) -> None:
        """One row, later."""
        self._waiting[table].append(row)

    def flush(self) -> None:
        """Now."""
        for table, columns in COLUMNS.items():
            if rows := self._waiting.pop(table, []):
                self._write(table, columns.split(), rows)

    def article(self, piece: Piece) -> None:
        """A match with all that belongs to it."""
        self.last_id += 1
        id_, rng, publisher = self.last_id, self._rng, piece.publisher
        claimed = piece.seen_at - timedelta(minutes=rng.randint(1, 600))
        url = f"https://outlet{publisher.id}.example/{claimed:%Y/%m/%d}/{piece.title.folded.split()[0]}-{id_}"
        scores = {topic: self._score(topic, topic in piece.topics) for topic in THRESHOLD}
        at, seen, read = stamp(claimed), stamp(piece.seen_at), stamp(piece.seen_at + timedelta(minutes=4))
        text = "\n\n".join(one.text for one in piece.body)
        described = piece.body if self._wanted.summaries else piece.body[:1]
        summary = text if self._wanted.summaries else piece.body[0].text
        state = "match" if rng.random() > 0.004 else "gone"
        self._entry(
            id_,
            url,
            publisher.id,
            piece.title.text,
            summary,
            publisher.language,
            at,
            seen,
            read,
            "match",
            scores,
            state,
        )
        story = self._joined(piece, id_, claimed)
        alone = "summary-only" if rng.random() < 0.05 or self._wanted.summaries else "full"
        fetched, extractor = (None, "") if self._wanted.summaries else (read, "bench")
        self.put(
            "articles", id_, publisher.id, url, url, publisher.name, piece.title.text, None, publisher.language, at, None, "feed", seen,
            fetched, f"{claimed:%Y-%m-%d}", sort_key(claimed, id_), ",".join(piece.topics), scores["syria"], scores["isis"], piece.story,
            piece.role, self._wanted.words, alone, extractor, hashlib.sha256(text.encode()).hexdigest(), rng.randbytes(512) if self._wanted.words >= LEAST_WORDS else None, read, read, summary, text,
        )  # fmt: skip
        copied = piece.role == "copy"
        self.put(
            "carriers", id_, piece.story, 1, at, story.root if copied else id_, story.root if copied else None,
            0.9 if copied else None, "", publisher.name,
        )  # fmt: skip
        self.put(
            "words", sort_key(claimed, id_),
            " ".join(one.folded for one in (piece.title, *described, *piece.body)), piece.title.folded,
        )  # fmt: skip
        self._verdicts(id_, scores, read, piece.body)
        self._mentions(id_, piece)
        if id_ % (self._wanted.rejected_every + 1) == 0:
            self._rejected(piece)

    def _entry(
        self, id_: int, url: str, feed: int, title: str, summary: str, language: str, at: str, seen: str, read: str, state: str,
        scores: dict[str, float], found: str,
    ) -> None:  # fmt: skip
        error = "gone: HTTP 410" if found == "gone" else None
        self.put(
            "entries", id_, url, feed, url, url, f"outlet{feed}.example", url, title, summary, language, at, seen, state, 1, seen, 0.9,
            scores["syria"], scores["isis"], error, read, self._rng.random(),
        )  # fmt: skip
        listed = {feed} | ({self._rng.randint(1, PUBLISHERS)} if self._rng.random() < 0.05 else set())
        for one in listed:
            self.put("sightings", one, id_, url, seen, read)

    def _rejected(self, piece: Piece) -> None:
        self.last_id += 1
        state = self._rng.choices(("irrelevant", "near", "unreadable"), (90, 7, 3))[0]
        scores = {"syria": 0.4 if state == "near" else 0.1, "isis": self._rng.random() * 0.2}
        seen, url = stamp(piece.seen_at), f"https://outlet{piece.publisher.id}.example/other/{self.last_id}"
        title = piece.title.text if state == "near" else ""
        self._entry(
            self.last_id, url, piece.publisher.id, title, "", piece.publisher.language, seen, seen, seen, state, scores,
            "gone" if state == "unreadable" else state,
        )  # fmt: skip
        for topic, score in scores.items():
            self.put(
                "verdicts",
                self.last_id,
                topic,
                score,
                THRESHOLD[topic],
                0,
                1,
                "bench",
                seen,
                "[]",
                THRESHOLD[topic] - score,
            )

    def _score(self, topic: str, matched: bool) -> float:
        low, high = (THRESHOLD[topic], 1.0) if matched else (0.0, THRESHOLD[topic] - 0.02)
        return low + (high - low) * (self._rng.betavariate(5, 1.5) if matched else self._rng.betavariate(1, 5))

    def _joined(self, piece: Piece, id_: int, at: datetime) -> _Story:
        story = self.stories.setdefault(piece.story, _Story(piece.title.text, piece.seen_at, id_, at, at))
        story.members += 1
        story.first, story.last = min(story.first, at), max(story.last, at)
        story.sources.add(piece.publisher.name)
        return story

    def _verdicts(self, id_: int, scores: dict[str, float], at: str, body: Sequence[Paragraph]) -> None:
        for topic, score in scores.items():
            matched, threshold = score >= THRESHOLD[topic], THRESHOLD[topic]
            pieces = [
                {"field": "text", "start": one.start, "end": one.start + len(one.text), "text": one.text, "term": one.name, "sense": one.kind, "weight": 0.7}
                for paragraph in body if matched for one in paragraph.named
            ]  # fmt: skip
            pieces.append({"field": "", "start": 0, "end": 0, "text": "", "term": "bias", "sense": "", "weight": -2.0})
            self.put(
                "verdicts",
                id_,
                topic,
                score,
                threshold,
                int(matched),
                1,
                "bench",
                at,
                json.dumps(pieces),
                abs(score - threshold),
            )
            for term in terms_of(pieces, score=score, threshold=threshold) if matched else ():
                self.put("evidence_terms", id_, topic, term.term, term.sense, term.weight, int(term.needed))

    def _mentions(self, id_: int, piece: Piece) -> None:
        begin = 0
        for name, paragraph in (("title", piece.title), *(("text", one) for one in piece.body)):
            for one in paragraph.named:
                start, sure = one.start + begin, int(self._rng.random() < 0.9)
                self.put(
                    "mentions", id_, name, start, start + len(one.text), one.kind, one.name, one.area, one.text, sure
                )
            begin += len(paragraph.text) + 2 if name == "text" else 0

    def end(self) -> None:
        """The stories, which are known whole only now."""
        for id_, one in self.stories.items():
            at = stamp(one.at)
            self.put(
                "stories", id_, one.title, at, at, one.members, len(one.sources), stamp(one.first), stamp(one.last)
            )
        self.flush()


def start(maker: Maker, newsroom: Newsroom, days: int) -> None:
    """The feeds, and so many days of their polls."""
    rng, now = random.Random(3), stamp(NOW)
    added = stamp(NOW - timedelta(days=3_700))
    for one in newsroom.publishers:
        maker.put(
            "feeds", one.id, f"https://outlet{one.id}.example/feed", one.name, one.name, one.language, one.country, "newspaper", added, now, now, now, "ok"
        )  # fmt: skip
    maker.put("runs", 1, "run", added, now, "finished")
    for hour in range(days * 24):
        at = NOW - timedelta(days=days) + timedelta(hours=hour)
        for one in newsroom.publishers:
            outcome = rng.choices(("not-modified", "ok", "timeout"), (70, 28, 2))[0]
            new = rng.randint(0, 3) if outcome == "ok" else 0
            maker.put("polls", one.id, 1, stamp(at), 0.3, 200, outcome, 20_000, 30, new, 27, stamp(at + timedelta(hours=1)), 3600, "observed-rate")  # fmt: skip
    maker.flush()


def fill(database: Database, wanted: Wanted, *, tell: Callable[[str], None] = print) -> None:
    """Fill an empty database that has the schema."""
    newsroom, begun = Newsroom(wanted.seed, wanted.words), time.monotonic()
    into = (
        into_sqlite(database, wanted.times, tell)
        if database.dialect == "sqlite"
        else into_postgres(database, wanted.times, tell)
    )
    with into as write:
        maker = Maker(write, wanted)
        start(maker, newsroom, wanted.polled_days)
        for done, piece in enumerate(newsroom.pieces(wanted.number // wanted.times), 1):
            maker.article(piece)
            if done % BATCH == 0:
                maker.flush()
            if done % 50_000 == 0:
                tell(f"{done:,} matches after {time.monotonic() - begun:.0f} s")
        maker.end()
        tell(f"what comes at the end, from {time.monotonic() - begun:.0f} s on")
    with database.write() as session:
        tallies.refill(session.connection())
        tallies.make_triggers(session.connection())
        name_tallies.refill(session.connection())
        name_tallies.make_triggers(session.connection())
        poll_days.make_triggers(session.connection())
        poll_days.seal(session, NOW, most=wanted.polled_days)
        ledger_blocks.make_triggers(session.connection())
        for entries in (True, False):
            ledger_blocks.seal(session, entries=entries, most=wanted.number)
    tell(f"{wanted.number:,} matches on {database.dialect} in {time.monotonic() - begun:.0f} s")


def main() -> None:
    """Make the schema, fill it."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("url", help="an empty database")
    parser.add_argument("number", type=int, help="how many matches")
    parser.add_argument("--words", type=int, default=WORDS_EACH, help=f"of a text ({WORDS_EACH}; at least 4)")
    parser.add_argument("--summaries", action="store_true", help="no page was read: the summary is the text")
    parser.add_argument("--rejected-every", type=int, default=3, metavar="N", help="a rejected entry for so many (3)")
    parser.add_argument("--different", type=int, metavar="N", help="so many different ones, repeated")
    parser.add_argument("--seed", type=int, default=1)
    given = parser.parse_args()
    if given.number % (different := given.different or given.number):
        parser.error("--different must divide the number")
    database = open_database(given.url)
    database.ensure_schema(upgrade=False)
    with database.read() as session:
        if feeds.count(session):
            sys.exit("the database is not empty")
    wanted = Wanted(
        given.number,
        given.words,
        given.summaries,
        given.rejected_every,
        times=given.number // different,
        seed=given.seed,
    )
    begun = time.monotonic()
    fill(database, wanted, tell=lambda line: print(f"{time.monotonic() - begun:6.0f} s  {line}", flush=True))
    database.close()


if __name__ == "__main__":
    main()
