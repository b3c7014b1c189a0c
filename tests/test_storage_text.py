"""Text on its way into the database: cleaned, folded, cut."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from storage.text import INDEXED_WORDS, LONGEST_WORD, clean, fold, language_code, search_words, short_key

FOLDED = [
    ("Syria's ceasefire — day 3", "syria s ceasefire day 3"),
    ("al-Hol", "al hol"),
    ("Äußerung, Ærø, Łódź", "ausserung aero lodz"),
    ("İstanbul'da IŞİD", "istanbul da isid"),
    ("ışık ISIK işık", "isik isik isik"),
    ("الدَّوْلَةُ الإسـلامية", "الدوله الاسلاميه"),
    ("سوريا سورية سوريّة", "سوريا سوريه سوريه"),
    ("أحمد إدلب آمن ٱلشام", "احمد ادلب امن الشام"),
    ("مستشفى مستشفي", "مستشفي مستشفي"),
    ("داعش در سوریه می‌جنگد", "داعش در سوريه ميجنگد"),
    ("١٢٣ ۱۲۳ １２３ ²", "123 123 123 2"),
    ("Ёлка Сирия", "елка сирия"),
    ("ﻻ ﷲ ﬁn", "لا الله fin"),
    ("한국어 العربية", "한국어 العربيه"),
    ("co\u00adoperation", "cooperation"),
    ("one\u200btwo snake_case 🙂 a\x00b", "one two snake case a b"),
    ("", ""),
    ("… — !", ""),
]


@pytest.mark.parametrize(("text", "folded"), FOLDED)
def test_fold(text: str, folded: str) -> None:
    assert fold(text) == folded


@given(st.text())
def test_folding_twice_is_folding_once(text: str) -> None:
    assert fold(fold(text)) == fold(text)


@given(st.text())
def test_folded_text_is_letters_digits_and_single_spaces(text: str) -> None:
    folded = fold(text)
    assert folded == " ".join(folded.split())
    assert all(character.isalnum() or character == " " for character in folded)


@given(st.text())
def test_clean_text_can_be_encoded_and_loses_nothing_else(text: str) -> None:
    assert clean(text).encode() == text.replace("\x00", "").encode(errors="ignore")


def test_search_words_are_bounded_in_number_and_length() -> None:
    words = search_words("title", "summary", "x" * 5000 + " word" * 20_000).split()
    assert len(words) == INDEXED_WORDS
    assert words[:3] == ["title", "summary", "x" * LONGEST_WORD]


def test_long_keys_are_cut_and_stay_apart() -> None:
    first, second = (short_key("https://a.example/" + "é" * 900 + end) for end in "12")
    assert first != second
    assert first.startswith("https://a.example/é")
    assert max(len(first.encode()), len(second.encode())) < 300
    assert short_key("https://a.example/1") == "https://a.example/1"


@pytest.mark.parametrize(
    ("tag", "code"),
    [("en-GB", "en"), ("ar_SY", "ar"), (" TR ", "tr"), ("ckb", "ckb"), ("", None), (None, None), ("-", None)],
)
def test_language_code(tag: str | None, code: str | None) -> None:
    assert language_code(tag) == code
