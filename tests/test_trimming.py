"""`crawler.trimming`: appeals and furniture go, the article's own sentences stay. Cases are data."""

from __future__ import annotations

from pathlib import Path

import pytest

from crawler.trimming import folded, trimmed

BODY = [
    "Two boats a day will cross from Monday, the harbour office said, ending a break of four months.",
    "The first sailing is at six in the morning, and residents said that they had been paying fishermen for the crossing.",
    "Engineers replaced the engine of the older boat and rebuilt the pier, which a storm had damaged in July.",
    "A second pier is planned for the spring; until then the boats stop when the waves are too high.",
]
TABLE = (Path(__file__).parent / "data" / "trimming.txt").read_text(encoding="utf-8").split("\n## ")
CASES = {part.partition("\n")[0].strip(): [line for line in part.splitlines()[1:] if line] for part in TABLE[1:]}


@pytest.mark.parametrize("line", CASES["goes, as a paragraph of its own"])
def test_furniture_goes(line: str) -> None:
    assert trimmed([*BODY[:2], line, *BODY[2:]]) == BODY


@pytest.mark.parametrize("line", CASES["goes, glued before or after a sentence"])
def test_a_glued_appeal_goes(line: str) -> None:
    assert trimmed([line + BODY[0], *BODY[1:]]) == BODY
    assert trimmed([*BODY[:3], f"{BODY[3]} {line}"]) == BODY


@pytest.mark.parametrize("line", CASES["stays"])
def test_what_only_looks_like_furniture_stays(line: str) -> None:
    paragraphs = [*BODY[:2], line, *BODY[2:]]
    assert trimmed(paragraphs) == paragraphs


def test_a_paragraph_that_is_only_a_link_goes_and_a_linked_sentence_stays() -> None:
    teaser, sentence = (
        "Harbour dues to fall in the spring",
        "The governor said on Monday that the harbour dues would fall in the spring of next year.",
    )
    anchors = frozenset({folded(teaser), folded(sentence)})
    assert trimmed([BODY[0], teaser, f"See: {teaser}", sentence, *BODY[1:]], anchors=anchors) == [
        BODY[0],
        sentence,
        *BODY[1:],
    ]


def test_what_stands_between_two_appeals_in_the_publishers_voice_goes() -> None:
    appeal = [
        "Your donation helps us to stay.",
        "We are on the ground when the news breaks.",
        "Support our journalism.",
    ]
    assert trimmed([*appeal, *BODY]) == BODY
    amid = (
        "The Courier is read in every town. And unlike many other quality news outlets, we choose to stay open to all."
    )
    assert trimmed([appeal[0], amid, appeal[2], *BODY]) == BODY
    told = ["Your donation helps us to stay.", "The governor arrived at noon.", "Support our journalism."]
    assert trimmed([*told, *BODY]) == [told[1], *BODY]


def test_the_headline_is_not_repeated_and_the_tail_ends_the_article() -> None:
    tail = ["Comments", "First!", "Nonsense, says another reader."]
    assert trimmed(["Ferry returns", *BODY, *tail], titles=["Ferry returns"]) == BODY


def test_a_heading_like_a_tail_in_the_first_half_ends_nothing() -> None:
    assert trimmed(["Comments", *BODY]) == BODY
