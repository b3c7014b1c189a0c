"""Stories: one event once, with all who carried it; copies, tellings in other words and languages, and who is independent.

All outlets, places of publication and reports are invented; the texts go the whole road of a match but for the network.
"""

from __future__ import annotations

import random
from collections.abc import Sequence
from contextlib import closing
from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest
from command import Desk
from sqlalchemy import select
from storage_samples import DAY, HOUR, NOW, add_feed, list_entries, record, seen, store_verdicts, verdict

from crawler import similar
from crawler.event_keys import event_keys
from crawler.mentions import kinds, mention_records, shipped_tagger, sure_names
from crawler.syndication import family_of, find_credit
from storage import articles, retention, same_event, search, stories, story_list
from storage.db import Database, open_database
from storage.errors import UnknownStory
from storage.models import (
    ARTICLES,
    BANDS,
    CARRIERS,
    CLOCKS,
    ENTRIES,
    EVENT_KEYS,
    EVIDENCE_TERMS,
    MENTIONS,
    STORIES,
    VERDICTS,
)

WIRE = (
    "Shells hit the vegetable market of Maarat al-Numan in Idlib on Monday morning, killing nine people and wounding 23, rescuers "
    "of the White Helmets said. Traders had just opened their stalls when the first of four rounds landed beside a bakery. "
    "The town's hospital asked for blood and sent the worst wounded north to Saraqib. Nobody claimed the attack at once, and "
    "the army did not answer questions. A resident said that the market had been hit twice since spring, and that many "
    "families now buy their bread before dawn. Schools stayed closed for the day, the local council said."
)
TOLD = (
    "At least nine people died and 23 were wounded on Monday when artillery rounds struck a vegetable market in Maarat al-Numan, "
    "Idlib. White Helmets volunteers dug through the stalls for survivors. Doctors called on residents to give blood, while the "
    "council shut every school. It was the third attack on the market this year, and a deputy of the council asked the United "
    "Nations to send observers to the town before the winter, when the road to the north is often closed by snow and mud."
)
ARABIC = (
    "قتل تسعة أشخاص وأصيب 23 آخرون صباح الاثنين في قصف مدفعي استهدف سوق الخضار في مدينة معرة النعمان بريف إدلب، بحسب الخوذ "
    "البيضاء. وأطلق مستشفى المدينة نداء للتبرع بالدم ونقل أصحاب الإصابات الخطيرة إلى سراقب. وأغلقت المدارس أبوابها."
)
ELSEWHERE = (
    "Farmers around Qamishli in Hasakah began to sow wheat on Monday, two weeks late, because fuel for the pumps had not come. The "
    "Asayish opened the road to the silos again. A cooperative said that it expects half of the harvest of a good year and "
    "asked for seed from the north. Traders in the town sold diesel at twice the price of spring, and a baker said that he "
    "mixes maize into the flour. The council promised a delivery of fuel within the week, as it had promised before."
)


COPIES: dict[str, Any] = {
    "nearness": similar.nearness,
    "near_copy": similar.LIKELY,
    "confirm": similar.copy_similarity,
}


class Newsstand:
    """A database to which reports come in, each an hour after the one before."""

    def __init__(self, database: Database) -> None:
        self.database = database
        self.feed_id = add_feed(database)
        self.number = 0

    def print(
        self, publisher: str, text: str, title: str = "Shells hit market in Maarat al-Numan", **values: Any
    ) -> int:
        """Store a report as the pipeline would; returns its id."""
        one = self.report(publisher, text, title, **values)
        with self.database.write() as session:
            articles.store_match(session, one, now=one.first_seen_at, **COPIES)
        return one.entry_id

    def report(
        self, publisher: str, text: str, title: str = "Shells hit market in Maarat al-Numan", **values: Any
    ) -> articles.ArticleRecord:
        """A report of an entry that is in the ledger, not stored yet."""
        self.number += 1
        at = values.pop("at", NOW + self.number * HOUR)
        url = values.pop("url", f"https://{publisher.lower().replace(' ', '-')}.org/{self.number}")
        entry_id = values.pop("entry_id", None)
        if entry_id is None:
            [entry_id] = list_entries(self.database, self.feed_id, seen(self.number), now=at)
        language, author = values.pop("language", "en"), values.pop("author", None)
        tags = shipped_tagger().tag(title, text, language, at.date())
        credit = find_credit(author=author, text=text, url=url)
        signature = similar.signature(text)
        return record(
            entry_id, url=url, publisher=publisher, title=title, text=text, language=language, author=author,
            published_at=at, first_seen_at=at, signature=signature, bands=similar.bands(signature) if signature else (),
            mentions=mention_records(tags), family=family_of(url), agency=credit.agency if credit else None,
            credit=credit.text if credit else None,
            event_keys=event_keys(title, text, sure_names(tags), kinds()), **values,
        )  # fmt: skip

    def role(self, entry_id: int) -> tuple[int, str]:
        """The story and the role of an article."""
        with self.database.read() as session:
            row = session.execute(select(ARTICLES.c.story_id, ARTICLES.c.role).where(ARTICLES.c.id == entry_id)).one()
        return row.story_id, row.role

    def page(self, story_id: int) -> story_list.StoryPage:
        """The story as analysts read it."""
        with self.database.read() as session:
            return story_list.page(session, story_id)

    def list(self, **values: Any) -> Sequence[story_list.StoryRow]:
        """The list of stories."""
        with self.database.read() as session:
            return story_list.biggest(session, **values)


@pytest.fixture
def stand(database: Database) -> Newsstand:
    """An empty newsstand."""
    return Newsstand(database)


def cut(text: str, sentences: int) -> str:
    return ". ".join(text.split(". ")[:sentences]) + "."


# --- copies ---


@pytest.mark.parametrize(
    "edited",
    [
        WIRE,
        "BEIRUT (AP) — " + WIRE,
        "Our correspondent reports. " + WIRE.replace("wounding", "injuring").replace("at once", "immediately"),
        ". ".join([*WIRE.split(". ")[3:], *WIRE.split(". ")[:3]]),
        cut(WIRE, 4),
    ],
)
def test_an_edited_copy_is_linked_to_what_it_repeats(stand: Newsstand, edited: str) -> None:
    first = stand.print("North Post", WIRE)
    copy = stand.print("South Post", edited)
    assert stand.role(copy) == (stand.role(first)[0], "copy")
    member = stand.page(stand.role(first)[0]).members[1]
    assert (member.copy_of, member.role) == (first, "copy")
    assert 0.4 <= (member.similarity or 0) <= 1


def test_the_bulletin_of_another_day_is_no_copy(stand: Newsstand) -> None:
    form = (
        "The exchange office of the capital fixed these rates this morning: the dollar at {} pounds to buy and {} to sell, the euro at {} "
        "and {}, the lira at {} and {}. Gold of 21 carats stood at {} a gram. Traders in the old market said that few came "
        "to buy, that banks were closed for the feast, and that the central bank had sent no new notes to the provinces."
    )
    first = stand.print("North Post", form.format(*range(13_000, 13_007)), title="Rates on Monday in Damascus")
    other = stand.print("South Post", form.format(*range(14_100, 14_107)), title="Rates on Tuesday in Damascus")
    assert stand.role(other)[1] != "copy"
    assert stand.role(first)[1] == "original"


def test_texts_of_fewer_words_than_48_are_no_copies(stand: Newsstand) -> None:
    short = " ".join(WIRE.split()[:40])
    stand.print("North Post", short, title="One")
    assert stand.role(stand.print("South Post", short, title="Two"))[1] != "copy"


def test_two_pieces_of_one_publisher_that_share_a_form_are_no_copies(stand: Newsstand) -> None:
    appeal = " ".join(WIRE.split()[20:])
    stand.print(
        "North Post", "Wheat was sown around the town this week, farmers said on Monday. " + appeal, title="Wheat"
    )
    other = "A bridge was opened in the east after three years of work. Lorries crossed it at noon. " + appeal
    assert stand.role(stand.print("North Post", other, title="Bridge"))[1] != "copy"


@pytest.mark.parametrize(("later", "role"), [(29 * DAY, "copy"), (31 * DAY, "original")])
def test_copies_are_looked_for_in_30_days(stand: Newsstand, later: timedelta, role: str) -> None:
    stand.print("North Post", WIRE, at=NOW)
    assert stand.role(stand.print("South Post", WIRE, at=NOW + later))[1] == role


def test_a_copy_is_found_whatever_the_order_in_which_two_feeds_of_one_moment_were_written(stand: Newsstand) -> None:
    """Polls end at one moment and are written in another order: the lower id may have been seen a little later."""
    first = stand.print("North Post", WIRE, at=NOW + timedelta(milliseconds=2))
    assert stand.role(stand.print("South Post", WIRE, at=NOW)) == (stand.role(first)[0], "copy")


def test_a_copy_of_a_copy_leads_back_to_the_first(stand: Newsstand) -> None:
    words = WIRE.split()
    first = stand.print("North Post", WIRE)
    second = stand.print("South Post", " ".join([*words[18:], *["again"] * 4]))
    third = stand.print("East Post", " ".join([*words[18:], *["again"] * 4]))
    members = stand.page(stand.role(first)[0]).members
    assert [(member.article_id, member.copy_of) for member in members] == [
        (first, None),
        (second, first),
        (third, second),
    ]
    with stand.database.read() as session:
        assert set(session.scalars(select(CARRIERS.c.root_id))) == {first}


# --- one event ---


def test_another_telling_of_an_event_is_related(stand: Newsstand) -> None:
    first = stand.print("North Post", WIRE)
    other = stand.print("South Post", ELSEWHERE, title="Farmers near Qamishli sow late")
    told = stand.print("East Post", TOLD, title="Nine dead as shells strike Maarat al-Numan market")
    assert stand.role(told) == (stand.role(first)[0], "related")
    assert stand.role(other)[1] == "original"
    assert stand.role(other)[0] != stand.role(first)[0]
    assert stand.page(stand.role(first)[0]).story.publishers == 2


def test_an_event_is_one_across_languages(stand: Newsstand) -> None:
    first = stand.print("North Post", WIRE)
    stand.print("South Post", ELSEWHERE, title="Farmers near Qamishli sow late")
    arabic = stand.print("East Post", ARABIC, title="قصف سوق في معرة النعمان", language="ar")
    assert stand.role(arabic) == (stand.role(first)[0], "related")


def test_another_language_about_other_places_is_another_story(stand: Newsstand) -> None:
    stand.print("North Post", ELSEWHERE, title="Farmers near Qamishli sow late")
    assert stand.role(stand.print("East Post", ARABIC, title="قصف سوق في معرة النعمان", language="ar"))[1] == "original"


@pytest.mark.parametrize(("later", "role"), [(70 * HOUR, "related"), (74 * HOUR, "original")])
def test_an_event_lasts_72_hours(stand: Newsstand, later: timedelta, role: str) -> None:
    stand.print("North Post", WIRE, at=NOW)
    assert stand.role(stand.print("East Post", TOLD, at=NOW + later))[1] == role


def test_what_was_dated_long_ago_finds_its_own_time(stand: Newsstand) -> None:
    """A backfill: the plausible time counts, not the time of reading."""
    stand.print("North Post", WIRE, at=NOW)
    [entry_id] = list_entries(stand.database, stand.feed_id, seen(900), now=NOW + HOUR)
    then = stand.print("East Post", TOLD, at=NOW - 300 * DAY, entry_id=entry_id)
    assert stand.role(then)[1] == "original"


def test_a_story_keeps_its_id_when_its_first_text_is_read_again(stand: Newsstand) -> None:
    first = stand.print("North Post", WIRE)
    before = stand.role(first)
    stand.print("South Post", WIRE)
    stand.print("North Post", ELSEWHERE, title="Another text", entry_id=first)
    assert stand.role(first) == before


def test_a_summary_that_stood_beside_a_story_may_turn_out_to_be_its_copy(stand: Newsstand) -> None:
    first = stand.print("North Post", WIRE)
    late = stand.print("South Post", cut(TOLD, 2), extraction="summary-only")
    assert stand.role(late)[1] == "related"
    stand.print("South Post", WIRE, entry_id=late)
    assert stand.role(late) == (stand.role(first)[0], "copy")
    with stand.database.read() as session:
        assert stories.get(session, stand.role(first)[0]).members == 2


# --- several at once ---


def told(database: Database) -> dict[str, list[tuple[Any, ...]]]:
    """All that is stored of articles, stories and what is found by them."""
    asked = {
        "articles": select(
            ARTICLES.c.id, ARTICLES.c.story_id, ARTICLES.c.role, ARTICLES.c.text_hash, ARTICLES.c.sort_key
        ),
        "stories": select(
            *(STORIES.c[name] for name in ("id", "title", "members", "publishers", "first_at", "last_at"))
        ),
        "carriers": select(*CARRIERS.c),
        "mentions": select(*(MENTIONS.c[name] for name in ("entry_id", "name", "field", "start"))),
        "clocks": select(*(CLOCKS.c[name] for name in ("article_id", "clock", "source", "at"))),
        "verdicts": select(*(VERDICTS.c[name] for name in ("entry_id", "topic", "score", "current"))),
        "terms": select(*(EVIDENCE_TERMS.c[name] for name in ("entry_id", "topic", "term", "needed"))),
        "entries": select(ENTRIES.c.id, ENTRIES.c.state, ENTRIES.c.syria_score, ENTRIES.c.finished_at),
    }
    with database.read() as session:
        rows = {name: [tuple(row) for row in session.execute(query)] for name, query in asked.items()}
        found = {"found": [(match.article_id,) for match in search.search(session, search.Filters(words="market"))]}
    return {name: sorted(some, key=str) for name, some in (rows | found).items()}


def test_articles_that_come_together_stand_as_if_each_came_alone(stand: Newsstand, tmp_path: Path) -> None:
    reports = [
        ("North Post", WIRE, {}),
        ("South Post", WIRE, {"author": "Reuters"}),  # so what the first carried was the agency's
        ("East Post", cut(WIRE, 4), {"at": NOW - HOUR}),
        ("West Post", TOLD, {}),
        ("Hill Post", ARABIC, {"language": "ar", "title": "قصف سوق معرة النعمان"}),
        ("Farm Post", ELSEWHERE, {"title": "Farmers sow late"}),
        ("Dale Post", TOLD, {}),
        ("North Post", WIRE + " More soon.", {}),
        ("Lake Post", WIRE, {"author": "Ann Roe, AFP"}),
        ("Glen Post", ELSEWHERE, {"title": "Farmers sow late"}),
    ]
    with closing(open_database(f"sqlite:///{tmp_path / 'alone.db'}")) as database:
        database.ensure_schema(upgrade=True)
        alone = Newsstand(database)
        for record_ in [alone.report(publisher, text, **values) for publisher, text, values in reports]:
            with database.write() as session:
                articles.store_match(session, record_, now=NOW + DAY, **COPIES)
        expected = told(database)
    together = [stand.report(publisher, text, **values) for publisher, text, values in reports]
    with stand.database.write() as session:
        placed = articles.store_matches(session, together, now=NOW + DAY, **COPIES)
    assert told(stand.database) == expected
    assert [one is not None and one.role for one in placed].count("copy") == 6
    with stand.database.write() as session:  # what was counted step by step is what counting anew gives
        stories.recount(session, session.scalars(select(STORIES.c.id)).all(), now=NOW + DAY)
    assert told(stand.database)["stories"] == expected["stories"]


@pytest.mark.parametrize("seed", range(6))
def test_whatever_comes_together_stands_as_if_it_came_alone(stand: Newsstand, tmp_path: Path, seed: int) -> None:
    """Copies of copies, cut ones, credits, tellings, hours and days apart, stored in batches of any size, some again with a better text."""
    with closing(open_database(f"sqlite:///{tmp_path / 'alone.db'}")) as database:
        database.ensure_schema(upgrade=True)
        _store_in_batches(Newsstand(database), random.Random(seed), together=False)
        expected = told(database)
    _store_in_batches(stand, random.Random(seed), together=True)
    assert told(stand.database) == expected
    assert len({row[1] for row in expected["articles"]}) < len(expected["articles"]), "some joined a story"


def _store_in_batches(stand: Newsstand, chance: random.Random, *, together: bool) -> None:
    waiting = [_any_report(stand, chance) for _ in range(30)]
    for again in chance.sample(waiting, 6):
        better = stand.report(
            again.publisher, chance.choice(TEXTS), again.title, entry_id=again.entry_id, at=again.first_seen_at
        )
        waiting.insert(chance.randrange(waiting.index(again) + 1, len(waiting) + 1), better)
    while waiting:
        size, batch = chance.randrange(1, 9), []
        while waiting and len(batch) < size and waiting[0].entry_id not in {one.entry_id for one in batch}:
            batch.append(waiting.pop(0))
        for some in [batch] if together else [[one] for one in batch]:
            with stand.database.write() as session:
                articles.store_matches(session, some, now=NOW + 90 * DAY, **COPIES)


TEXTS = (WIRE, TOLD, ELSEWHERE, ARABIC, cut(WIRE, 4), WIRE + " More soon.", "DAMASCUS, SANA - " + WIRE, cut(TOLD, 2))


def _any_report(stand: Newsstand, chance: random.Random) -> articles.ArticleRecord:
    text = chance.choice(TEXTS)
    return stand.report(
        chance.choice(["North Post", "South Post", "East Post", "Hill Post", "Lake Post"]),
        text,
        "قصف سوق معرة النعمان"
        if text is ARABIC
        else chance.choice(["Shells hit market in Maarat al-Numan", "Farmers sow late"]),
        language="ar" if text is ARABIC else "en",
        author=chance.choice([None, None, None, "Reuters", "Ann Roe, AFP"]),
        at=NOW
        + chance.choice([0, 1, 5, 60, 71, 80, 24 * 29, 24 * 31]) * HOUR
        + chance.randrange(3000) * timedelta(seconds=1),
        extraction=chance.choice(["full", "full", "summary-only"]),
    )


# --- who is independent ---


def test_forty_copies_of_one_agency_line_count_as_one(stand: Newsstand) -> None:
    line = "DAMASCUS, SANA - " + WIRE
    ids = [stand.print(f"Paper {number}", line if number % 2 else WIRE) for number in range(40)]
    page = stand.page(stand.role(ids[0])[0])
    assert (page.story.articles, page.story.publishers) == (40, 1)
    assert page.sources == (story_list.Source("agency sana", "Paper 0", 40),)
    assert page.members[1].credit == "DAMASCUS, SANA -"
    stand.print("Paper 0", WIRE, entry_id=ids[0])  # read again
    assert [row.publishers for row in stand.list()] == [1]


def test_two_outlets_of_one_owner_and_two_texts_of_one_agency_count_once(stand: Newsstand) -> None:
    stand.print("BBC News", WIRE, url="https://www.bbc.co.uk/news/1")
    stand.print("BBC Arabic", TOLD, url="https://www.bbc.com/arabic/1")
    assert stand.list()[0].publishers == 1
    stand.print("East Post", TOLD, author="Reuters")  # so what BBC Arabic carried was not its own
    stand.print("South Post", cut(TOLD, 3) + " " + cut(WIRE, 2), author="Ann Roe, Reuters")
    [story] = stand.list()
    assert (story.articles, story.publishers) == (4, 2)


def test_copies_without_a_credit_count_as_the_first_publisher(stand: Newsstand) -> None:
    first = stand.print("North Post", WIRE)
    stand.print("South Post", WIRE)
    stand.print("East Post", TOLD)
    page = stand.page(stand.role(first)[0])
    assert [(source.source, source.first_publisher, source.articles) for source in page.sources] == [
        ("site north-post.org", "North Post", 2),
        ("site east-post.org", "East Post", 1),
    ]


def test_on_one_machine_publishers_are_told_apart_by_name(stand: Newsstand) -> None:
    first = stand.print("North Post", WIRE, url="http://127.0.0.1:8000/a")
    stand.print("East Post", TOLD, url="http://127.0.0.1:8000/b")
    assert stand.page(stand.role(first)[0]).story.publishers == 2


def test_what_leaves_the_matches_no_longer_counts_and_may_come_back(stand: Newsstand) -> None:
    first = stand.print("North Post", WIRE)
    second = stand.print("South Post", WIRE)
    for score, number in ((0.1, 1), (0.9, 2)):
        with stand.database.write() as session:
            store_verdicts(session, entry_id=second, verdicts=[verdict("syria", score)], now=NOW + DAY)
        page = stand.page(stand.role(first)[0])
        assert (page.story.articles, len(page.members)) == (number, number)


# --- the list ---


def test_the_biggest_story_is_first_and_filters_hold(stand: Newsstand) -> None:
    small = stand.print("North Post", ELSEWHERE, title="Farmers sow late", at=NOW - 9 * DAY)
    big = stand.print("North Post", WIRE, at=NOW)
    stand.print("South Post", WIRE, at=NOW + HOUR)
    assert [row.story_id for row in stand.list()] == [stand.role(big)[0], stand.role(small)[0]]
    assert [row.story_id for row in stand.list(limit=1)] == [stand.role(big)[0]]
    assert [row.articles for row in stand.list(since=NOW.date())] == [2]
    assert [row.articles for row in stand.list(until=(NOW - 9 * DAY).date())] == [1]
    assert len(stand.list(topic="syria")) == 2
    assert stand.list(topic="isis") == []
    with pytest.raises(UnknownStory), stand.database.read() as session:
        story_list.page(session, 77)


def test_keys_are_forgotten_after_a_week(stand: Newsstand) -> None:
    stand.print("North Post", WIRE, at=NOW)
    stand.print("South Post", ELSEWHERE, title="Farmers sow late", at=NOW + 6 * DAY)
    with stand.database.write() as session:
        assert retention.prune(session, now=NOW + 8 * DAY) > 0
    with stand.database.read() as session:
        assert set(session.scalars(select(EVENT_KEYS.c.article_id))) == {2}


def test_bands_are_forgotten_after_the_window_of_copies_and_what_they_found_stays(stand: Newsstand) -> None:
    first = stand.print("North Post", WIRE, at=NOW)
    copy = stand.print("South Post", WIRE, at=NOW + HOUR)
    young = stand.print("East Post", ELSEWHERE, title="Farmers sow late", at=NOW + 10 * DAY)
    before = stand.page(stand.role(first)[0])

    def prune(days: int, batch: int = 1) -> int:
        with stand.database.write() as session:
            return retention.prune(session, now=NOW + days * DAY, batch=batch)

    while prune(30):  # what is compared with them still may come
        pass
    assert banded(stand) == {first, copy, young}
    assert [prune(38), prune(38), prune(38)] == [1, 1, 0]  # in small batches, the oldest first
    assert banded(stand) == {young}
    assert stand.page(stand.role(first)[0]) == before
    late = stand.print("West Post", WIRE, at=NOW + 38 * DAY)
    assert stand.role(late)[1] == "original"
    again = stand.print("North Post", ELSEWHERE, title="Farmers sow late", at=NOW + 38 * DAY)
    assert stand.role(again) == (stand.role(young)[0], "copy")


def banded(stand: Newsstand) -> set[int]:
    with stand.database.read() as session:
        return set(session.scalars(select(BANDS.c.article_id)))


def test_the_command_lists_stories_and_shows_one(stand: Newsstand, schema_url: str, tmp_path: Path) -> None:
    first = stand.print("North Post", "DAMASCUS, SANA - " + WIRE)
    stand.print("South \x1b[31mPost", WIRE, url="https://south-post.org/1")
    stand.print("East Post", TOLD)
    story = stand.role(first)[0]
    desk = Desk(tmp_path, schema_url)
    [row] = desk.json(
        "stories", "--format", "json", "--topic", "syria", "--since", "2026-11-24", "--until", "2026-11-30"
    )
    assert (row["story_id"], row["articles"], row["publishers"]) == (story, 3, 2)
    shown = desk.ok("stories", str(story))
    assert "3 articles of 2 independent publishers" in shown
    assert "  agency sana: 2 articles, first seen with North Post\n" in shown
    assert "  site east-post.org: 1 article, first seen with East Post\n" in shown
    assert f"copy of {first}" in shown
    assert "\x1b" not in shown
    page = desk.json("stories", str(story), "--format", "json")
    assert [member["role"] for member in page["members"]] == ["original", "copy", "related"]
    missing = desk.run("stories", "77")
    assert (missing.returncode, missing.stderr) == (1, b"levantwatch: no story 77; levantwatch stories lists them\n")


@pytest.mark.parametrize(
    ("source", "first", "name"),
    [
        ("publisher kıyı postası", "Kıyı Postası", "Kıyı Postası"),
        ("publisher north post", "The North Post", "publisher north post"),
        ("agency sana", "SANA", "agency sana"),
    ],
)
def test_a_source_is_named_as_it_writes_itself(source: str, first: str, name: str) -> None:
    assert story_list.Source(source, first, 1).name == name


# --- the pure part ---


def test_keys_are_words_numbers_and_narrow_names() -> None:
    names = [("idlib", "text", 10), ("syria", "title", 0), ("white-helmets", "text", 50), ("raqqa", "text", 5_000)]
    keys = event_keys("Strikes kill 12", "القصف 12", names, kinds())
    assert keys >= {"#12", "strike", "@idlib", "&white-helmets"}
    assert not {"@syria", "@raqqa"} & keys
    assert event_keys("القصف", "", [], {}) == event_keys("والقصف", "", [], {})


def test_hostile_texts_have_keys_or_none() -> None:
    for text in ("9" * 5_000, "\x00\ud800", "ᄀ" * 9_000, "٣٣", "\u0301" * 9_000):
        assert isinstance(event_keys(text, text, [], {}), frozenset)


def test_rare_names_join_languages_and_frequent_ones_do_not() -> None:
    mine, theirs = {"@town", "&group", "market"}, {"@town", "&group", "سوق"}
    rare = {"@town": 5.0, "&group": 5.0, "market": 5.5}
    frequent = {"@town": 1.0, "&group": 1.5, "market": 5.5}
    assert same_event.likeness(mine, theirs, rare, same_language=False) > same_event.OTHER_LANGUAGE
    assert same_event.likeness(mine, theirs, frequent, same_language=False) == 0
