"""Places and actors in texts: cases are data, tests/data/tagging; here are the properties that hold for every text."""

from __future__ import annotations

import itertools
import tomllib
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from crawler.classify.folding import fold
from crawler.classify.matching import Matcher
from crawler.classify.names import NAMES
from crawler.classify.tagging import MOST_CHARACTERS, Tag, Tagger

TAGGER = Tagger.load()
FILES = sorted((Path(__file__).parent / "data" / "tagging").glob("*.toml"))
CASES = [
    pytest.param(case, id=f"{file.stem}-{number}-{case['why']}")
    for file in FILES
    for number, case in enumerate(tomllib.loads(file.read_text(encoding="utf-8"))["case"], 1)
]


def shown(tag: Tag) -> str:
    return f"{tag.id}{'' if tag.resolved else '?'}={tag.text}"


def test_there_are_cases() -> None:
    assert {"ambiguous", "arabic", "english", "other-languages"} <= {file.stem for file in FILES}


@pytest.mark.parametrize("case", CASES)
def test_an_article_names(case: dict[str, Any]) -> None:
    title, text = case.get("title", ""), case.get("text", "")
    tags = TAGGER.tag(title, text, case.get("language"), case.get("day"))
    assert [shown(tag) for tag in tags] == case["names"]
    for tag in tags:
        assert {"title": title, "text": text}[tag.field][tag.start : tag.end] == tag.text


def test_a_tag_says_what_it_is() -> None:
    place, actor = TAGGER.tag("Raqqa", "The YPG")
    assert place == Tag("place", "raqqa", "title", 0, 5, "Raqqa", resolved=True)
    assert actor == Tag("actor", "ypg", "text", 4, 7, "YPG", resolved=True)


def test_offsets_are_those_of_the_text_behind_odd_letters() -> None:
    text = "ﬁrst 🎈 e\u0301tat — Ra\u0301qqa"
    (tag,) = TAGGER.tag("", text)
    assert tag.id == "raqqa"
    assert text[tag.start : tag.end] == "Ra\u0301qqa"


def test_everything_that_a_file_names_is_found_by_itself() -> None:
    """Every name of the gazetteer, alone in a text, is found whole and means what its line says."""
    matcher = Matcher(TAGGER.gazetteer.forms)
    missed = []
    for form in TAGGER.gazetteer.forms:
        word = form.exact or form.text
        found = matcher.find(fold(word), word)[NAMES]
        if [(one.start, one.end, one.concept.id) for one in found] != [(0, len(form.text), form.concept.id)]:
            missed.append((word, form.concept.id, [one.concept.id for one in found]))
    assert missed == []


@pytest.mark.parametrize(
    "text",
    [
        "",
        " ",
        "a",
        "Homs " * 300_000,
        "ـ" * 100_000 + "حلب",
        "\u202e\u200fSyria\u200e\x00\x07",
        "<p>Aleppo</p><b>SDF</b>",
        "?" * 100_000,
    ],
    ids=["empty", "blank", "one letter", "1.5 MB", "tatweel", "bidi and control", "markup", "signs"],
)
def test_odd_texts_are_tagged_in_bounded_time(text: str) -> None:
    tags = TAGGER.tag(text[:200], text, "xx")
    assert all(tag.end <= MOST_CHARACTERS for tag in tags)
    assert len(tags) <= 3_200


@given(
    st.lists(
        st.sampled_from(
            [
                "Homs",
                "Syria",
                "Palmyra, New Jersey",
                "SDF",
                "حلب",
                "وبالرقة",
                "Tripoli",
                "داعش",
                "IS",
                "é",
                "\n",
                "'",
                "de",
            ]
        ),
        max_size=20,
    ),
    st.sampled_from([" ", "", "-", "\u200f"]),
)
def test_tags_are_ordered_true_and_apart(words: list[str], between: str) -> None:
    text = between.join(words)
    tags = TAGGER.tag("", text)
    for tag in tags:
        assert text[tag.start : tag.end] == tag.text
    for one, other in itertools.pairwise(tags):
        assert one.end <= other.start
    assert TAGGER.tag("", text) == tags


@given(st.text(max_size=300))
def test_tagging_never_raises(text: str) -> None:
    assert all(tag.text for tag in TAGGER.tag(text, text))
