"""Learning from labels: weights move towards what analysts say, and the figures shown are honest."""

from __future__ import annotations

import json
from pathlib import Path

import pytest
from shipped_judge import JUDGE
from storage_samples import NOW, add_feed, list_entries, seen

from crawler.classify import Judge
from crawler.classify.model import load_model
from crawler.classify.training import Sample, best_threshold, f1, fit
from crawler.retrain import LEAST, retrain
from storage import labels
from storage.db import Database
from storage.labels import LabelledText
from tests.command import Desk

BORDER = "Lorries queue at the border with Syria"
STRIKE = "Air strikes kill nine in Syria's Idlib"


def labelled(
    title: str, value: str, number: int, text: str = "The queue was long on day {}, drivers said."
) -> LabelledText:
    return LabelledText(number, "syria", value, title, text.format(number), "en")  # type: ignore[arg-type]


def many() -> list[LabelledText]:
    """Analysts who want every story from the border, and no strikes: the other way round than the shipped judge."""
    rows = [labelled(f"{BORDER}, day {number}", "yes", number) for number in range(40)]
    return rows + [
        labelled(f"{STRIKE}, day {number}", "no", 100 + number, "Rescuers in Idlib spoke of day {}.")
        for number in range(40)
    ]


def test_weights_follow_the_labels_and_keep_their_signs() -> None:
    reports, model = retrain(JUDGE, many())
    report = next(one for one in reports if one.topic == "syria")
    assert report.after is not None
    assert report.before.labels == report.after.labels == 80
    assert report.after.right + report.after.missed == 40
    assert report.after.wrong < report.before.wrong or report.after.missed < report.before.missed
    assert model["topics"]["syria"]["weights"].get("border", 0.0) <= 0
    assert model["topics"]["isis"] == {**model["topics"]["isis"], "bias": JUDGE.model.of("isis").bias}


def test_too_few_labels_say_so_and_change_nothing() -> None:
    reports, model = retrain(JUDGE, many()[: LEAST - 1])
    report = next(one for one in reports if one.topic == "syria")
    assert report.after is None
    assert f"{LEAST} of each are needed" in report.problem
    assert model["topics"]["syria"]["bias"] == JUDGE.model.of("syria").bias


def test_the_file_is_a_model(tmp_path: Path) -> None:
    _, model = retrain(JUDGE, many())
    file = tmp_path / "model.json"
    file.write_text(json.dumps(model), encoding="utf-8")
    again = Judge.load(model=file)
    assert load_model(file).of("syria").threshold == model["topics"]["syria"]["threshold"]
    assert again.version != JUDGE.version


def test_labels_of_one_kind_cannot_be_fitted() -> None:
    with pytest.raises(ValueError, match="both kinds"):
        fit([Sample({}, relevant=True)])


def test_the_threshold_is_that_of_the_best_f1() -> None:
    scores, relevant = [0.2, 0.35, 0.45, 0.6, 0.9], [False, False, True, True, True]
    assert 0.35 < best_threshold(scores, relevant) <= 0.45
    assert f1(scores, relevant, 0.4) == 1.0
    assert f1(scores, [False] * 5, 0.4) == 0.0


def test_the_texts_of_labels_are_the_newest_answers(database: Database) -> None:
    (entry,) = list_entries(database, add_feed(database), seen(1))
    with database.write() as session:
        for value in ("yes", "no"):
            labels.add(session, entry_id=entry, topic="syria", value=value, who="a", now=NOW)  # type: ignore[arg-type]
    with database.read() as session:
        (text,) = labels.texts(session)
    assert (text.entry_id, text.topic, text.value) == (entry, "syria", "no")
    assert text.title


def test_the_command_says_what_is_missing(tmp_path: Path, database_url: str) -> None:
    desk = Desk(tmp_path, database_url)
    desk.ok("db", "upgrade")
    done = desk.run("train", "--from-labels")
    assert done.returncode == 1
    assert "levantwatch review" in done.stderr.decode()
    assert desk.run("train").returncode == 2
    assert not (tmp_path / "levantwatch-model.json").exists()
