"""Reading what a feed's address gave: nothing new, a parsed feed, or a reason why there is none."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING

from crawler import polling
from crawler.challenges import challenge_in
from crawler.record import FeedReading
from crawler.workers import WorkTooHeavyError

if TYPE_CHECKING:
    from crawler.answers import HttpAnswer
    from crawler.workers import Workers
    from storage.feeds import FeedForPoll


async def read_feed(workers: Workers, feed: FeedForPoll, answer: HttpAnswer) -> FeedReading:
    """The reading of an answer, which holds no body any more; a document is parsed in a worker."""
    body, answer = answer.body, answer.read()
    if answer.outcome is not polling.Outcome.OK:
        return FeedReading(feed, answer, answer.outcome)
    if not answer.delta and answer.body_hash == feed.body_hash:
        return FeedReading(feed, answer, polling.Outcome.SAME_BODY)
    try:
        parsed, listing = await workers.list_feed(
            body,
            url=answer.final_url or feed.url,
            content_type=answer.content_type,
            feed_url=feed.key_url or feed.url,
            language=feed.language,
        )
    except WorkTooHeavyError as error:
        return FeedReading(feed, replace(answer, error=str(error)), polling.Outcome.PARSE_TIMEOUT)
    if parsed.too_large:
        return FeedReading(feed, replace(answer, error=parsed.problems[0]), polling.Outcome.TOO_LARGE)
    if not parsed.is_feed:
        if name := challenge_in(bytes(body)):
            blocked = replace(answer, error=f"HTTP {answer.http_status}, a challenge of {name}")
            return FeedReading(feed, blocked, polling.Outcome.BLOCKED)
        problem = "; ".join(parsed.problems)[:300] or "neither a feed nor an entry in it"
        return FeedReading(feed, replace(answer, error=problem), polling.Outcome.NOT_A_FEED)
    return FeedReading(feed, answer, polling.Outcome.OK, parsed, listing)
