"""The judge: verdicts that are a sum, triage, and what bad input does."""

from __future__ import annotations

import json
import math
from pathlib import Path
from shutil import copy

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from shipped_judge import JUDGE

from crawler.classify import Judge, Verdict, judge_line
from crawler.classify.lexicon import TOPICS
from crawler.classify.model import LIMIT

IDLIB = (
    "Air strikes hit a market in Idlib in north-western Syria on Tuesday, killing at least nine people, rescue workers said. "
    "The Syrian Observatory for Human Rights said the strikes were carried out near the town of Ariha.\n"
    "Syrian state media did not comment. More than 2,000 families have fled towards the Turkish border since Sunday."
)
CELL = (
    "Police in the port city arrested four men on Friday who are accused of planning an attack in the name of Islamic State.\n"
    "Prosecutors said the cell had pledged allegiance to the group's leader and had bought chemicals on the internet. "
    "Islamic State militants claimed two bombings in the country last year."
)
RAIN = (
    "Heavy rain is expected over the northern valleys on Tuesday, the weather service said. Drivers should leave more time.\n"
    "The rain will ease by Thursday morning, and the weekend will be dry and mild in most places."
)


def verdict(topic: str, title: str, text: str, language: str | None = None) -> Verdict:
    return next(one for one in JUDGE.judge(title=title, text=text, language=language) if one.topic == topic)


@pytest.mark.parametrize(
    ("title", "text", "syria", "isis"),
    [
        ("Air strikes hit market in Syria's Idlib", IDLIB, True, False),
        ("", IDLIB, True, False),
        ("Four held over Islamic State plot", CELL, False, True),
        ("Rain expected in the north", RAIN, False, False),
        (
            "The goddess Isis in a new light",
            "A show on Isis and Osiris opens at the museum of the valley on Sunday.",
            False,
            False,
        ),
        ("Human rights and the ambassador", "The ambassador spoke of rights.", False, False),
        (
            "Suriye'de IŞİD hücresine operasyon",
            "Suriye'nin Rakka kentinde düzenlenen operasyonda IŞİD'in üç üyesi yakalandı.",
            True,
            True,
        ),
        (
            "قصف على ريف إدلب",
            "قتل تسعة مدنيين في غارات على سوق شعبي في ريف إدلب شمال غربي سوريا، بحسب المرصد السوري.",
            True,
            False,
        ),
        (
            "داعش يتبنى تفجيرا في كابل",
            "تبنى تنظيم الدولة الإسلامية هجوما انتحاريا قتل فيه عشرة أشخاص في العاصمة كابل.",
            False,
            True,
        ),
    ],
)
def test_plain_cases(title: str, text: str, syria: bool, isis: bool) -> None:
    assert (verdict("syria", title, text).matched, verdict("isis", title, text).matched) == (syria, isis)


@pytest.mark.parametrize("text", [IDLIB, CELL, RAIN, IDLIB + "\n" + CELL, "", "Syria " * 500])
@pytest.mark.parametrize("title", ["", "Air strikes in Syria", "IŞİD'in Suriye'deki lideri", "ISIS"])
def test_the_evidence_adds_up_and_is_the_article_s_own_text(title: str, text: str) -> None:
    fields = {"title": title, "text": text}
    for one in JUDGE.judge(title=title, text=text):
        total = sum(item.weight for item in one.evidence)
        assert one.score == pytest.approx(1 / (1 + math.exp(-total)), abs=1e-12)
        assert abs(total) <= LIMIT + 1e-6
        assert [item.term for item in one.evidence].count("bias") == 1
        for item in one.evidence:
            if item.term != "bias":
                assert fields[item.field][item.start : item.end] == item.text
                assert item.sense


@settings(max_examples=60, deadline=None, suppress_health_check=[HealthCheck.too_slow])
@given(st.sampled_from([IDLIB, CELL, RAIN]), st.text(max_size=120), st.integers(0, 300))
def test_the_evidence_is_true_of_any_text(base: str, strange: str, at: int) -> None:
    text = base[:at] + strange + base[at:]
    for one in JUDGE.judge(title=strange, text=text):
        assert 0 < one.score < 1
        assert sum(item.weight for item in one.evidence) == pytest.approx(
            math.log(one.score / (1 - one.score)), abs=1e-6
        )
        assert all(
            {"title": strange, "text": text}.get(item.field, "")[item.start : item.end] == item.text
            for item in one.evidence
        )


@settings(max_examples=80, deadline=None)
@given(
    st.lists(
        st.sampled_from((RAIN + " " + CELL.replace("Islamic State", "the firm")).split()), min_size=5, max_size=120
    )
)
def test_an_irrelevant_paragraph_never_makes_a_match(words: list[str]) -> None:
    passing = (
        "Ministers met on Monday to speak about trade and fisheries. " * 8
        + "One had served in Syria and in Iraq. "
        + "They agreed on quotas. " * 8
    )
    before = verdict("syria", "Ministers agree on fisheries", passing)
    after = verdict("syria", "Ministers agree on fisheries", passing + "\n" + " ".join(words) + ".")
    assert not before.matched
    assert not after.matched
    assert after.score <= before.score + 1e-9


@pytest.mark.parametrize("joint", ["\n", " "])
@pytest.mark.parametrize(
    ("title", "text"),
    [
        ("Damascus lights up", "The lights came on at seven in Damascus, and the square filled with people who had waited all day."),
        ("Raqqa the cat finds a home", "Nurses from Lahore took Raqqa in. The ward in Kerala sang for the cat."),
        ("Bakery of the year", "Siria Poletti from Lima opened a second shop. The baker sells to Peru and to Chile."),
    ],
)  # fmt: skip
def test_an_irrelevant_paragraph_takes_no_doubt_from_a_short_line(title: str, text: str, joint: str) -> None:
    before = verdict("syria", title, text)
    after = verdict("syria", title, text + joint + joint.join([RAIN] * 8))
    assert not before.matched
    assert not after.matched
    assert after.score <= before.score + 1e-9


@pytest.mark.parametrize("text", [RAIN, "", "مطر غزير في الوادي", "Il pleut. C'est ainsi.", "SS UNS PI Assad"])
def test_a_text_that_names_nothing_has_the_verdict_of_the_long_way(text: str) -> None:
    weights = {topic: JUDGE.model.of(topic) for topic in JUDGE.topics}
    found = JUDGE.features(title="", text=text)
    for one in JUDGE.judge(title="", text=text):
        bias, shares = weights[one.topic].shares(found[one.topic])
        assert one.score == pytest.approx(1 / (1 + math.exp(-bias - sum(shares.values()))), abs=1e-9)


def test_a_verdict_does_not_depend_on_a_wrongly_declared_language() -> None:
    scores = {
        verdict("syria", "Air strikes hit market in Syria's Idlib", IDLIB, language).score
        for language in (None, "en", "tr", "ar", "xx", "")
    }
    assert len(scores) == 1


@pytest.mark.parametrize(
    "text",
    [
        "",
        " ",
        "x",
        "Syria",
        "\x00\x01\u202e",
        "<p>Syria</p>" * 50,
        "\ud800 Syria",
        "ISIS داعش ИГИЛ IŞİD" * 100,
        "ا" * 5_000,
        "a." * 50_000,
        "(" * 100_000,
    ],
    ids=range(11),
)
def test_strange_texts_get_a_verdict(text: str) -> None:
    assert [one.topic for one in JUDGE.judge(title=text[:200], text=text)] == ["isis", "syria"]


def test_of_ten_megabytes_the_beginning_is_read() -> None:
    huge = RAIN + " Syria, Idlib, Islamic State." * 400_000
    assert len(huge) > 10_000_000
    for one in JUDGE.judge(title="Rain", text=huge):
        assert len(one.evidence) < 200


@pytest.mark.parametrize(
    ("title", "summary", "candidate"),
    [
        ("Air strikes hit market in Idlib", "", True),
        ("Esad: kimse sizi korumaz", "", True),
        ("Suicide bomber kills ten at checkpoint", "Militants attacked an army post.", True),
        ("", "", True),
        ("Rain expected in the north", "Drivers should leave more time.", False),
        ("Home side win the cup", "Two late goals decided the match.", False),
    ],
)
def test_triage_is_generous(title: str, summary: str, candidate: bool) -> None:
    assert JUDGE.triage(title=title, summary=summary).candidate is candidate


@pytest.mark.parametrize(
    ("line", "told"),
    [
        ("{", "not valid JSON"),
        ("[1, 2]", "not a JSON object"),
        ('{"id": 3, "title": 7}', "title must be a text"),
        ('{"id": 3, "title": "x", "text": ["y"]}', "text must be a text"),
        ('{"id": 3}', "neither title nor text"),
        ('{"id": 3, "title": null, "text": ""}', "neither title nor text"),
        ("[" * 100_000, "not valid JSON"),
    ],
)
def test_a_bad_line_is_an_answer(line: str, told: str) -> None:
    answer = judge_line(JUDGE, line)
    assert set(answer) == {"id", "error"}
    assert told in answer["error"]


def test_a_good_line_has_the_shape_of_the_contract() -> None:
    answer = judge_line(JUDGE, json.dumps({"id": "a", "title": "Air strikes in Syria", "text": IDLIB}))
    assert list(answer) == ["id", "isis", "syria"]
    assert set(answer["syria"]) == {"score", "match", "threshold", "evidence"}
    assert set(answer["syria"]["evidence"][0]) == {"field", "start", "end", "text", "term", "sense", "weight"}
    assert json.loads(json.dumps(answer)) == answer


def test_a_third_topic_is_a_file(tmp_path: Path) -> None:
    for file in TOPICS.glob("*.toml"):
        copy(file, tmp_path)
    (tmp_path / "lebanon.toml").write_text(
        'topic = "lebanon"\ntitle = "Lebanon"\n[name.lebanon]\nwhy = "the country"\nen = ["Lebanon"]\nar = ["لبنان"]\n'
        '[derived.lebanese]\nwhy = "of the country"\nen = ["Lebanese"]\n[place.beirut]\nwhy = "the capital"\nen = ["Beirut"]\nar = ["بيروت"]\n',
        encoding="utf-8",
    )
    judge = Judge.load(tmp_path)
    assert judge.topics == ("isis", "lebanon", "syria")
    assert judge.version != JUDGE.version
    text = "Lebanon's cabinet met in Beirut on Monday to speak about the Lebanese pound, which lost a tenth of its value in a week."
    found = {one.topic: one.matched for one in judge.judge(title="Lebanese pound falls again", text=text)}
    assert found == {"isis": False, "lebanon": True, "syria": False}
    assert not any(one.matched for one in judge.judge(title="Rain expected", text=RAIN))


def test_the_version_names_the_files_content(tmp_path: Path) -> None:
    assert Judge.load().version == JUDGE.version
    assert len(JUDGE.version) == 12
