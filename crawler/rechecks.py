"""Looking again at matched articles: one page, one answer, one transaction. The road of `crawler.spiders.feeds` carries it.

An answer that says nothing of the text (the same page, a failure, a wall, a page that is gone) is recorded here. A text that
differs goes on as an Article through Judge and Store, which writes it by `store_change`. What an answer means is decided by
`crawler.looks`, what changed is found by `crawler.revising`.
"""

from __future__ import annotations

import logging
from collections import Counter
from collections.abc import Callable
from typing import TYPE_CHECKING

from msgspec import Struct
from msgspec.structs import asdict, replace
from scrapy import Request

from crawler.answers import HttpAnswer, read_failure, read_response
from crawler.items import Article, SecondLook
from crawler.limits import EXCHANGES
from crawler.looks import (
    PRESUMES_NOTHING,
    Look,
    LookState,
    NextLook,
    first_look,
    look_of,
    look_of_page,
    next_look,
    replaces,
)
from crawler.outcomes import Outcome
from crawler.revising import Comparison, compare, replaced, same
from crawler.urls import redact, registered_domain
from crawler.workers import WorkTooHeavyError
from storage import articles, entries, rechecks, revisions
from storage.errors import StorageError, UnknownArticle
from storage.rechecks import LookRecord, PageSource
from storage.revisions import ChangeRecord

if TYPE_CHECKING:
    from datetime import datetime

    from scrapy.http import Response
    from sqlalchemy.orm import Session
    from twisted.python.failure import Failure

    from crawler.page import Page
    from crawler.watch import Watch
    from storage.articles import ArticleRecord
    from storage.base import EntryState, RevisionKind
    from storage.rechecks import ClaimedRecheck

logger = logging.getLogger(__name__)


class Finding(Struct, frozen=True):
    """What one look found, in words for the record; `source` where the page that came is known to say the same."""

    look: Look
    outcome: str
    error: str | None = None
    source: PageSource | None = None
    retry_after: datetime | None = None


class _Held(Struct, frozen=True):
    title: str
    text: str
    extraction: str


class Rechecks:
    """The second looks of one crawl.

    `settled` is told of every look that is through here, `broke` when the database failed.
    """

    def __init__(
        self,
        watch: Watch,
        *,
        accept: str,
        settled: Callable[[ClaimedRecheck], None],
        broke: Callable[[StorageError], None],
    ) -> None:
        self.watch = watch
        self.counts: Counter[str] = Counter()
        self._accept = accept
        self._settled = settled
        self._broke = broke

    async def work(
        self, recheck: ClaimedRecheck, *, callback: Callable[..., object], errback: Callable[..., object]
    ) -> Request | None:
        """A request for the article's page, conditional; None when it has no address that can be asked, which is recorded."""
        known = {"If-None-Match": recheck.etag, "If-Modified-Since": recheck.last_modified}
        validators = {} if recheck.step in PRESUMES_NOTHING else {name: value for name, value in known.items() if value}
        try:
            return Request(
                recheck.url,
                callback=callback,
                errback=errback,
                headers={"Accept": self._accept, **validators},
                cb_kwargs={"again": recheck},
                meta={
                    "download_maxsize": self.watch.config.page_max_bytes,
                    **({EXCHANGES: []} if self.watch.archive is not None else {}),
                },
            )
        except ValueError as error:
            await self.record(recheck, Finding(Look.REFUSED, Outcome.BAD_URL, str(error)), now=self.watch.now())
            return None

    async def answered(self, response: Response, recheck: ClaimedRecheck) -> Article | None:
        """An answer: an Article when the text is another one, else what it says is recorded."""
        answer = read_response(response, at=self.watch.now())
        try:
            found = await self._read(recheck, answer)
        except StorageError as error:
            self._broke(error)
            self._settled(recheck)
            return None
        if isinstance(found, Article):
            found.exchanges = tuple(response.meta.get(EXCHANGES, ()))  # a changed page is proven like a new one
            return found
        await self.record(recheck, found, now=answer.at)
        return None

    async def failed(self, failure: Failure, recheck: ClaimedRecheck) -> None:
        """No answer: it is tried again, or the next step of the schedule is."""
        answer = read_failure(failure.value, at=self.watch.now())
        await self.record(recheck, _unread(answer), now=answer.at)

    async def _read(self, recheck: ClaimedRecheck, answer: HttpAnswer) -> Article | Finding:
        if answer.outcome is not Outcome.OK:
            return _unread(answer)
        source = source_of(recheck.url, answer)
        if answer.body_hash == recheck.body_hash:
            return Finding(Look.SAME, Outcome.SAME_BODY, source=source)
        url = answer.final_url or recheck.url
        if registered_domain(url) != registered_domain(
            recheck.url
        ):  # another publisher must not overwrite this one's text
            return Finding(Look.REFUSED, Outcome.NOT_AN_ARTICLE, f"it leads to another site, {registered_domain(url)}")
        try:
            page = await self.watch.workers.extract_page(answer.body, url=url, content_type=answer.content_type)
        except WorkTooHeavyError as error:
            return Finding(Look.REFUSED, Outcome.PARSE_TIMEOUT, str(error))
        if not page.text:
            look = look_of_page(page.status, page.problem, asked=recheck.url, final_url=url)
            return Finding(look, Outcome.NOT_AN_ARTICLE if look is Look.MISSING else page.status, page.problem)
        return await self._compared(recheck, answer, page, source)

    async def _compared(
        self, recheck: ClaimedRecheck, answer: HttpAnswer, page: Page, source: PageSource
    ) -> Article | Finding:
        held = await self.watch.write(_held, recheck.id)
        if held is None:
            return Finding(Look.REFUSED, "forgotten", "the article is no longer held")
        if not replaces(held.extraction, held.text, page.status, page.text):
            return Finding(Look.REFUSED, Outcome.PAYWALLED, f"its text is {page.status} now, {page.words} words of it")
        versions = (held.title, held.text, page.title or held.title, page.text)
        if same(*versions):
            return Finding(Look.SAME, "same-text", source=source)
        found = await self._difference(versions)
        change = ChangeRecord(
            edits=[asdict(edit) for edit in found.edits],
            numbers=[asdict(number) for number in found.numbers],
            added=found.added,
            removed=found.removed,
        )
        self.counts.update(looked=1, changed=1)
        next_ = next_look(_state(recheck), Look.CHANGED, now=answer.at)
        again = SecondLook(recheck, change, next_)
        return Article(recheck.entry, page, answer.at, url=answer.final_url, source=source, again=again)

    async def _difference(self, versions: tuple[str, str, str, str]) -> Comparison:
        try:
            return await self.watch.workers.run(compare, *versions)
        except WorkTooHeavyError:
            return replaced(*versions)

    async def record(self, recheck: ClaimedRecheck, found: Finding, *, now: datetime) -> None:
        """Write what a look found that brought no other text."""
        next_ = next_look(_state(recheck), found.look, now=now, retry_after=found.retry_after)
        try:
            await self.watch.write(_record, recheck, found, next_, now=now)
            self.counts["looked"] += 1
            told = logger.debug if found.look is Look.SAME else logger.info
            told(
                "looked article=%d found=%s outcome=%s next=%s url=%s", recheck.id, found.look, found.outcome,
                f"{next_.due_at:%Y-%m-%dT%H:%MZ}" if next_.due_at else "never", redact(recheck.url),
            )  # fmt: skip
        except StorageError as error:
            self._broke(error)
        finally:
            self._settled(recheck)

    async def broken(self, recheck: ClaimedRecheck) -> None:
        """A bug, which is logged, while this article was looked at: its next look is the next of the schedule."""
        await self.record(recheck, Finding(Look.REFUSED, "a bug, see the log"), now=self.watch.now())


def source_of(url: str, answer: HttpAnswer) -> PageSource:
    """What is kept of a page for its next look."""
    return PageSource(registered_domain(answer.final_url or url), answer.etag, answer.last_modified, answer.body_hash)


def plan(session: Session, article_id: int, source: PageSource, *, fetched_at: datetime) -> None:
    """A match whose page was read is looked at again, for the first time after an hour."""
    due_at = first_look(fetched_at)
    rechecks.plan(session, article_id=article_id, fetched_at=fetched_at, due_at=due_at, source=source)


def store_change(
    session: Session,
    again: SecondLook,
    record: ArticleRecord,
    source: PageSource | None,
    *,
    state: EntryState,
    write: Callable[[Session, ArticleRecord, datetime], object],
    now: datetime,
) -> None:
    """The transaction of a look that found another text: the new text and verdicts under the same id, the revision, the next look.

    What the article was first known by stays: its address, publisher and claimed publication. `write` stores a match.
    """
    recheck = again.recheck
    try:
        old = articles.get(session, recheck.id)
    except UnknownArticle:  # forgotten meanwhile
        return
    kept = ("url", "canonical_url", "publisher", "published_at", "published_raw", "published_source", "summary")
    mine = replace(
        record,
        **{name: getattr(old, name) for name in kept},
        author=record.author or old.author,
        updated_at=_latest(record.updated_at, old.updated_at),
        retry_at=None,
    )
    revisions.keep_first(session, article_id=recheck.id)
    write(session, mine, now)
    if state != "match":  # no verdict holds on the new text: it leaves the view, its text and history stay
        scores = {verdict.topic: verdict.score for verdict in mine.verdicts}
        entries.record_end(session, entry_id=recheck.id, state=state, scores=scores, now=now)
    kind: RevisionKind = "restored" if recheck.taken_down_at else "edited"
    number = revisions.add(session, article_id=recheck.id, kind=kind, now=now, change=again.change)
    rechecks.record_look(session, _look(recheck, again.next, "changed", source=source), now=now)
    rechecks.mark_taken_down(session, article_id=recheck.id, at=None)
    logger.info(
        "changed article=%d revision=%d added=%d removed=%d numbers=%d state=%s", recheck.id, number,
        again.change.added, again.change.removed, len(again.change.numbers), state,
    )  # fmt: skip


def _latest(*times: datetime | None) -> datetime | None:
    return max((time for time in times if time is not None), default=None)


def _record(session: Session, recheck: ClaimedRecheck, found: Finding, next_: NextLook, *, now: datetime) -> None:
    look = _look(recheck, next_, found.outcome, error=found.error, source=found.source)
    rechecks.record_look(session, look, now=now)
    if next_.is_taken_down and recheck.taken_down_at is None:
        revisions.keep_first(session, article_id=recheck.id)
        revisions.add(session, article_id=recheck.id, kind="taken-down", now=now)
        rechecks.mark_taken_down(session, article_id=recheck.id, at=now)
    elif found.look is Look.SAME and recheck.taken_down_at is not None:
        revisions.add(session, article_id=recheck.id, kind="restored", now=now)
        rechecks.mark_taken_down(session, article_id=recheck.id, at=None)


def _look(
    recheck: ClaimedRecheck,
    next_: NextLook,
    outcome: str,
    *,
    error: str | None = None,
    source: PageSource | None = None,
) -> LookRecord:
    return LookRecord(
        article_id=recheck.id,
        outcome=outcome,
        error=error,
        step=next_.step,
        due_at=next_.due_at,
        failures=next_.failures,
        missing=next_.missing,
        source=source,
    )


def _held(session: Session, article_id: int) -> _Held | None:
    try:
        article = articles.get(session, article_id)
    except UnknownArticle:
        return None
    return _Held(article.title, article.text, article.extraction)


def _unread(answer: HttpAnswer) -> Finding:
    return Finding(look_of(answer.outcome), answer.outcome, answer.error, retry_after=answer.retry_after)


def _state(recheck: ClaimedRecheck) -> LookState:
    return LookState(recheck.first_fetched_at, recheck.step, recheck.failures, recheck.missing)
