"""Whose text it is: credits in their languages and places, owners of publishers. All texts are invented."""

from __future__ import annotations

import tomllib
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from crawler import syndication
from crawler.syndication import family_of, find_credit

DATA = Path(syndication.__file__).parent

HEADS = [
    ("BEIRUT (AP) — Shells hit the market of Kafr Nour on Monday.", "ap"),
    ("BEIRUT (AP) Shells hit the market of Kafr Nour on Monday.", "ap"),
    ("DAMASCUS, Nov. 24 (Xinhua) -- Shells hit a market.", "xinhua"),
    ("AMMAN, Nov 24 (Reuters) - Shells hit a market.", "reuters"),
    ("Damascus, SANA- The ministry said that the bridge is open.", "sana"),
    ("دمشق - سانا\nقالت الوزارة إن الجسر فتح من جديد.", "sana"),
    ("دمشق-سانا أعلنت الوزارة أن الجسر فتح من جديد.", "sana"),
    ("بيروت (أ ف ب) - سقطت قذائف على السوق.", "afp"),
    ("إسطنبول/ الأناضول\nسقطت قذائف على السوق.", "anadolu"),
    ("أربيل (رووداو) - سقطت قذائف على السوق.", "rudaw"),
    ("دمشق 24 نوفمبر (شينخوا) -- سقطت قذائف على السوق.", "xinhua"),
    ("الحسكة – نورث برس\nسقطت قذائف على السوق.", "north-press"),
    ("ANKARA (AA) - Çarşıya top mermisi düştü.", "anadolu"),
    ("İDLİB, 24 Kasım (AA) - Çarşıya top mermisi düştü.", "anadolu"),
    ("Berlin (dpa) - Granaten trafen einen Markt.", "dpa"),
    ("Berlin (dpa/lno) - Granaten trafen einen Markt.", "dpa"),
    ("Damas (AFP) – Des obus ont touché un marché.", "afp"),
    ("Damasco, 24 nov (EFE).- Varios proyectiles cayeron sobre un mercado.", "efe"),
    ("(ANSA) - ROMA, 24 NOV - Colpi di mortaio su un mercato.", "ansa"),
    ("ДАМАСК, 24 ноября. /ТАСС/. Снаряды упали на рынок.", "tass"),
    ("ДАМАСК, 24 ноя — РИА Новости. Снаряды упали на рынок.", "ria"),
    ("Москва. 24 ноября. INTERFAX.RU - Снаряды упали на рынок.", "interfax"),
    ("新华社大马士革11月24日电 炮弹击中市场。", "xinhua"),
    ("(서울=연합뉴스) 포탄이 시장에 떨어졌다.", "yonhap"),
    ("HESEKÊ - ANHA\nTopên giran li sûkê ketin.", "anha"),
    ("Shells hit a market in the north\nBy Reuters\nNine people were killed.", "reuters"),
    ("Par AFP\nDes obus ont touché un marché.", "afp"),
    ("AFP - Des obus ont touché un marché.", "afp"),
]
ENDS = [
    ("Nine people were killed, rescuers said. (Reuters)", "reuters"),
    ("Neun Menschen starben, sagten Helfer. (dpa)", "dpa"),
    ("Neuf personnes sont mortes. (AFP)", "afp"),
    ("Neuf personnes sont mortes.\nAFP/rd", "afp"),
    ("Zginęło dziewięć osób. (PAP)\n", "pap"),
    ("Nine people were killed.\nSource: SANA", "sana"),
    ("قتل تسعة أشخاص.\nالمصدر: الأناضول", "anadolu"),
    ("قتل تسعة أشخاص.\nالمصدر: وكالات", "unnamed"),
    ("Dokuz kişi öldü.\nKaynak: AA", "anadolu"),
    ("Neun Menschen starben.\n© dpa-infocom, dpa:261124-930-112233/1", "dpa"),
    ("He declined to comment. (Reporting by Ann Roe in Amman; Editing by Bob Doe)", "reuters"),
    ("Nine people were killed.\n© 2026 AFP", "afp"),
]
AUTHORS = [
    ("Reuters", "reuters"), ("Reuters Staff", "reuters"), ("AFP", "afp"), ("By The Associated Press", "ap"),
    ("Ann Roe, Associated Press", "ap"), ("Ann Roe and AFP", "afp"), ("سانا", "sana"), ("وكالة الأناضول", "anadolu"),
    ("وكالات", "unnamed"), ("News Agencies", "unnamed"), ("ТАСС", "tass"), ("dpa", "dpa"), ("North Press Agency", "north-press"),
    ("Anadolu Ajansı", "anadolu"), ("Agencia EFE", "efe"), ("PAP", "pap"), ("ANHA", "anha"), ("新华社", "xinhua"),
]  # fmt: skip
OWN = [
    "Nine people were killed, a rescuer told Reuters on Monday. The army did not comment.",
    "The Associated Press (AP) reported on Monday that shells hit a market.",
    "According to SANA - the state agency - the bridge is open again.",
    "Sources told AFP - which has seen the document - that the bridge is open.",
    "The bridge is open. (Photo by Ann Roe/AFP)",
    "The bridge is open again, officials say.\nPhoto: Reuters",
    "Le pont est ouvert, selon le ministère. (Le Courrier avec AFP)",
    "Die Brücke ist wieder offen, mit Material der dpa",
    "قال مصدر لوكالة سانا إن الجسر فتح من جديد.",
    "The AP wire was cut off, and the AA meeting cancelled.",
    "Reuters: nine people were killed when shells hit a market on Monday, and the army did not comment.",
    "",
]


@pytest.mark.parametrize(("text", "agency"), HEADS)
def test_a_dateline_or_byline_credits_an_agency(text: str, agency: str) -> None:
    found = find_credit(text=text)
    assert found is not None
    assert (found.agency, found.where in ("dateline", "byline")) == (agency, True)
    assert found.text in " ".join(text.split())


@pytest.mark.parametrize(("text", "agency"), ENDS)
def test_an_end_credits_an_agency(text: str, agency: str) -> None:
    found = find_credit(text="Shells hit a market in the north on Monday, and many people fled.\n" + text)
    assert found is not None
    assert (found.agency, found.where) == (agency, "end")


@pytest.mark.parametrize(("author", "agency"), AUTHORS)
def test_an_author_field_credits_an_agency(author: str, agency: str) -> None:
    found = find_credit(author=author, text="Shells hit a market in the north on Monday, and many people fled.")
    assert found is not None
    assert (found.agency, found.where) == (agency, "author")


@pytest.mark.parametrize("text", OWN)
def test_an_agency_that_is_quoted_is_not_credited(text: str) -> None:
    assert find_credit(text=text) is None


@pytest.mark.parametrize(
    "author", ["Ann Roe", "Bob Apfel", "Staff writer", "", None, "Anna, Maria", "Sana Doe", "Petra Roe"]
)
def test_people_are_no_agencies(author: str | None) -> None:
    assert find_credit(author=author, text="The bridge is open again.") is None


def test_an_agency_s_own_site_is_its_own() -> None:
    found = find_credit(url="https://www.reuters.com/world/1", text="The bridge is open.")
    assert found is not None
    assert (found.agency, found.where) == ("reuters", "publisher")


def test_a_summary_may_carry_the_dateline_that_the_text_lost() -> None:
    found = find_credit(text="The bridge is open.", summary="BEIRUT (AP) — The bridge is open.")
    assert found is not None
    assert found.agency == "ap"


@given(st.text(max_size=300), st.text(max_size=60))
def test_any_text_is_read(text: str, author: str) -> None:
    found = find_credit(text=text, author=author, summary=author)
    assert found is None or found.agency


def test_a_long_line_is_read_in_no_time() -> None:
    for text in ("A" * 200_000, "A b " * 50_000, "(" * 100_000, "AP (" * 50_000, "a, " * 60_000):
        assert find_credit(text=text) is None


@pytest.mark.parametrize("file", ["agencies", "families"])
def test_every_entry_has_a_reason_and_ids_and_domains_are_unique(file: str) -> None:
    [entries] = tomllib.loads((DATA / f"{file}.toml").read_text(encoding="utf-8")).values()
    assert all(len(entry["reason"]) > 8 for entry in entries)
    for values in ([entry["id"] for entry in entries], [domain for entry in entries for domain in entry["domains"]]):
        assert len(values) == len(set(values))


@pytest.mark.parametrize(
    ("url", "family"),
    [
        ("https://www.bbc.co.uk/news/1", "family bbc"),
        ("https://bbc.com/arabic/1", "family bbc"),
        ("https://news.harbourcourier-example.org/a", "site harbourcourier-example.org"),
        ("https://harbourcourier.example/b", "site harbourcourier.example"),
        ("http://127.0.0.1:8000/a", ""),
        ("http://[::1]:8000/a", ""),
        ("http://localhost:8000/a", ""),
        ("", ""),
        (None, ""),
    ],
)
def test_the_family_of_a_publisher(url: str | None, family: str) -> None:
    assert family_of(url) == family
