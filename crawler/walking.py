"""Walking through a publisher's past: one document, one answer, its entries in the ledger, where it leads. The road of `crawler.spiders.feeds` carries it.

What belongs to the days that were asked for, and what leads on, is decided by `crawler.backfill`, in a worker; here it is asked for and recorded.
"""

from __future__ import annotations

import logging
from collections import Counter
from collections.abc import Callable, Iterable
from dataclasses import asdict, dataclass, replace
from datetime import datetime, timedelta
from typing import TYPE_CHECKING, Any

from msgspec import structs
from scrapy import Request

from crawler.answers import HttpAnswer, read_failure, read_response
from crawler.backfill import USUAL_PLACES, Document, Lead, read_document
from crawler.outcomes import Outcome
from crawler.record import FeedReading
from crawler.robots import origin_of
from crawler.urls import canonical_url, redact, registered_domain
from crawler.workers import WorkTooHeavyError
from storage import walks

if TYPE_CHECKING:
    from scrapy.http import Response
    from sqlalchemy.orm import Session
    from twisted.python.failure import Failure

    from crawler.daysnamed import Span
    from crawler.record import Recorder
    from crawler.watch import Watch
    from storage.feeds import FeedForPoll
    from storage.walks import PublisherFeed

logger = logging.getLogger(__name__)

MOST_DOCUMENTS = 2_000  # asked for in one run; the next goes on behind them
MOST_KNOWN = 100_000  # addresses of documents: indexes of indexes may name two thousand times five thousand
MOST_SITES = 5  # of one publisher; more are a hosting service's
FRESH = timedelta(days=7)  # for so long a document that was read whole is not asked for again
BATCH = 1_000  # entries in one transaction: some 50 ms in which nobody else writes
# what a document that was only guessed at is not blamed for
_NOT_THERE = frozenset({Outcome.NOT_FOUND, Outcome.GONE, Outcome.NOT_A_FEED, Outcome.ROBOTS})
ACCEPT = "application/xml, application/atom+xml, application/rss+xml, application/feed+json, */*;q=0.5"


@dataclass(frozen=True, slots=True)
class Step:
    """A lead with the feed whose publisher it belongs to. `opens` the site: its robots.txt is known after it."""

    lead: Lead
    feed: PublisherFeed
    opens: bool = False


class Walk:
    """One walk: what was asked for, what is known, what was found. `request` makes a request of a step for a document."""

    def __init__(
        self,
        watch: Watch,
        feeds_: Iterable[PublisherFeed],
        span: Span,
        recorder: Recorder,
        *,
        request: Callable[..., Request],
    ) -> None:
        self.watch, self.span, self.recorder = watch, span, recorder
        self.feeds = tuple(feeds_)
        self.sites = frozenset(
            registered_domain(url) for feed in self.feeds for url in (feed.url, feed.homepage) if url
        )
        self.counts: Counter[str] = Counter(documents=0, documents_read=0, documents_known=0, documents_failed=0)
        self.candidates = 0
        self._request = request
        self._seen: set[str] = set()
        self._origins: set[str] = set()

    # --- where to look ---

    async def begin(self) -> list[Request]:
        """Requests for each feed and for each site's sitemap."""
        self.candidates += await self.watch.write(walks.waiting, now=self.watch.now())
        steps = [Step(Lead(feed.url, "page"), feed) for feed in self.feeds]
        for feed in self.feeds:
            steps += self._site(feed.homepage or feed.url, feed)
        return await self.requests(steps)

    def _site(self, url: str, feed: PublisherFeed) -> list[Step]:
        """The first question to a site that was not asked before: the usual sitemap, by which its robots.txt is known, too."""
        origin = origin_of(url)
        if origin in self._origins or len(self._origins) >= MOST_SITES or not canonical_url(url):
            return []
        self._origins.add(origin)
        self.sites |= {registered_domain(url)}
        return [Step(Lead(f"{origin}/sitemap.xml", "sitemap"), feed, opens=True)]

    async def requests(self, steps: Iterable[Step]) -> list[Request]:
        """Requests for what was not asked for in this walk; behind what an earlier one read, for what that led to."""
        asked: list[Request] = []
        waiting = self._unseen(steps)
        while waiting:
            known = await self._known([url for url, step in waiting if not step.opens])
            led: list[Step] = []
            for url, step in waiting:
                if url in known:
                    led += [replace(step, lead=_lead_from(row)) for row in known[url]]
                elif self.counts["documents"] >= MOST_DOCUMENTS:
                    self.counts["capped_documents"] += 1
                else:
                    self.counts["documents"] += 1
                    asked.append(self._ask(url, step))
            self.counts["documents_known"] += len(known)
            waiting = self._unseen(led)
        return asked

    def _unseen(self, steps: Iterable[Step]) -> list[tuple[str, Step]]:
        """Those that this walk meets for the first time, with the address of each as it is asked and kept."""
        found = []
        for step in steps:
            canonical = canonical_url(step.lead.url)
            if canonical is not None and canonical not in self._seen and len(self._seen) < MOST_KNOWN:
                self._seen.add(canonical)
                found.append((step.lead.url if _is_feed(step.lead) else canonical, step))
        return found

    def _with_room(self, leads: tuple[Lead, ...]) -> tuple[Lead, ...]:
        """As many of these as one walk may still get to know; the others are neither followed nor kept."""
        room = max(0, MOST_KNOWN - len(self._seen))
        if len(leads) > room:
            self.counts["capped_documents"] += len(leads) - room
        return leads[:room]

    async def _known(self, urls: list[str]) -> dict[str, list[dict[str, Any]]]:
        since, until, after = self.span.first, self.span.last, self.watch.now() - FRESH
        return await self.watch.write(walks.leads_of, urls=urls, since=since, until=until, read_after=after)

    def _ask(self, url: str, step: Step) -> Request:
        return self._request(
            url,
            headers={"Accept": ACCEPT},
            cb_kwargs={"step": replace(step, lead=replace(step.lead, url=url))},
            # a feed is published to be polled; sitemaps and the feed's other pages keep to robots.txt
            meta={"dont_obey_robotstxt": _is_feed(step.lead), "download_maxsize": self.watch.config.feed_max_bytes},
            priority=1,
        )

    # --- what came ---

    async def answered(self, response: Response, step: Step) -> list[Request]:
        """Read a document, write what it lists, and go where it leads."""
        answer = read_response(response, at=self.watch.now())
        document = None
        if answer.outcome is Outcome.OK:
            answer, document = await self._read(answer, step)
        return await self._through(answer, step, document)

    async def failed(self, failure: Failure, step: Step) -> list[Request]:
        """No answer: it is written down, and the next walk asks again."""
        answer = read_failure(failure.value, at=self.watch.now())
        return await self._through(answer, step, None)

    async def _read(self, answer: HttpAnswer, step: Step) -> tuple[HttpAnswer, Document | None]:
        try:
            document = await self.watch.workers.run(
                read_document, answer.body, url=answer.final_url or step.lead.url, content_type=answer.content_type,
                lead=step.lead, span=self.span, sites=self.sites,
            )  # fmt: skip
        except WorkTooHeavyError as error:
            return replace(answer, outcome=Outcome.PARSE_TIMEOUT, error=str(error)), None
        if not document.feed.is_feed:
            outcome = Outcome.TOO_LARGE if document.feed.too_large else Outcome.NOT_A_FEED
            return replace(answer, outcome=outcome, error="; ".join(document.feed.problems)[:300]), None
        return answer, document

    async def _through(self, answer: HttpAnswer, step: Step, document: Document | None) -> list[Request]:
        url, leads = step.lead.url, self._with_room(document.leads) if document else ()
        row = await self.watch.write(walks.open_document, url=url, feed=step.feed, now=answer.at)
        new = await self._write(row, answer, document, leads)
        if document is not None:
            self.counts["documents_read"] += 1
        elif not self._is_guess(step) or answer.outcome not in _NOT_THERE:
            self.counts["documents_failed"] += 1
        logger.info(
            "walked outcome=%s listed=%d wanted=%d new=%d foreign=%d undated=%d leads=%d url=%s", answer.outcome,
            document.listed if document else 0, len(document.feed.entries) if document else 0, new,
            document.foreign if document else 0, document.undated if document else 0, len(leads), redact(url),
        )  # fmt: skip
        steps = [replace(step, lead=lead, opens=False) for lead in leads]
        if document and document.feed.homepage and step.lead.kind == "page":
            steps += self._site(document.feed.homepage, step.feed)
        if step.opens:
            steps += self._named(answer, step, found=document is not None)
        return await self.requests(steps)

    def _named(self, answer: HttpAnswer, step: Step, *, found: bool) -> list[Step]:
        """The sitemaps that the site's robots.txt names; the usual names where it names none and the first is not there."""
        origins = dict.fromkeys(origin_of(url) for url in (step.lead.url, answer.final_url) if url)
        files = [known for origin in origins if (known := self.watch.robots.known(origin)) is not None]
        named = [url for _, rules in files for url in rules.sitemaps]
        if not named and not found:
            named = [origin + place for origin in origins for place in USUAL_PLACES]
        return [Step(Lead(url, "sitemap"), step.feed) for url in named]

    def _is_guess(self, step: Step) -> bool:
        """Whether nobody said that this document is there: a usual place, or the page after WordPress's last one."""
        lead = step.lead
        usual = any(lead.url == origin + place for origin in self._origins for place in USUAL_PLACES)
        return step.opens or usual or (lead.kind == "page" and f"paged={lead.number}" in lead.url)

    async def _write(
        self, row: FeedForPoll, answer: HttpAnswer, document: Document | None, leads: Iterable[Lead]
    ) -> int:
        """What a document lists goes into the ledger in batches; with the last of them it counts as read."""
        wanted = document.feed.entries if document else ()
        new = 0
        # a page of the past adds to what its feed lists and replaces nothing: like a delta
        reading = FeedReading(row, replace(answer, delta=True), answer.outcome)
        batches = [wanted[start : start + BATCH] for start in range(0, len(wanted), BATCH)] if document else []
        for batch in batches:
            part = replace(reading, parsed=structs.replace(document.feed, entries=batch)) if document else reading
            found, candidates = await self.watch.write(self._note, part, now=answer.at)
            new += found
            self.candidates += candidates
        await self.watch.write(self._end, row, answer, document, list(leads))
        self.counts.update(entries=len(wanted), new=new)
        return new

    def _note(self, session: Session, reading: FeedReading, *, now: datetime) -> tuple[int, int]:
        [shown] = self.recorder.note(session, [(reading, now)])
        return len(shown.new_ids), shown.candidates

    def _end(
        self, session: Session, row: FeedForPoll, answer: HttpAnswer, document: Document | None, leads: list[Lead]
    ) -> None:
        if document is None:
            walks.record_failure(session, feed_id=row.id, outcome=answer.outcome, error=answer.error, now=answer.at)
            return
        walks.record_read(
            session, feed_id=row.id, days=(self.span.first, self.span.last), listed=document.listed,
            wanted=len(document.feed.entries), leads=[_lead_as_row(lead) for lead in leads], now=answer.at,
        )  # fmt: skip


def _is_feed(lead: Lead) -> bool:
    """Whether this is a watched feed itself, which has its row under the address that its user gave."""
    return lead.kind == "page" and lead.number == 1


def _lead_as_row(lead: Lead) -> dict[str, Any]:
    row = asdict(lead)
    return row | {"changed_at": lead.changed_at.isoformat() if lead.changed_at else None}


def _lead_from(row: dict[str, Any]) -> Lead:
    changed = row.get("changed_at")
    return Lead(**{**row, "changed_at": datetime.fromisoformat(changed) if changed else None})
