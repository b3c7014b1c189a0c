"""What kind of piece an article is: news in brief, on a work of art about a war, on a trial for its crimes."""

from __future__ import annotations

import pytest
from shipped_judge import JUDGE

from crawler.classify.document import Feature


def seen(title: str, text: str, language: str = "en", topic: str = "syria") -> dict[str, Feature]:
    return JUDGE.features(title=title, text=text, language=language)[topic]


def matched(title: str, text: str, language: str = "en", topic: str = "syria") -> bool:
    return next(one.matched for one in JUDGE.judge(title=title, text=text, language=language) if one.topic == topic)


ITEMS = (
    "Peru: The president said on Monday that she would not stand again. Her party is to choose a successor in May.",
    "Syria: Government troops and rebels fought near Aleppo, and shelling of Idlib killed nine civilians, rescuers said.",
    "Egypt: A court freed two reporters. Israel and Lebanon will talk about their border again next week.",
)


def test_of_news_in_brief_the_first_item_tells_what_it_is_about() -> None:
    found = seen("The day's news", "\n\n".join(ITEMS))
    assert found["roundup"].value == found["none"].value == 1.0
    assert not matched("The day's news", "\n\n".join(ITEMS))
    first = "\n\n".join((ITEMS[1], ITEMS[0], ITEMS[2]))
    assert "roundup" not in seen("The day's news", first)
    assert matched("The day's news", first)
    # of the item that is read the others are no part
    assert "peers" not in seen("The day's news", first)


@pytest.mark.parametrize(
    ("title", "text", "language"),
    [
        ("World in brief", "A strike stopped trains in Spain. In Syria, rebels shelled Aleppo. Rain fell.", "en"),
        ("In short", "Snow: Flights were cancelled. Egypt: 43 people are tried. Syria: Dozens died in Homs.", "en"),
        (
            "",
            "+++ Wahl in Mainz: Ministerpräsidentin bleibt +++ Krieg in Syrien: Papst mahnt +++ Wetter: Graupel +++",
            "de",
        ),
        (
            "Günün özeti: asgari ücret, sis, Şam'da yıl dönümü",
            "Asgari ücreti belirleyecek olan komisyon cuma günü yeniden toplandı.\nSuriye'de yıl dönümü kutlandı.",
            "tr",
        ),
    ],
)
def test_a_roundup_is_told_by_its_title_its_labels_or_its_rules(title: str, text: str, language: str) -> None:
    assert "roundup" in seen(title, text, language)
    assert not matched(title, text, language)


@pytest.mark.parametrize(
    ("title", "text", "language"),
    [
        (
            "News in brief: Truce in Aleppo, snow in Spain",
            "Rebels and the army agreed on a truce in Aleppo.\nIt snowed.",
            "en",
        ),
        ("موجز: هدنة في حلب", "اتفقت الفصائل والجيش على هدنة في حلب.\nغزة - اجتماع جديد.", "ar"),
    ],
)
def test_the_headline_s_first_part_is_behind_the_words_that_call_it_a_roundup(
    title: str, text: str, language: str
) -> None:
    assert "roundup" not in seen(title, text, language)
    assert matched(title, text, language)


def test_labels_alone_make_no_roundup() -> None:
    talk = (
        "Aleppo is calm, he says. Question: And the roads? Answer: Open. Question: The schools? Answer: Half of them."
    )
    assert "roundup" not in seen("The mayor answers", talk)


def test_a_film_about_a_war_has_the_words_of_both() -> None:
    film = "The documentary was shot in Aleppo. "
    war = "It shows the siege, the barrel bombs, an air strike on a hospital, and rebels who leave."
    assert seen("A film", film + war)["work-told"].value > seen("A film", film + "It shows a siege.")["work-told"].value
    assert "work-told" not in seen("A match", "The team from Aleppo won its match despite the siege.")


def test_a_trial_is_told_by_words_of_the_court_and_of_the_crimes() -> None:
    crimes = "The court sentenced him to life for torture and crimes against humanity in a prison in Raqqa. The judges said he was a jailer."
    assert seen("Verdict", crimes)["trial"].value >= 1.0
    assert "trial" not in seen("Verdict", "The court sentenced the judge's neighbour, who is from Raqqa, for theft.")
    assert "trial" not in seen("Torture", "He spoke of torture in a prison in Raqqa.")


@pytest.mark.parametrize(
    ("title", "text", "language"),
    [
        ("Photographer is free", "Anna Weber, who had been held hostage in Syria since June, is home. Her mother wept.", "en"),
        ("Le photographe est libre", "Retenu en otage en Syrie depuis juin, il est rentré jeudi. Sa mère a pleuré.", "fr"),
        ("Fotoğrafçı serbest", "Haziranda Suriye'de kaçırılan fotoğrafçı evine döndü. Annesi ağladı.", "tr"),
    ],
)  # fmt: skip
def test_hostages_are_told_of_with_the_country_where_they_are_held(title: str, text: str, language: str) -> None:
    found = seen(title, text, language)
    assert found["captives"].value == found["captives-front"].value == 1.0
    elsewhere = {"en": "Mali", "fr": "au Mali", "tr": "Mali'de"}[language]
    moved = text.replace("in Syria", f"in {elsewhere}").replace("en Syrie", elsewhere).replace("Suriye'de", elsewhere)
    assert "captives" not in seen(title, f"{moved} Syria, la Syrie, Suriye.", language)
