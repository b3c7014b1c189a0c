"""What the lexicon finds in a text and what it passes over: whole words, in every script."""

from __future__ import annotations

import itertools

import pytest
from hypothesis import given
from hypothesis import strategies as st

from crawler.classify.folding import UNSURE, fold, folded_character
from crawler.classify.languages import language_code, language_of
from crawler.classify.lexicon import ANCHORS, load_topics
from crawler.classify.matching import Matcher

MATCHER = Matcher(form for topic in load_topics() for form in topic.forms)


def names(text: str, topic: str, language: str | None = None) -> list[str]:
    """What names a topic in a text, as it stands there."""
    folded = fold(text)
    found = MATCHER.find(folded, text, language).get(topic, [])
    spans = [folded.original(one.start, one.end) for one in found if one.concept.sense in ANCHORS]
    return [text[start:end] for start, end in spans]


@pytest.mark.parametrize(
    ("text", "topic", "expected"),
    [
        # whole words only: the classic failure of substring matching
        ("The ambassador spoke of human rights", "syria", []),
        ("Nights of insights and heights", "syria", []),
        ("A crisis, a basis, an oasis of Isidore", "isis", []),
        ("He visited Syria.", "syria", ["Syria"]),
        ("SYRIA: talks resume", "syria", ["SYRIA"]),
        ("anti-Syrian feeling", "syria", ["anti-Syrian"]),
        # Arabic particles and the article stick to the word, and nothing else does
        ("وفي دمشق وبحلب ولإدلب", "syria", ["دمشق", "حلب", "إدلب"]),
        ("والسوريين وللسوريين", "syria", ["سوريين", "سوريين"]),
        ("وداعش لداعش بداعش", "isis", ["داعش", "داعش", "داعش"]),
        ("مسرح سوريالي حديث", "syria", []),
        ("إدارة التصحلبات", "syria", []),
        ("سرقة سنوية", "syria", []),  # س goes before verbs alone
        # harakat and tatweel are looks
        ("سُورِيَا", "syria", ["سُورِيَا"]),
        ("داعـــش", "isis", ["داعـــش"]),
        # Turkish endings, with and without their apostrophe, and capital dotted I
        ("Suriye'de, Suriye’ye, Suriyeliler", "syria", ["Suriye'de", "Suriye’ye", "Suriyeliler"]),
        ("İdlib'e girdi", "syria", ["İdlib'e"]),
        ("IŞİD'li, IŞİD’in, DEAŞ'lılar", "isis", ["IŞİD'li", "IŞİD’in", "DEAŞ'lılar"]),
        # inflection elsewhere
        ("в Сирии и с сирийскими властями", "syria", ["Сирии", "сирийскими властями"]),
        ("боевики ИГИЛ", "isis", ["ИГИЛ"]),
        ("w Syrii, syryjskich, Syryjczyków", "syria", ["Syrii", "syryjskich", "Syryjczyków"]),
        ("Nordsyrien und syrischen Truppen", "syria", ["Nordsyrien", "syrischen Truppen"]),
        ("IS-Kämpfern und der Terrormiliz IS", "isis", ["IS-Kämpfern", "Terrormiliz IS"]),
        ("l’organisation État islamique", "isis", ["l’organisation État islamique"]),
        # other bearers of the names
        ("Syriza won, and the Syriac Church", "syria", []),
        ("the goddess Isis and the River Isis", "isis", []),
        ("Göttin Isis im Isis-Tempel", "isis", []),
        ("Simona Halep wins", "syria", []),
        ("حمص بالطحينة", "syria", []),
        ("the Islamic Republic and an Islamic state", "isis", []),
    ],
)
def test_finds_names_and_nothing_else(text: str, topic: str, expected: list[str]) -> None:
    assert names(text, topic) == expected


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("der IS bekannte sich", ["IS"]),
        ("this is it", []),
        ("THIS IS THE END OF ALL OF IT", []),
        ("WHAT IF IT IS NOT SO AFTER ALL AND", []),
    ],
)
def test_letters_that_are_words_count_as_they_are_written(text: str, expected: list[str]) -> None:
    assert names(text, "isis") == expected


def test_a_spelling_of_another_language_is_doubtful() -> None:
    folded = fold("She beat Münbiç in the final")
    (mention,) = MATCHER.find(folded, "She beat Münbiç in the final", "en")["syria"]
    assert mention.weak > 0
    folded = fold("Halep için toplandılar")
    (mention,) = MATCHER.find(folded, "Halep için toplandılar", "tr")["syria"]
    assert mention.weak == 0


@pytest.mark.parametrize(
    ("text", "language"),
    [
        ("the talks in the capital were of no use to the parties", "en"),
        ("les négociations dans la capitale ne sont pas finies", "fr"),
        ("die Gespräche in der Hauptstadt sind nicht beendet und", "de"),
        ("görüşmeler için bir tarih ve yer belirlendi, bu sabah", "tr"),
        ("las conversaciones en la capital no han dado fruto y", "es"),
        ("rozmowy w stolicy nie przyniosły skutku i na tym się", "pl"),
        ("Reuters", None),
        ("", None),
    ],
)
def test_the_language_is_told_by_common_words(text: str, language: str | None) -> None:
    assert language_of(None, fold(text).text) == language


def test_a_declared_language_holds_unless_the_text_plainly_says_another() -> None:
    headline = fold("Mann soll Anschlag für IS geplant haben – Festnahme in Brandenburg").text
    assert language_of("de", headline) == "de"
    english = fold("the talks in the capital were of no use to the parties, and the envoy said so on Monday").text
    assert language_of("de", english) == "en"


@pytest.mark.parametrize(
    ("tag", "code"),
    [("en-GB", "en"), ("AR_sy", "ar"), ("xx", None), ("", None), (None, None), ("english please", None)],
)
def test_a_declared_language_is_read_generously(tag: str | None, code: str | None) -> None:
    assert language_code(tag) == code


@given(st.text(max_size=300))
def test_folding_is_idempotent(text: str) -> None:
    once = fold(text).text
    assert fold(once).text == once


@given(st.text(max_size=200), st.data())
def test_every_span_of_the_folded_text_is_a_span_of_the_text(text: str, data: st.DataObject) -> None:
    folded = fold(text)
    if not folded.text:
        return
    start = data.draw(st.integers(0, len(folded.text) - 1))
    end = data.draw(st.integers(start + 1, len(folded.text)))
    first, last = folded.original(start, end)
    assert 0 <= first < last <= len(text)
    assert folded.text[start:end] in fold(text[first:last]).text


def test_what_folding_passes_over_at_a_glance_stays_as_it_is() -> None:
    letters = [chr(code) for code in range(0x10000) if not UNSURE.match(chr(code))]
    assert len(letters) > 20_000
    assert [letter for letter in letters if folded_character(letter) != letter] == []


@given(st.text(alphabet="ISisSyria سوريا داعش\u064e’-. الشامЦé", max_size=200))
def test_a_glance_overlooks_no_name(text: str) -> None:
    folded = fold(text)
    for language in (None, "en", "tr"):
        found = MATCHER.find(folded, text, language).values()
        if any(one.concept.sense in ANCHORS for mentions in found for one in mentions):
            assert MATCHER.names(folded, text, MATCHER.hits(folded))


@given(st.text(alphabet="ISisАاдعش‎‌ \n'’-. ", max_size=400))
def test_matching_never_raises(text: str) -> None:
    folded = fold(text)
    for mentions in MATCHER.find(folded, text).values():
        names = [one for one in mentions if one.concept.sense in (*ANCHORS, "other")]
        for one, other in itertools.pairwise(names):
            assert one.end <= other.start
