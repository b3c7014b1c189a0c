"""Whose story it is: another country's, one person's, or that of a country's people. Of topics that are countries."""

from __future__ import annotations

from pathlib import Path

import pytest
from shipped_judge import JUDGE

from crawler.classify import LexiconError
from crawler.classify.document import Feature
from crawler.classify.lexicon import load_topic

NONE = Feature(0.0)


def seen(title: str, text: str, language: str = "en", topic: str = "syria") -> dict[str, Feature]:
    return JUDGE.features(title=title, text=text, language=language)[topic]


def syria(title: str, text: str, language: str = "en") -> bool:
    return next(one.matched for one in JUDGE.judge(title=title, text=text, language=language) if one.topic == "syria")


def test_the_country_that_title_and_text_name_most_owns_the_story() -> None:
    text = "Iran will resume talks on Wednesday. Tehran has lost much of its reach, in Lebanon and in Syria. Iran's currency gained."
    found = seen("Iran resumes talks", text)
    assert found["owner-title"].value == 1.0
    assert found["owner"].value > 1.0
    assert not syria("Iran resumes talks", text)
    ours = seen(
        "Iran's envoy in Damascus",
        "Iran's envoy met the Syrian foreign minister in Damascus. Syria wants its debts cut.",
    )
    assert ours.get("owner-title", NONE).value == 0.0
    assert ours.get("owner", NONE).value < found["owner"].value


def test_one_person_s_life_is_told_with_words_of_school_prizes_and_trades() -> None:
    text = "The baker, who was born in Aleppo, opened her second shop. She studied design and won a prize for young founders."
    assert seen("A prize for a baker", text)["title-life"].value == 1.0
    assert "title-life" not in seen(
        "A prize for a baker", text + " She fled when the SDF and Assad's army fought there."
    )


@pytest.mark.parametrize(
    ("title", "text", "language"),
    [
        ("More Syrians return home", "The number of Syrians who returned home rose, the agency said.", "en"),
        ("Mehr Syrer kehren zurück", "Die Zahl der Syrer, die zurückkehren, ist gestiegen.", "de"),
        ("Suriyeliler ülkelerine dönüyor", "Suriyeliler geri dönüş için başvurdu.", "tr"),
        ("عودة آلاف اللاجئين السوريين", "غادر آلاف اللاجئين السوريين المخيم.", "ar"),
        ("Des Syriens rentrent", "Les réfugiés syriens ont demandé un retour volontaire.", "fr"),
    ],
)
def test_a_people_that_moves_is_the_story(title: str, text: str, language: str) -> None:
    found = seen(title, text, language)
    assert found["moved"].value >= 1.0
    assert found["moved-title"].value == 1.0
    assert found["moved-front"].value == 1.0


def test_other_peoples_beside_it_and_one_man_are_no_people_that_moves() -> None:
    several = seen("Boat sinks", "Migrants from Syria and Syrian, Afghan and Somali refugees were aboard.")
    assert "moved" not in several
    one = seen("A fire", "A 34-year-old Syrian refugee was hurt.")
    assert "moved" not in one
    host = seen("Aid", "Syrian refugees in Lebanon and Jordan get less aid.")
    assert host["moved"].value == 1.0


def test_of_a_topic_that_is_no_country_nothing_of_this_is_asked() -> None:
    found = seen(
        "Iran and the Islamic State", "Iran fights the Islamic State. Iran's army said so in Iran.", topic="isis"
    )
    assert not {name for name in found if name.startswith(("owner", "life", "moved", "one-sentence", "leader-only"))}


@pytest.mark.parametrize(
    ("title", "text", "language"),
    [
        ("Syria: parties condemn violence", "They call for an end of violence in Syria.", "en"),
        ("Syrien: Fraktionen verurteilen Gewalt", "Sie fordern ein Ende der Gewalt in Syrien.", "de"),
    ],
)
def test_a_country_in_which_something_happens_is_no_other_bearer_of_its_name(
    title: str, text: str, language: str
) -> None:
    assert syria(title, text, language)


def test_what_says_whether_a_topic_is_a_country_is_true_or_false(tmp_path: Path) -> None:
    file = tmp_path / "lebanon.toml"
    file.write_text(
        'topic = "lebanon"\ntitle = "Lebanon"\ncountry = "yes"\n[name.lebanon]\nwhy = "it"\nen = ["Lebanon"]\n'
    )
    with pytest.raises(LexiconError, match=r"lebanon\.toml:3: country is true or false"):
        load_topic(file)
    file.write_text(file.read_text().replace('"yes"', "true"))
    assert load_topic(file).country
