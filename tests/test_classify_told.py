"""What an article tells with over the whole of it: one Syrian's shop abroad names country and home town as often as a report from the war does."""

from __future__ import annotations

import math

import pytest
from shipped_judge import JUDGE

from crawler.classify.document import Feature


def seen(title: str, text: str, language: str = "en", topic: str = "syria") -> dict[str, Feature]:
    return JUDGE.features(title=title, text=text, language=language)[topic]


def matched(title: str, text: str, language: str = "en", topic: str = "syria") -> bool:
    return next(one.matched for one in JUDGE.judge(title=title, text=text, language=language) if one.topic == topic)


WAR = "Shells fell on Aleppo, Idlib and Hama in Syria. Rebels and government troops fought near Homs, and civilians fled the bombing."
SHOP = (
    "He came from Syria and learned his trade in Aleppo. His restaurant has forty seats, the recipes are his grandmother's, "
    "and his daughter won a scholarship at the university last spring."
)


def test_different_places_are_counted_once_each() -> None:
    assert seen("", WAR)["places"].value == pytest.approx(math.log2(5))
    assert seen("", "Aleppo, again Aleppo and once more Aleppo in Syria.")["places"].value == 1.0
    assert "places" not in seen("Syria votes", "Syrians went to the polls.")


def test_a_life_and_a_war_are_told_with_other_words() -> None:
    war, shop = seen("", WAR), seen("Chef opens a restaurant", SHOP)
    assert war["told"].value > 1
    assert "lived" not in war
    assert shop["lived"].value > 1
    assert "told" not in shop
    assert shop["front-life"].value > 1


def test_behind_a_name_in_passing_words_of_war_tell_nothing() -> None:
    passing = "Ministers spoke about fish. " * 16 + "One had served in Syria.\n"
    war = "Rebels shelled the army. Civilians fled the bombing, and militants took hostages."
    without, behind = (seen("Ministers agree on fish", text) for text in (passing, passing + war))
    assert "told" not in without
    assert "told" not in behind
    assert seen("Syria at war", passing + war)["told"].value > 1


def test_the_edge_of_the_country_needs_a_word_on_whose_it_is() -> None:
    rockets = "Rockets from Lebanon hit the Golan Heights, which Israel has occupied since 1967."
    assert seen("Rockets hit the Golan Heights", rockets)["edge-plain"].value == 1.0
    assert not matched("Rockets hit the Golan Heights", rockets)
    annexed = "Washington recognised the annexation of the Golan Heights and Israeli sovereignty over them. Damascus protested."
    assert "edge-plain" not in seen("Sovereignty over the Golan Heights", annexed)
    assert matched("Sovereignty over the Golan Heights", annexed)


def test_who_acts_and_who_rules_is_counted() -> None:
    found = seen("", "The Syrian Democratic Forces and the Syrian National Army fought in Syria, Bashar al-Assad said.")
    assert found["actors"].value == pytest.approx(math.log2(3))
    assert found["leader"].value == 1.0
    assert seen("", "This will be a second Syria, a new Aleppo.")["comparisons"].value > 0


@pytest.mark.parametrize(
    ("title", "text", "language"),
    [
        ("Syrian refugees open a bakery", SHOP.replace("He", "The couple"), "en"),
        (
            "Un couple de réfugiés syriens ouvre un restaurant",
            "Venus de Syrie, ils ont un restaurant et des recettes d'Alep. Leur fille étudie à l'université.",
            "fr",
        ),
    ],
)
def test_refugees_are_no_one_who_rules_so_that_their_story_may_be_a_life(title: str, text: str, language: str) -> None:
    found = seen(title, text, language)
    assert found["title-life"].value == 1.0
    assert found["lived"].value > 0
