"""Stories in which Syria only stands beside: stage, sport, kitchens, one person's life; and what Arabic and German write of it. Every sentence is invented."""

from __future__ import annotations

import pytest
from shipped_judge import JUDGE

from crawler.classify import Verdict
from crawler.classify.document import Feature


def syria(title: str, text: str, language: str) -> Verdict:
    verdicts = JUDGE.judge(title=title, text=text, language=language)
    return next(one for one in verdicts if one.topic == "syria")


def seen(title: str, text: str, language: str) -> dict[str, Feature]:
    return JUDGE.features(title=title, text=text, language=language)["syria"]


SERIES = ("النجمة السورية لمى الخيّاط في مسلسل جديد", "يعرض المسلسل في رمضان. وتؤدي الفنانة السورية دور محامية.")
TABLE = ("Syrien trifft auf den Oman", "Das Länderspiel findet in Doha statt. Syrien fehlt der Trainer.")


@pytest.mark.parametrize(("title", "text", "language"), [(*SERIES, "ar"), (*TABLE, "de")])
def test_stage_and_sport_alone_are_no_story_about_the_country(title: str, text: str, language: str) -> None:
    assert seen(title, text, language)["leisure"].value > 0
    assert not syria(title, text, language).matched


@pytest.mark.parametrize(
    ("title", "text", "language"),
    [
        (SERIES[0], "يروي المسلسل قصف الغوطة وحصارها. وتؤدي الفنانة السورية دور معتقلة.", "ar"),
        (TABLE[0], "Das Länderspiel ist das erste in Damaskus seit dem Bürgerkrieg. Präsident Scharaa sieht zu.", "de"),
    ],
)
def test_one_word_of_war_or_state_takes_that_away(title: str, text: str, language: str) -> None:
    assert "leisure" not in seen(title, text, language)


def test_such_a_word_in_a_paragraph_behind_the_last_name_does_not() -> None:
    title, text = SERIES
    longer = f"{text}\nوفي خبر آخر، تحدث الرئيس عن الحرب في السودان."
    assert seen(title, longer, "ar")["leisure"].value == seen(title, text, "ar")["leisure"].value
    assert not syria(title, longer, "ar").matched


@pytest.mark.parametrize("word", ["سورياً", "سوريًا"])
def test_the_accusative_of_syrian_is_a_person_and_not_the_country(word: str) -> None:
    found = seen("", f"أوقفت شرطة مادبا شاباً {word} يشتبه بسرقته سيارة.", "ar")
    assert {spot.mention.concept.sense for spot in found["paragraph"].spots or found["person"].spots} == {"derived"}
    assert "title-strong" not in found
    assert found["person"].value == 1


def test_without_its_marks_it_is_the_country() -> None:
    assert "title-strong" in seen("", "زار الوزير سوريا أمس.", "ar")


@pytest.mark.parametrize(
    ("title", "text"),
    [
        ("تدمر: عودة أهالي الحي الشرقي", "رفع الأهالي الركام بأيديهم. وحذرت فرق من الألغام."),
        ("اشتباكات قرب الباب توقع أربعة قتلى", "دار القتال بين فصيلين عند حاجز. وسقطت قذائف على السوق."),
        ("عشرة آلاف لاجئ سوري يغادرون", "قالت المفوضية إنهم غادروا في شهر واحد. وبقي في البلد مئة ألف لاجئ سوري."),
        ("زيارة إلى مخيم الزعتري", "قالت المنظمة إن المساعدات تكفي شهراً. ويعيش في المخيم ثمانون ألف لاجئ سوري."),
        ("انتخاب رئيس للحكومة السورية المؤقتة", "اجتمع الائتلاف الوطني لقوى الثورة في إسطنبول."),
    ],
)
def test_what_arabic_reports_call_it_and_its_people(title: str, text: str) -> None:
    assert syria(title, text, "ar").matched


@pytest.mark.parametrize(
    "text", ["فتح الحارس الباب ودخل. وقف الضيوف في الباب.", "القذيفة تدمر كل شيء في اللعبة الجديدة."]
)
def test_doors_and_destruction_are_no_towns(text: str) -> None:
    assert not syria("", text, "ar").matched


def test_violence_is_a_word_of_war_and_state_in_german() -> None:
    assert syria(
        "Syrien: Vier Fraktionen verurteilen Gewalt", "Sie fordern ein Ende der Gewalt in Syrien.", "de"
    ).matched


def test_where_somebody_comes_from_is_their_origin_in_german() -> None:
    assert seen("Neuer Meister", "Der Bäcker stammt aus Aleppo.", "de")["person"].value == 1


def test_another_town_that_is_not_like_one_is_a_comparison_in_german() -> None:
    assert seen("Sumy ist nicht Aleppo", "Die Ukraine hat dort Flugabwehr.", "de")["comparison"].value > 0
