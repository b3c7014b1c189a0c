"""`crawler.judging`: where a crawl judges, and that it is the same judge everywhere."""

from __future__ import annotations

import asyncio
from collections.abc import Sequence
from datetime import date

import pytest
from msgspec.structs import replace
from shipped_judge import JUDGE

from crawler.classify import Judge
from crawler.feed import parse_feed
from crawler.judged import Judged, Words, judged, triaged
from crawler.judging import MOST, Judging
from crawler.listing import listing_of
from crawler.workers import Workers, WorkTooHeavyError

SYRIA = Words(
    title="Truce near Deir ez-Zor holds",
    text="The Syrian army and the Syrian Democratic Forces kept a truce around Mayadin in Syria, residents said. " * 4,
    language="en",
    day=date(2026, 3, 1),
    author="Northpost, with agencies",
    summary="",
    url="https://northpost.example/truce",
)
RAIN = Words("Rain expected", "Rain is expected in the valley on Monday.", "en", date(2026, 3, 1), None, "", None)


def by_workers(*texts: Words, own: Judge | None = None, seconds: float = 60.0) -> list[Judged]:
    async def main() -> list[Judged]:
        workers = Workers(count=1, seconds=seconds, memory_mb=2048, judges=own is None)
        try:
            judging = Judging(own, workers)
            return await asyncio.gather(*map(judging.run, texts))
        finally:
            workers.close()

    return asyncio.run(main())


def test_workers_judge_as_this_process_does_and_each_gets_his_own() -> None:
    texts = [SYRIA if number % 5 == 0 else RAIN for number in range(2 * MOST + 3)]
    assert by_workers(*texts) == [judged(JUDGE, words) for words in texts]


def test_only_what_is_stored_is_made_more_of() -> None:
    match, other, kept = by_workers(
        SYRIA, RAIN, Words("Rain", RAIN.text, "en", date(2026, 3, 1), None, "", None, kept=True)
    )
    assert match.matched
    assert match.made is not None
    assert {"deir-ez-zor", "sdf"} <= {one.name for one in match.made.mentions}
    assert match.made.signature is not None
    assert not other.matched
    assert other.made is None
    assert kept.made is not None
    assert kept.made.mentions == ()
    assert kept.made.words == 8


def test_a_judge_of_the_user_s_own_judges_here() -> None:
    """Its files may be edited while a crawl runs; a worker would read them anew."""
    own = Judge.load()
    own.version = "mine"
    assert [one.model for one in by_workers(SYRIA, RAIN, own=own)] == ["mine", "mine"]


class Reluctant(Workers):
    """Workers that never end with one article."""

    async def judge(self, several: Sequence[Words]) -> list[Judged]:
        if any(words.title == "Endless" for words in several):
            raise WorkTooHeavyError("no result after 20 s")
        return [judged(JUDGE, words) for words in several]


def test_one_that_takes_too_long_costs_only_itself() -> None:
    async def main() -> None:
        judging = Judging(None, Reluctant(count=1, seconds=20, memory_mb=2048))
        texts = [SYRIA, replace(RAIN, title="Endless"), RAIN]
        first, endless, last = await asyncio.gather(*map(judging.run, texts), return_exceptions=True)
        assert isinstance(endless, WorkTooHeavyError)
        assert [first, last] == [judged(JUDGE, SYRIA), judged(JUDGE, RAIN)]

    asyncio.run(main())


@pytest.mark.parametrize("judges", [True, False])
def test_a_worker_that_lists_a_document_triages_its_entries(judges: bool) -> None:
    items = "".join(
        f"<item><title>{title}</title><link>https://northpost.example/{path}</link><description>{text}</description></item>"
        for title, path, text in [
            ("Truce in Aleppo", "1", "Fighters left the Syrian city."),
            ("Rain expected", "2", "It will rain."),
            ("", "raqqa-bridge-syria-opens", "The bridge is open."),
        ]
    )
    body = f"<rss version='2.0'><channel><title>Northpost</title>{items}</channel></rss>".encode()
    address = "https://northpost.example/feed"

    async def main() -> None:
        workers = Workers(count=1, seconds=60, memory_mb=2048, judges=judges)
        try:
            _, listing = await workers.list_feed(body, url=address, content_type=None, feed_url=address, language="en")
        finally:
            workers.close()
        alone = listing_of(parse_feed(body, url=address, content_type=None), feed_url=address, language="en").entries
        if judges:
            assert [entry.triage for entry in listing.entries] == [triaged(JUDGE, entry) for entry in alone]
            assert [entry.triage is not None and entry.triage.candidate for entry in listing.entries] == [
                True, False, True,
            ]  # fmt: skip
        else:
            assert listing.entries == alone

    asyncio.run(main())
