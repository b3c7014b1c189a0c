"""Judge, then Store. Judge never drops; Store is last and writes once."""

from __future__ import annotations

import logging
from itertools import groupby
from typing import TYPE_CHECKING, Any

from msgspec.structs import replace
from scrapy.exceptions import DropItem

from crawler import rechecks, similar
from crawler.clocks import claim, weighed
from crawler.export import row_to_json
from crawler.judged import Words
from crawler.urls import canonical_url, registered_domain
from crawler.verdicts import verdict_records
from storage import articles, entries, resolved, search
from storage.clocks import ClockRecord
from storage.errors import StorageError
from storage.verdicts import VerdictRecord, store_verdicts_of

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence
    from datetime import datetime
    from typing import Self

    from scrapy.crawler import Crawler
    from sqlalchemy.orm import Session

    from crawler.classify import Verdict
    from crawler.items import Article
    from crawler.page import Page
    from crawler.watch import Watch
    from storage.base import EntryState
    from storage.entries import ClaimedEntry

logger = logging.getLogger(__name__)


_COPIES: dict[str, Any] = {
    "nearness": similar.nearness,
    "near_copy": similar.LIKELY,
    "confirm": similar.copy_similarity,
}
_HINTS = ("lastmod", "url")  # published_source of what a sitemap says of a page without a publication date


class Judge:
    """Sets what is made of an article's words: the verdicts, one per topic, and of a match all that is stored beside its text."""

    def __init__(self, watch: Watch) -> None:
        self.watch = watch

    @classmethod
    def from_crawler(cls, crawler: Crawler) -> Self:
        """Use the judge that the spider's watch holds."""
        return cls(crawler.spider.watch)  # type: ignore[union-attr]

    async def process_item(self, item: Article) -> Article:
        """Judge the text that will be stored, so that the evidence's offsets are true of it."""
        item.judged = await self.watch.judging.run(words_of(item))
        return item


class Store:
    """Writes an article's outcome once, in one transaction, and passes only matches on to exports."""

    def __init__(self, watch: Watch, settled: Callable[..., None]) -> None:
        self.watch = watch
        self.settled = settled  # FeedsSpider.settled: told when an entry is through, whatever became of it

    @classmethod
    def from_crawler(cls, crawler: Crawler) -> Self:
        """Use the database that the spider's watch holds."""
        spider: Any = crawler.spider  # FeedsSpider; an import would point up the road
        return cls(spider.watch, spider.settled)

    async def process_item(self, item: Article) -> dict[str, Any]:
        """The stored row of `matches` for a match; raises DropItem, after its transaction, for anything else."""
        try:
            row = await self._stored(item)
        except StorageError as error:
            self.settled(item.entry, error=error)
            raise DropItem(f"the database failed: entry={item.entry.id}") from error
        except BaseException:
            self.settled(item.entry)
            raise
        self.settled(item.entry, matched=row is not None and item.again is None)
        if row is None:
            raise DropItem(f"no match: entry={item.entry.id}")
        if item.again is not None:
            return row_to_json(row)  # crawler.rechecks has told of it
        logger.info(
            "match article=%d topics=%s extraction=%s publisher=%s",
            row.article_id, row.topics, row.extraction, row.publisher,
        )  # fmt: skip
        return row_to_json(row)

    async def _stored(self, item: Article) -> search.Match | None:
        if self.watch.archive is not None:  # a file is written too: never twice for one article
            return await self.watch.write(self.store, item)
        return await self.watch.write_together(self.store_all, item)

    def store_all(self, session: Session, items: Sequence[Article]) -> list[search.Match | None]:
        """The same for articles that come together; a later match sees what the earlier ones wrote."""
        stored: dict[int, search.Match | None] = {}
        for plain, together in groupby((item for item in items if _matches(item)), key=self._is_plain):
            run = list(together)
            rows = self._store_plain(session, run) if plain else [self.store(session, item) for item in run]
            stored |= zip(map(id, run), rows, strict=True)
        self._reject(session, [item for item in items if not _matches(item)])
        return [stored.get(id(item)) for item in items]

    def _is_plain(self, item: Article) -> bool:
        """Whether an article is a match of its own, which nothing but the database has to do with."""
        return item.again is None and self.watch.archive is None and not _leads_elsewhere(item)

    def _store_plain(self, session: Session, items: Sequence[Article]) -> list[search.Match | None]:
        now = self.watch.now()
        records = [article_record(item) for item in items]
        written = articles.store_matches(session, records, now=now, **_COPIES)
        for item, stored in zip(items, written, strict=True):
            _plan_looks(session, item, stored)
        rows = search.matches(session, [item.entry.id for item in items])
        return [rows.get(item.entry.id) for item in items]

    def store(self, session: Session, item: Article) -> search.Match | None:
        """What the ledger learns of one article: a match with its text, a rejection with its scores, or a retry."""
        if _matches(item):
            return self._store_match(session, item)
        self._reject(session, [item])
        return None

    def _reject(self, session: Session, items: Sequence[Article]) -> None:
        """What does not match: rejected with its scores, or to be tried again."""
        now = self.watch.now()
        ends: list[entries.End] = []
        verdicts: dict[int, tuple[VerdictRecord, ...]] = {}
        for item in items:
            if item.page is None and item.later is not None and item.later.retry_at is not None:
                # Nothing in the summary, and the page could not be read: nothing is decided yet.
                entries.record_retry(
                    session, entry_id=item.entry.id, error=item.error or "", retry_at=item.later.retry_at, now=now
                )
                continue
            state = _state(item.verdicts)
            if item.page is None and item.later is not None:
                state = item.later.state  # gone or unreadable: the summary alone is no reason to call it irrelevant
            scores = {verdict.topic: verdict.score for verdict in item.verdicts}
            ends.append(entries.End(item.entry.id, state, item.error, scores))
            assert item.judged is not None
            verdicts[item.entry.id] = verdict_records(item.verdicts, model=item.judged.model)
        entries.record_ends(session, ends, now=now)
        store_verdicts_of(session, verdicts, now=now)

    def _store_match(self, session: Session, item: Article) -> search.Match | None:
        now = self.watch.now()
        record = article_record(item)
        if (known := self._known(session, item, record, now)) != item.entry.id:
            logger.info("known entry=%d article=%d", item.entry.id, known)
            return None
        if (archive := self.watch.archive) is not None and not articles.is_forgotten(session, record):
            record = replace(record, captures=archive.keep(session, item.entry.id, item.exchanges, now))
        if item.again is not None:
            state = _state(item.verdicts)
            rechecks.store_change(session, item.again, record, item.source, state=state, write=self._write, now=now)
        else:
            _plan_looks(session, item, self._write(session, record, now))
        return search.match(session, item.entry.id)

    def _known(self, session: Session, item: Article, record: articles.ArticleRecord, now: datetime) -> int:
        """The number under which the article is kept: another's when its link led to what was known already."""
        if item.again is not None or not _leads_elsewhere(item) or articles.is_forgotten(session, record):
            return item.entry.id
        canonical = record.canonical_url or ""
        return resolved.resolve(session, entry_id=item.entry.id, canonical=canonical, now=now)

    def _write(self, session: Session, record: articles.ArticleRecord, now: datetime) -> articles.StoredMatch | None:
        return articles.store_match(session, record, now=now, **_COPIES)


def _plan_looks(session: Session, item: Article, stored: articles.StoredMatch | None) -> None:
    """A match whose page was read is looked at again."""
    if stored is not None and item.source is not None and item.fetched_at is not None:
        rechecks.plan(session, item.entry.id, item.source, fetched_at=item.fetched_at)


def _matches(item: Article) -> bool:
    """Whether an article is stored as one: it matches, or did so when it was first read."""
    return item.again is not None or (item.judged is not None and item.judged.matched)


def _leads_elsewhere(item: Article) -> bool:
    """Whether the entry's link led to another site, as an aggregator's or a shortener's does."""
    asked, found = item.entry.url, item.url
    return bool(item.page and asked and found) and registered_domain(found or "") != registered_domain(asked or "")


def _canonical(item: Article) -> str | None:
    """The page's own word; else the address where it stands, when its link led to another site; else its entry's."""
    said = item.page.canonical_url if item.page else None
    stands = canonical_url(item.url or "") if _leads_elsewhere(item) else None
    return said or stands or item.entry.canonical_url or item.url or None


def _state(verdicts: Sequence[Verdict]) -> EntryState:
    """What an entry whose text was read is by its verdicts."""
    if any(verdict.matched for verdict in verdicts):
        return "match"
    return "near" if any(verdict.near for verdict in verdicts) else "irrelevant"


def words_of(item: Article) -> Words:
    """An article as it is judged."""
    entry, page = item.entry, item.page
    return Words(
        title=item.title,
        text=item.text,
        language=item.language,
        day=(entry.published_at or entry.first_seen_at).date(),
        author=(page.author if page else None) or entry.author,
        summary=entry.summary,
        url=item.url or entry.url,
        kept=item.again is not None,
    )


def article_record(item: Article) -> articles.ArticleRecord:
    """An article that was judged and is kept, as storage takes it."""
    entry, page, judged = item.entry, item.page, item.judged
    assert judged is not None
    assert judged.made is not None
    made = judged.made
    return articles.ArticleRecord(
        entry_id=entry.id,
        url=item.url or entry.url or None,
        canonical_url=_canonical(item),
        publisher=entry.publisher,
        title=item.title,
        author=(page.author if page else None) or entry.author,
        language=item.language,
        text=item.text,
        summary=entry.summary,
        words=made.words,
        extraction=page.status if page else "summary-only",
        extractor=page.extractor if page else "",
        **_published(entry, page),
        updated_at=entry.updated_at or (page.modified_at if page else None),
        first_seen_at=entry.first_seen_at,
        fetched_at=item.fetched_at,
        signature=made.signature,
        bands=made.bands,
        verdicts=verdict_records(judged.verdicts, model=judged.model),
        retry_at=item.later.retry_at if item.later else None,
        error=item.error,
        mentions=made.mentions,
        family=made.family,
        agency=made.credit.agency if made.credit else None,
        credit=made.credit.text if made.credit else None,
        event_keys=made.event_keys,
        clocks=clock_records(entry, page, fetched_at=item.fetched_at),
    )


def _published(entry: ClaimedEntry, page: Page | None) -> dict[str, Any]:
    """The claimed time: the feed's, else the page's. A sitemap's lastmod or a day in the address is no more than a hint beside the page's."""
    hinted = entry.published_at is None or entry.published_source in _HINTS
    if page is not None and page.published_at is not None and hinted:
        return {"published_at": page.published_at, "published_raw": page.published_raw, "published_source": "page"}
    return {
        "published_at": entry.published_at,
        "published_raw": entry.published_raw or (page.published_raw if page else None),
        "published_source": entry.published_source,
    }


def clock_records(entry: ClaimedEntry, page: Page | None, *, fetched_at: datetime | None) -> tuple[ClockRecord, ...]:
    """What the feed and the page claim of the article's times."""
    seen, read = entry.first_seen_at, fetched_at or entry.first_seen_at
    claims = [
        claim("published", "feed", entry.published_at, entry.published_raw, read_at=seen),
        claim("updated", "feed", entry.updated_at, entry.updated_raw, read_at=seen),
    ]
    if page is not None:
        claims += [
            claim("published", "page", page.published_at, page.published_raw, read_at=read),
            claim("updated", "page", page.modified_at, page.modified_raw, read_at=read),
        ]
    return tuple(
        ClockRecord(one.clock, one.source, one.at, one.raw, one.confidence, one.flags) for one in weighed(claims)
    )
