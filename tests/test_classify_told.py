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


def test_two_places_are_more_than_twice_one() -> None:
    assert "places-more" not in seen("", "Shells fell on Aleppo in Syria, and again on Aleppo.")
    assert seen("", WAR)["places-more"].value == 1.0


def test_refugees_are_no_actor() -> None:
    assert "actors" not in seen("", "Syrian refugees fled to the north.")
    assert seen("", "The Syrian Democratic Forces fled to the north.")["actors"].value == 1.0


@pytest.mark.parametrize(
    ("title", "text", "language"),
    [
        ("Kharkiv under fire", "Russia shells towns in Ukraine as it once did in Aleppo. Kyiv fears another Aleppo. Ukraine asks for aid.", "en"),
        ("Guerre en Ukraine", "À Kiev, on craint le sort d'Alep. L'Ukraine demande de l'aide. Kharkiv brûle.", "fr"),
    ],
)  # fmt: skip
def test_a_war_that_is_likened_is_another_country_s(title: str, text: str, language: str) -> None:
    found = seen(title, text, language)
    assert found["other-war"].value >= 1.0
    assert found["other-war-front"].value == 1.0
    assert not matched(title, text, language)


def test_two_wars_side_by_side_are_not_likened() -> None:
    found = seen("War in Ukraine and in Syria", "Shells fell on Kharkiv. Shells fell on Aleppo, rebels said.")
    assert not {"other-war", "other-war-front"} & found.keys()


def test_a_group_that_another_is_called_is_likened_not_told_of() -> None:
    likened = seen("Hamas is like Islamic State, minister says", "He compared Hamas to Islamic State.", topic="isis")
    assert likened["rival-likened"].value == 1.0
    assert "rival-likened" not in seen("Islamic State and Hamas", "Both fired rockets, police said.", topic="isis")


def test_an_aside_is_the_less_the_later_it_stands() -> None:
    front = "The council met in Erfurt to speak about the price of bread and of fish. " * 10
    late, later = (seen("Council meets", text + "One had been to Syria.") for text in (front, front * 2))
    assert 0 < late["single-late"].value < later["single-late"].value
    assert "single-late" not in seen("Council meets on Syria", front + "One had been to Syria.")
