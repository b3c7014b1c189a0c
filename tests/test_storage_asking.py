"""The query language against the database: the same answers on both, and those that a slow reading of every article gives."""

from __future__ import annotations

import operator
from contextlib import closing
from datetime import timedelta
from typing import Any

import pytest
from hypothesis import HealthCheck, example, given, settings
from hypothesis import strategies as st
from storage_samples import HOUR, NOW, add_feed, add_matches, verdict

from storage import counts, saved, search
from storage.articles import sort_key
from storage.asked import publishers
from storage.db import Database, open_database
from storage.errors import BadQuery, UnknownSearch
from storage.query import Scope, parse_query
from storage.relevance import IN_TITLE
from storage.search import Filters, Match
from storage.seen import MentionRecord
from storage.text import fold
from storage.tree import (
    And,
    Because,
    Country,
    Day,
    Language,
    Named,
    Node,
    Not,
    Or,
    Publisher,
    Role,
    Score,
    Text,
    Topic,
)

ISIS = [{"field": "text", "start": 0, "end": 2, "text": "IS", "term": "isis", "sense": "name", "weight": 3.0}]


def mention(kind: str, name: str) -> MentionRecord:
    return MentionRecord(kind, name, name, "title" if kind == "place" else "text", 0, 1, name, resolved=True)


NEWS: list[dict[str, Any]] = [
    {"title": "Aid convoy reaches Aleppo", "text": "Trucks with flour entered the city after a truce. The camp waits.",
     "mentions": (mention("place", "aleppo"),)},
    {"title": "Hava saldırısı: IŞİD mevzileri vuruldu", "text": "Suriye'nin kuzeyinde İdlib yakınlarında.", "language": "tr",
     "publisher": "Kıyı Postası", "verdicts": (verdict("isis", 0.95, evidence=ISIS), verdict("syria", 0.6))},
    {"title": "داعش يتبنى هجوماً في الرَّقّة", "text": "قال مسؤول في مدينة حلب إنّ سوريا …", "language": "ar",
     "publisher": "Al-Mina", "verdicts": (verdict("isis", 0.8), verdict("syria", 0.1)), "mentions": (mention("place", "raqqa"), mention("actor", "isis"))},
    {"title": "Camp of al-Hol: a day in 2026", "text": "Northern town, southern road. Covid-19 is back at the camp. Camp, camp.",
     "publisher": "South Post", "mentions": (mention("place", "al-hol"), mention("actor", "sdf"))},
    {"title": "Der Waffenstillstand hält", "text": "In Nordsyrien überquerten Lastwagen die Grenze.", "language": "de-DE",
     "publisher": "South Post", "verdicts": (verdict("syria", 0.7),)},
    {"title": "Prison break near Hasaka", "text": "Guards of the SDF searched the road to the camp and the town.", "language": None,
     "publisher": "North Post Online", "verdicts": (verdict("isis", 0.5), verdict("syria", 0.9)), "mentions": (mention("actor", "sdf"),)},
    {"title": "A wire story: aid for the camp", "text": "A convoy of aid left the northern town.", "signature": b"abcd", "bands": (1,)},
    {"title": "A wire story: aid for the camp", "text": "A convoy of aid left the northern town.", "signature": b"abcd", "bands": (1,),
     "publisher": "South Post"},
]  # fmt: skip
COUNTRIES = dict.fromkeys(range(1, 8), "GB") | {8: "SY"}
SCOPE = Scope(now=NOW, saved={"camps": "camp OR prison"})


@pytest.fixture
def news(database: Database) -> Database:
    """Eight matches, ids 1 to 8, each four hours older than the one before."""
    british, syrian = add_feed(database), add_feed(database, "https://south.example/feed", country="sy")
    stories = [{"summary": "", "published_at": NOW - number * 4 * HOUR, **values} for number, values in enumerate(NEWS)]
    add_matches(database, british, *stories[:7])
    add_matches(database, syrian, stories[7], now=NOW + timedelta(minutes=1))
    return database


def found(database: Database, typed: str, **options: Any) -> list[int]:
    with database.read() as session:
        return [match.article_id for match in search.search(session, Filters(words=typed, scope=SCOPE, **options))]


# NOW is the noon of 2026-11-24: 1 to 4 are of that day, the others of the day before
QUERIES: list[tuple[str, list[int]]] = [
    ("camp", [1, 4, 6, 7, 8]),
    ("camp -convoy", [4, 6]),
    ("camp OR prison", [1, 4, 6, 7, 8]),
    ("prison OR ışid", [2, 6]),
    ("convoy (aleppo OR town)", [1, 7, 8]),
    ("convoy aleppo OR town", [1, 4, 6, 7, 8]),
    ("(convoy aleppo) OR (prison guards)", [1, 6]),
    ("-(camp OR prison)", [2, 3, 5]),
    ("-camp OR prison", [2, 3, 5, 6]),
    ("-camp -ışid", [3, 5]),
    ("-camp OR -convoy", [2, 3, 4, 5, 6]),
    ("NOT camp", [2, 3, 5]),
    ("camp AND town", [4, 6, 7, 8]),
    ('"northern town"', [4, 7, 8]),
    ('"northern town" -"southern road"', [7, 8]),
    ('"convoy reaches" OR "der waffenstillstand"', [1, 5]),
    ("nord* OR prison", [5, 6]),
    ("-nord* -t*", [2, 3]),
    ("الرقه OR nordsyrien", [3, 5]),
    ("IDLIB suriye", [2]),
    ("title:camp", [4, 7, 8]),
    ("title:camp aid", [7, 8]),
    ("camp -title:camp", [1, 6]),
    ("-title:camp", [1, 2, 3, 5, 6]),
    ("title:camp OR title:prison", [4, 6, 7, 8]),
    ('title:"wire story"', [7, 8]),
    ('title:"camp northern"', []),
    ('"aid convoy reaches aleppo trucks"', [1]),
    ("title:saldırı*", [2]),
    ("title:الرقة", [3]),
    ("title:(aleppo OR hasaka)", [1, 6]),
    ("title:convoy OR prison", [1, 6]),
    ('publisher:"South Post"', [4, 5, 8]),
    ('publisher:"north post"', [1, 7]),
    ("publisher:north", [1, 6, 7]),
    ("publisher:post", [1, 4, 5, 6, 7, 8]),
    ('publisher:"kiyi postasi"', [2]),
    ("publisher:nord*", []),
    ("publisher:nor*", [1, 6, 7]),
    ('-publisher:"South Post" camp', [1, 6, 7]),
    ("country:sy", [8]),
    ("-country:gb", [8]),
    ("lang:ar", [3]),
    ("lang:(ar OR tr)", [2, 3]),
    ("-lang:en", [2, 3, 5, 6]),
    ("lang:de OR prison", [5, 6]),
    ("topic:isis", [2, 3, 6]),
    ("topic:isis topic:syria", [2, 6]),
    ("-topic:syria", [3]),
    ("topic:sis", []),
    ("place:aleppo", [1]),
    ("place:aleppo OR actor:sdf", [1, 4, 6]),
    ("place:al-hol actor:sdf", [4]),
    ("-actor:sdf camp", [1, 7, 8]),
    ("since:2026-11-24", [1, 2, 3, 4]),
    ("until:yesterday", [5, 6, 7, 8]),
    ("since:yesterday until:2026-11-23 camp", [6, 7, 8]),
    ("-since:today", [5, 6, 7, 8]),
    ("since:today OR lang:de", [1, 2, 3, 4, 5]),
    ("score:>0.9", [2]),
    ("score:0.6..0.8", [3, 5]),
    ("score:isis>=0.5", [2, 3, 6]),
    ("-score:isis>=0.5", [1, 4, 5, 7, 8]),
    ("score:syria<0.7", [2, 3]),
    ("role:copy", [8]),
    ("-role:copy title:camp", [4, 7]),
    ("because:isis", [2]),
    ("@camps -convoy", [4, 6]),
    ("-@camps", [2, 3, 5]),
    ("(title:camp OR lang:tr) -(publisher:south country:sy)", [2, 4, 7]),
]  # fmt: skip


def test_seventy_queries_have_the_answers_that_a_reader_expects(news: Database) -> None:
    with news.read() as session:
        matches = search.search(session, Filters(limit=None))
    for typed, expected in QUERIES:
        assert found(news, typed) == expected, typed
        assert found(news, typed, limit=2) == expected[:2], typed
        with news.read() as session:
            assert search.count(session, Filters(words=typed, scope=SCOPE)) == len(expected), typed
            if expected:
                assert sum(day.matches for day in counts.per_day(session, Filters(words=typed, scope=SCOPE))) == len(
                    expected
                )
        tree = parse_query(typed, SCOPE)
        assert [match.article_id for match in matches if holds(tree, match)] == expected, typed


def holds(node: Node, match: Match) -> bool:  # noqa: C901 - one case per kind of node
    """What a tree says of one match, read slowly: the answer that both databases must give."""
    values = NEWS[match.article_id - 1]
    match node:
        case And(parts):
            return all(holds(part, match) for part in parts)
        case Or(parts):
            return any(holds(part, match) for part in parts)
        case Not(part):
            return not holds(part, match)
        case Text(term, title):
            read = match.title if title else f"{match.title} {match.summary} {match.text}"
            return bool(term.at(fold(read).split()))
        case Publisher(term):
            names = {one.get("publisher", "North Post") for one in NEWS}
            same = [name for name in names if tuple(fold(name).split()) == term.words and not term.prefix]
            return match.publisher in same if same else bool(term.at(fold(match.publisher).split()))
        case Country(code):
            return COUNTRIES[match.article_id] == code
        case Language(code):
            return match.language == code
        case Topic(name):
            return name in match.topic_list
        case Named(ids):
            return any(one.name in ids for one in values.get("mentions", ()))
        case Day(day, from_it):
            return match.day >= day.isoformat() if from_it else match.day <= day.isoformat()
        case Score(topic, sign, number, sign2, number2):
            scores = {"syria": match.syria_score, "isis": match.isis_score}
            known = [score for name, score in scores.items() if score is not None and topic in (None, name)]
            compared = {">": operator.gt, ">=": operator.ge, "<": operator.lt, "<=": operator.le, "=": operator.eq}
            return (
                bool(known)
                and compared[sign](max(known), number)
                and (sign2 is None or compared[sign2](max(known), number2))
            )
        case Role(role):
            return match.role == role
        case Because(term):
            return term == "isis" and match.article_id == 2
    raise AssertionError(node)


LEAVES = st.sampled_from(
    ["camp", "convoy", "town", "t*", "الرقة", "ışid", '"northern town"', '"the camp"', "zzz", "a",
     "title:camp", "title:c*", 'title:"wire story"', "publisher:post", 'publisher:"South Post"', "country:gb", "lang:en", "lang:tr",
     "topic:isis", "topic:syria", "place:aleppo", "actor:sdf", "since:yesterday", "until:yesterday", "score:>0.7", "score:isis<0.9",
     "score:0.5..0.8", "role:copy", "because:isis", "@camps"]
)  # fmt: skip
TYPED = st.recursive(
    LEAVES,
    lambda inner: (
        st.builds("({} OR {})".format, inner, inner)
        | st.builds("({} {})".format, inner, inner)
        | st.builds("-({})".format, inner)
    ),
    max_leaves=7,
)


@example(typed="-convoy -title:camp")
@settings(deadline=None, max_examples=150, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(typed=TYPED)
def test_any_query_has_the_answer_of_a_slow_reader(news: Database, typed: str) -> None:
    tree = parse_query(typed, SCOPE)
    with news.read() as session:
        matches = search.search(session, Filters(limit=None))
        answered = search.search(session, Filters(words=typed, scope=SCOPE, limit=None))
        first = search.search(session, Filters(words=typed, scope=SCOPE, limit=3))
    assert answered == [match for match in matches if holds(tree, match)]
    assert first == answered[:3]  # Postgres looks the newest up another way


def test_filters_may_be_given_both_ways(news: Database) -> None:
    assert found(news, "topic:isis", language="tr") == [2]
    assert found(news, "since:2026-11-23", since=NOW.date()) == [1, 2, 3, 4]
    assert found(news, "until:2026-11-24", until=(NOW - 24 * HOUR).date()) == [5, 6, 7, 8]
    assert found(news, "place:al-hol", named=(("sdf",),)) == [4]


def test_days_that_none_is_from_and_to_are_explained(news: Database) -> None:
    with pytest.raises(BadQuery, match="since:2026-11-24 is after until:2026-11-01: no day is both"):
        found(news, "camp since:2026-11-24 until:2026-11-01")
    assert found(news, "since:2026-11-24 OR until:2026-11-01") == [1, 2, 3, 4]


def test_relevance_is_how_often_and_in_the_title_the_same_on_both(news: Database) -> None:
    with news.read() as session:

        def order(typed: str, **options: Any) -> list[int]:
            filters = Filters(words=typed, scope=SCOPE, **options)
            return [match.article_id for match in search.search(session, filters, by_relevance=True)]

        assert order("camp") == [4, 7, 8, 1, 6]  # four times and in the title; in the title; in the text
        assert order("camp", limit=2) == [4, 7]
        assert order("camp OR guards") == [4, 7, 8, 6, 1]
        assert order("ca*", limit=1) == [4]
        assert order("camp -title:camp") == [1, 6]
        assert sorted(order("camp since:today")) == found(news, "camp since:today")
        for typed in ("lang:en", "-camp", ""):
            with pytest.raises(BadQuery, match="relevance is that of words"):
                order(typed)
    assert IN_TITLE > 100


def test_the_place_that_answers_is_shown(news: Database) -> None:
    filters = Filters(words='"northern town" camp', scope=SCOPE)
    with news.read() as session:
        shown = {one.article_id: search.show_why(filters, one) for one in search.search(session, filters)}
        assert search.show_why(Filters(), search.search(session, Filters(limit=1))[0]) is None
    first = shown[4]
    assert first is not None
    assert first.marked().startswith("[[Northern]] [[town,]] southern road. Covid-19 is back at the [[camp.]]")


def test_titles_follow_their_articles(news: Database) -> None:
    """A page that was read again may have another title, and another hour."""
    with news.read() as session:
        assert publishers(session) == sorted({one.get("publisher", "North Post") for one in NEWS})
    assert found(news, "title:aleppo") == [1]
    assert sort_key(NOW, 1) > sort_key(NOW - HOUR, 9)


def test_saved_searches(schema_url: str) -> None:
    with closing(open_database(schema_url)) as database, database.write() as session:
        saved.save(session, name="camps", query="camp", now=NOW)
        saved.save(session, name="camps", query='camp "x"', now=NOW + HOUR)
        saved.save(session, name="ışid_2", query="ışid", now=NOW)
        assert saved.queries(session) == {"camps": 'camp "x"', "ışid_2": "ışid"}
        assert [one.name for one in saved.all(session)] == ["camps", "ışid_2"]
        for name in ("", "a b", "@a", "x" * 61, "-a", 'a"'):
            with pytest.raises(BadQuery, match="is no name for a search"):
                saved.save(session, name=name, query="camp", now=NOW)
        saved.forget(session, name="camps")
        with pytest.raises(UnknownSearch, match="there is no saved search @camps"):
            saved.forget(session, name="camps")
