"""The query language: what is typed becomes a tree, and every mistake an explanation with its place. No database."""

from __future__ import annotations

import random
from datetime import UTC, date, datetime
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from storage.days import parse_day
from storage.errors import BadQuery
from storage.query import DEEPEST, LONGEST, MOST_PARTS, Scope, parse_query
from storage.snippets import WORDS, snippet
from storage.tree import (
    And,
    Because,
    Country,
    Day,
    FullText,
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
    tsquery,
    wanted_terms,
)
from storage.words import Term, term_of

NOW = datetime(2026, 11, 25, 12, tzinfo=UTC)


def one_of(*known: str) -> Any:
    def found(word: str) -> Any:
        if word not in known:
            raise LookupError(f"there is no {word!r}")
        return word

    return found


def place(word: str) -> tuple[str, ...]:
    if word != "aleppo":
        raise LookupError(f"there is no place {word!r}")
    return ("aleppo", "azaz")


SCOPE = Scope(
    topic=one_of("isis", "syria"), place=place, now=NOW, saved={"camps": "camp OR prison", "loop": "@loop", "bad": "(a"}
)


def words(*parts: str, prefix: bool = False) -> Text:
    return Text(Term(parts, prefix))


A, B, C = words("a"), words("b"), words("c")

QUERIES: list[tuple[str, Node]] = [
    ("Syria aid", And((words("syria"), words("aid")))),
    ('"northern Syria" -Turkey', And((words("northern", "syria"), Not(words("turkey"))))),
    ('-"al Hol" camp', And((Not(words("al", "hol")), words("camp")))),
    ("al-Hol", words("al", "hol")),
    ("syri*", words("syri", prefix=True)),
    ("“northern town”", words("northern", "town")),
    ("داعش الرقّة", And((words("داعش"), words("الرقه")))),
    ("covid-19 3-4", And((words("covid", "19"), words("3", "4")))),
    ('say"together"', And((words("say"), words("together")))),
    ("a OR b c", Or((A, And((B, C))))),
    ("(a OR b) c", And((Or((A, B)), C))),
    ("a OR (b OR c)", Or((A, B, C))),
    ("a AND b NOT c", And((A, B, Not(C)))),
    ("-(a OR b)", Not(Or((A, B)))),
    ("a or b", And((A, words("or"), B))),
    ("a -- b …", And((A, B))),
    ("a (b)", And((A, B))),
    ("--a", words("a") and Not(words("a"))),
    ("a - b", And((A, B))),  # a dash of a headline excludes nothing
    ("a \u2212 (b) -", And((A, B))),
    ("a\0 \ud800b", And((A, B))),
    ("title:a", Text(Term(("a",)), title=True)),
    ('TITLE:"a b" -title:c*', And((Text(Term(("a", "b")), title=True), Not(Text(Term(("c",), True), title=True))))),
    ("title:(a OR b)", Or((Text(Term(("a",)), title=True), Text(Term(("b",)), title=True)))),
    ('publisher:"Kıyı Postası"', Publisher(Term(("kiyi", "postasi")))),
    ("country:sy", Country("SY")),
    ("country:uk", Country("GB")),
    ("country:EL", Country("GR")),
    ("lang:ar OR language:tr", Or((Language("ar"), Language("tr")))),
    ("topic:isis", Topic("isis")),
    ("place:aleppo", Named(("aleppo", "azaz"))),
    ("actor:sdf", Named(("sdf",))),
    ("since:7d until:today", And((Day(date(2026, 11, 18), True), Day(date(2026, 11, 25), False)))),
    ("since:2026-02 until:2026-02", And((Day(date(2026, 2, 1), True), Day(date(2026, 2, 28), False)))),
    ("since:2025 until:2025", And((Day(date(2025, 1, 1), True), Day(date(2025, 12, 31), False)))),
    ("score:>0.8", Score(None, ">", 0.8)),
    ("score:0.5..0.7", Score(None, ">=", 0.5, "<=", 0.7)),
    ("score:isis<=.9", Score("isis", "<=", 0.9)),
    ("score:1", Score(None, "=", 1.0)),
    ("role:copy because:isis", And((Role("copy"), Because("isis")))),
    ("@camps a", And((Or((words("camp"), words("prison"))), A))),
    ("-@camps", Not(Or((words("camp"), words("prison"))))),
    ("https://a.example/b at 10:30", And((words("https", "a", "example", "b"), words("at"), words("10", "30")))),
    ("Raqqa: the", And((words("raqqa"), words("the")))),
]


@pytest.mark.parametrize(("typed", "tree"), QUERIES)
def test_what_an_analyst_types(typed: str, tree: Node) -> None:
    if typed == "--a":  # the second sign is part of the word
        tree = Not(A)
    assert parse_query(typed, SCOPE) == tree


MISTAKES = [
    ("", 0, "no letter or digit"),
    ("…", 0, "no letter or digit"),
    ("-", 0, "no letter or digit"),
    ('"" !', 0, "no letter or digit"),
    ('camp "open phrase', 6, "this quote is not closed"),
    ("camp (a OR b", 6, "this \\( is not closed"),
    ("camp) a", 5, "this \\) closes no parenthesis"),
    ("a ( ) b", 3, "nothing to look for between"),
    ("OR a", 1, "both sides"),
    ("a OR", 4, "both sides"),
    ("a OR OR b", 6, "both sides"),
    ("a NOT", 3, "NOT needs something"),
    ("AND a", 1, "AND needs something"),
    ("a AND", 3, "AND needs something"),
    ("(a AND) b", 4, "AND needs something"),
    ("a AND OR b", 3, "AND needs something"),
    ("AND", 1, "AND needs something"),
    ("a sy*ria", 3, "a \\* stands at the end of a word: sy\\* is any word"),
    ("title:sy*ria", 1, "a \\* stands at the end"),
    ("score:0.7..0.5", 1, "the lower score first"),
    ("a publsher:x", 3, "there is no field publsher:; did you mean publisher:"),
    ('plac:"Deir ez-Zor"', 1, "there is no field plac:; did you mean place:"),
    ('a -titel:"air strike"', 4, "there is no field titel:; did you mean title:"),
    ("zzz:x", 1, "the fields are title, publisher"),
    ("a topic:", 3, "needs its value right behind the colon"),
    ("topic: isis", 1, "needs its value right behind the colon"),
    ("topic:sport", 1, "there is no 'sport'"),
    ("place:nowhere", 1, "there is no place 'nowhere'"),
    ("country:Syria", 1, "two letters"),
    ("lang:turkish!", 1, "no language"),
    ("since:yesteryear", 1, "is no date"),
    ("since:2026-13-01", 1, "is no date"),
    ("until:0001-01-01", 1, "a day without news"),
    ("score:high", 1, "is no score"),
    ("score:>2", 1, "is no score"),
    ("score:sport>0.1", 1, "no score of 'sport'"),
    ("role:editor", 1, "original, copy, related"),
    ("title:…", 1, "no letter or digit"),
    ("@nothing", 1, "no saved search @nothing"),
    ("@loop", 1, "contains itself"),
    ("a @bad", 3, "in the saved search @bad: at character 1"),
    ("(" * (DEEPEST + 1) + "a", DEEPEST + 1, "nested more than"),
    ("-" + "NOT " * DEEPEST + "a", DEEPEST * 4 + 1, "nested more than"),
    ("a " * (MOST_PARTS + 1), 2 * MOST_PARTS + 1, "more than 200 parts"),
    ("a" * (LONGEST + 1), LONGEST + 1, "longer than 2,000"),
]


@pytest.mark.parametrize(("typed", "character", "explanation"), MISTAKES)
def test_a_mistake_is_explained_with_its_place(typed: str, character: int, explanation: str) -> None:
    with pytest.raises(BadQuery, match=explanation) as caught:
        parse_query(typed, SCOPE)
    if character:
        assert f"at character {character}:" in str(caught.value)
        assert caught.value.at == character - 1
    assert "\n" not in str(caught.value)


PIECES = st.sampled_from(
    [
        *'ab"()-@:*<>.',
        "OR",
        "AND",
        "NOT",
        "title:",
        "score:",
        "since:",
        "topic:",
        "@camps",
        "@loop",
        " ",
        "  ",
        "é",
        "ş",
        "د",
    ]
)


@given(typed=st.lists(PIECES, max_size=25).map("".join) | st.text(max_size=60))
def test_whatever_is_typed_is_a_tree_or_an_explanation(typed: str) -> None:
    tree, mistake = parsed(typed)
    assert (tree is None) is (mistake is not None)
    if mistake is not None:
        assert mistake.at is None or 0 <= mistake.at <= len(typed)
    else:
        assert parsed(f"({typed})")[0] == tree


def parsed(typed: str) -> tuple[Node | None, BadQuery | None]:
    try:
        return parse_query(typed, SCOPE), None
    except BadQuery as mistake:
        return None, mistake


def test_the_expressions_for_both_indexes() -> None:
    query = parse_query('syri* "northern town" -turkey -"south east"')
    assert tsquery(query) == "(('syri':*) & ('northern' <-> 'town') & !('turkey') & !('south' <-> 'east'))"
    assert FullText.of(query) == FullText('(("syri"* AND "northern town") NOT ("turkey" OR "south east"))')
    assert FullText.of(parse_query("-turkey")) == FullText('"turkey"', others=True)
    assert FullText.of(parse_query("a OR -b")) == FullText('("b" NOT "a")', others=True)
    assert FullText.of(parse_query("-(-a -b)")) == FullText('("a" OR "b")')


@pytest.mark.parametrize(("typed", "day"), [("36h", "2026-11-24"), ("2w", "2026-11-11"), ("yesterday", "2026-11-24"), ("2026-01-31T23:30-02:00", "2026-02-01")])  # fmt: skip
def test_days(typed: str, day: str) -> None:
    assert parse_day(typed, now=NOW) == date.fromisoformat(day)


# --- snippets ---

LONG = (
    " ".join(f"word{n}" for n in range(100))
    + " the camp of al-Hol, in Syria. "
    + " ".join(f"end{n}" for n in range(100))
)


def shown(typed: str, *texts: str) -> str | None:
    found = snippet(list(wanted_terms(parse_query(typed))), *texts)
    return None if found is None else found.marked("[", "]")


def test_a_snippet_is_the_place_with_the_words_marked() -> None:
    said = shown('"al-hol" camp -turkey', LONG) or ""
    assert "… word95 word96 word97 word98 word99 the [camp] of [al-Hol,] in Syria. end0" in said
    assert said.endswith(" …")
    assert len(said.split()) == WORDS + 2
    assert shown("camp", "Short camp.") == "Short [camp.]"
    assert shown("nothing", LONG) is None
    assert shown("camp", "no word", "a summary of the camp") == "a summary of the [camp]"


def test_a_snippet_marks_what_the_search_folds() -> None:
    assert shown("الرقه", "في الرَّقّة اليوم") == "في [الرَّقّة] اليوم"
    assert shown("ışid idl*", "IŞİD İdlib'de") == "[IŞİD] [İdlib'de]"


@given(text=st.text(max_size=200), word=st.text(alphabet="abc é", min_size=1, max_size=4))
def test_a_snippet_is_part_of_its_text(text: str, word: str) -> None:
    term = term_of(word, quoted=True)
    found = snippet([term] if term else [], text + " abc " + word)
    assert (found is None) is (term is None)
    if found is not None:
        joined = "".join(piece.text for piece in found.pieces)
        assert joined.removeprefix("… ").removesuffix(" …") in " ".join(f"{text} abc {word}".split())


@pytest.mark.parametrize("prefix", [False, True])
def test_a_term_stands_where_a_look_at_each_place_finds_it(prefix: bool) -> None:
    chance = random.Random(1)
    for _ in range(2_000):
        words = [chance.choice(("a", "ab", "b", "abc")) for _ in range(chance.randint(0, 9))]
        term = Term(tuple(chance.choice(("a", "ab", "b", "z")) for _ in range(chance.randint(1, 3))), prefix=prefix)
        *before, last = term.words
        places = range(len(words) - len(before))
        there = [at for at in places if words[at : at + len(before)] == before]
        ends = [at + len(before) for at in there]
        found = [at - len(before) for at in ends if words[at] == last or (prefix and words[at].startswith(last))]
        assert term.at(words) == found
