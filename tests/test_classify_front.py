"""Where an article begins, what its title likens, and which of two readings of a word is meant."""

from __future__ import annotations

import pytest
from shipped_judge import JUDGE

from crawler.classify.document import Feature

NONE = Feature(0.0)
RAIN = "Rain fell on the coast for the third day in a row and the river stood higher than in spring. "
HEAD = "OUR CORRESPONDENT\n25 December 2014\n\n"


def seen(title: str, text: str, language: str = "en", topic: str = "syria") -> dict[str, Feature]:
    return JUDGE.features(title=title, text=text, language=language)[topic]


def value(found: dict[str, Feature], name: str) -> float:
    return found.get(name, NONE).value


def test_the_lead_begins_behind_lines_of_author_and_date() -> None:
    text = HEAD + "Ministers met on Syria in Paris. " + RAIN
    assert value(seen("Talks in Paris", text), "first-sentence") == 1.0
    late = HEAD + RAIN + RAIN + "A word on Syria followed."
    assert value(seen("Talks in Paris", late), "lead-strong") == 1.0


def test_what_a_caption_names_stands_in_no_lead() -> None:
    caption = "Picture: Daraa (Syria)\n\nThe war in Ukraine goes on, its president said on Sunday. " + RAIN
    found = seen("Intelligence on the war", caption)
    assert value(found, "first-sentence") == 0.0
    assert value(found, "lead-strong") == 0.0


def test_a_first_sentence_without_title_is_no_line_of_author_and_date() -> None:
    text = "The ministers met in Paris on Tuesday in order to talk about sanctions on Syria.\nA text followed."
    assert value(seen("", text), "title-strong") == 1.0


def test_a_name_in_the_title_may_only_be_likened() -> None:
    text = "The minister said so in Port Sudan. The jihadists of Islamic State shot men who sat on the ground, he said."
    assert value(seen("Militia is like ISIS, says minister", text, topic="isis"), "title-comparison") == 1.0
    assert value(seen("ISIS claims attack", text, topic="isis"), "title-comparison") == 0.0


def test_a_claim_in_front_is_told_from_one_in_the_background() -> None:
    claim = "The group Islamic State says that it was behind the attack. "
    far = RAIN * 4
    assert value(seen("Blast in Kabul", claim + far, topic="isis"), "claim-front") == 1.0
    behind = seen("Blast in Kabul", far + claim, topic="isis")
    assert value(behind, "claim") == 1.0
    assert value(behind, "claim-front") == 0.0


def test_how_much_of_a_text_is_another_bearer_s() -> None:
    text = "Aleppo soap cleans the skin. Aleppo soap is made of laurel oil. The town of Aleppo lies in Syria."
    goods = seen("What Aleppo soap can do", text)
    assert value(goods, "other-title") == 1.0
    assert value(goods, "other-share") > 0.5
    town = seen("Aleppo at war", "Shells fell on Aleppo. Aleppo soap is no longer boiled there, nor anywhere in Syria.")
    assert value(town, "other-title") == 0.0
    assert value(town, "other-share") < 0.5


def test_names_on_the_edge_may_outnumber_the_others() -> None:
    rockets = "Rockets hit the Golan Heights. The Golan Heights have emptied. Syria lies behind them."
    assert value(seen("Rockets on the Golan Heights", rockets), "edge-most") == 1.0
    inland = "Shells fell on Aleppo and on Homs. Damascus and Hama were quiet, and so were the Golan Heights."
    assert value(seen("War in Syria", inland), "edge-most") == 0.0


def test_occupied_beside_the_golan_claims_nothing_for_the_country() -> None:
    rockets = "Rockets hit the occupied Golan Heights on Sunday."
    assert value(seen("", rockets), "claim") == 0.0
    assert value(seen("", rockets + " Its annexation is void, the envoy said of the Golan Heights."), "claim") == 1.0


@pytest.mark.parametrize(
    ("text", "language", "term"),
    [
        ("Belediye Suriyelilere park yasağı getirdi. Suriyelilere tepki var.", "tr", "refugees"),
        ("قالت الطالبة السورية إنها سعيدة بالنتيجة.", "ar", "syrian"),
        ("قالت الطالبة إن سورية بلد جميل.", "ar", "syria"),
    ],
)
def test_of_two_readings_the_longer_form_is_meant(text: str, language: str, term: str) -> None:
    found = seen("", text, language)
    assert {spot.mention.concept.id for feature in found.values() for spot in feature.spots} >= {term}
    named = [spot.mention.concept.id for spot in found["paragraph"].spots]
    assert named[0] == term


def test_a_cross_heading_in_capitals_makes_no_longer_name() -> None:
    text = "The mayor spoke of Syrians on Tuesday. {} Syrians were told to leave, and Syrians left."
    assert value(seen("", text.format("SYRIANS SENT AWAY.")), "stranger") == 0.0
    assert value(seen("", "The mayor spoke of Syrian Dream on Tuesday, a boat."), "stranger") == 1.0


def test_a_country_named_with_its_people_in_four_sentences_is_no_lone_name() -> None:
    one = "The council of Lima in Peru met. It spoke of Syria. "
    many = one + "Syria is far. Syrians have come. They left Syria in spring."
    assert value(seen("", one), "abroad-land") > 0.0
    assert value(seen("", many), "abroad-land") == 0.0
