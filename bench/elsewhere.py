"""Scores items that are in no data set, by language and half: python bench/elsewhere.py FILE[,FILE …] TEXTS.jsonl [--kinds] [--errors TOPIC]

TEXTS.jsonl has a line per item: its url, title and text (which are never in the project). FILE is one of bench/labels/elsewhere (french, german …); an
item whose text differs from what was read there is left out and counted. Beside the judge stand two crude ways on the same items: any mention of a topic's name
(of the country or the group, and what is derived from it, doubtful ones too), and one in title or lead; `gain` is what the judge's F1 has over that. Where a second
reader has read the items (elsewhere/again), the judge is held against that one, too, and against what both say; and the readers against each other. --kinds counts the errors by kind of case (with ? where the label is unsure). --errors names what is wrong on isis or syria in the half that may be learned from.
"""

from __future__ import annotations

import hashlib
import json
import random
import sys
from collections import Counter
from pathlib import Path
from typing import Any

from judge_data import LABELS

from crawler.classify import Judge, Verdict
from crawler.classify.document import LEAD
from crawler.classify.folding import fold
from crawler.classify.lexicon import load_topics
from crawler.classify.matching import Matcher

CODES = {"english": "en", "french": "fr", "german": "de", "turkish": "tr", "arabic": "ar"}
TOPICS = ("isis", "syria")
NAMES = ("name", "derived")  # what the lexicon calls the names of a topic itself
BOOTSTRAPS = 1_000
Pairs = list[tuple[bool, bool]]
Rows = list[dict[str, Any]]


def main(files: str, texts: Path, errors: str | None, kinds: bool) -> None:
    """Print F1 with its 95 % interval for each topic and half, and of the labels that are sure."""
    found = {row["url"]: row for row in map(json.loads, texts.read_text(encoding="utf-8").splitlines())}
    labels = [label for file in files.split(",") for label in _labels(file)]
    rows = [label | found[label["url"]] for label in labels if _same(label, found.get(label["url"]))]
    print(f"{len(rows)} of {len(labels)} items have the text that was read")
    judge = Judge.load()
    verdicts = [
        {one.topic: one for one in judge.judge(title=row["title"], text=row["text"], language=row["code"])}
        for row in rows
    ]
    for topic in TOPICS:
        said = [verdict[topic].matched for verdict in verdicts]
        for half in ("learn", "exam", "both"):
            chosen = [(row, one) for row, one in zip(rows, said, strict=True) if half in ("both", row["half"])]
            _line(f"{topic} {half}", [(one, bool(row[topic])) for row, one in chosen])
            _line(f"{topic} {half}, sure", [(one, bool(row[topic])) for row, one in chosen if row["sure"]])
        _second(rows, topic, said)
        _crude(rows, topic, said)
        if kinds:
            _kinds(rows, topic, said)
    if errors:
        _errors(rows, errors, [verdict[errors] for verdict in verdicts])


def _labels(file: str) -> Rows:
    """The first reader's labels of a file, each with the second's as `again` where there is one."""
    lines = (LABELS / "elsewhere" / f"{file}.jsonl").read_bytes().splitlines()
    files = sorted((LABELS / "elsewhere" / "again").glob("*.jsonl"))
    again = {(row["file"], row["id"]): row for one in files for row in map(json.loads, one.read_bytes().splitlines())}
    rows = [json.loads(line) | {"code": CODES[file.split("-")[0]]} for line in lines]
    return [row | {"again": again.get((file, row["id"]))} for row in rows]


def _second(rows: Rows, topic: str, said: list[bool]) -> None:
    """Lines on the items that two readers have read."""
    twice = [
        (one, bool(row[topic]), bool(row["again"][topic])) for one, row in zip(said, rows, strict=True) if row["again"]
    ]
    _line(f"{topic} second reader", [(one, second) for one, _, second in twice])
    _line(f"{topic} both readers", [(one, first) for one, first, second in twice if first == second])
    _line(f"{topic} one reader by other", [(second, first) for _, first, second in twice])


def _same(label: dict[str, Any], found: dict[str, Any] | None) -> bool:
    if found is None:
        return False
    read = f"{found['title']}\n{found['text']}".encode()
    return hashlib.sha256(read).hexdigest().startswith(label["sha256"])


def _crude(rows: Rows, topic: str, said: list[bool]) -> None:
    true = [bool(row[topic]) for row in rows]
    _line(f"{topic} any name", list(zip(_named(rows, topic, None), true, strict=True)))
    lead = _named(rows, topic, LEAD)
    _line(f"{topic} name in title, lead", list(zip(lead, true, strict=True)))
    both = list(zip(said, lead, true, strict=True))

    def gain(drawn: list[tuple[bool, bool, bool]]) -> float:
        return _f1([(one, truth) for one, _, truth in drawn]) - _f1([(one, truth) for _, one, truth in drawn])

    chance = random.Random(1)
    gains = sorted(gain(chance.choices(both, k=len(both))) for _ in range(BOOTSTRAPS))
    print(f"{topic} gain over the latter {gain(both):.3f} ({gains[25]:.3f}-{gains[-26]:.3f})")


def _named(rows: Rows, topic: str, most: int | None) -> list[bool]:
    """Whether a name of the topic stands in the title or in the first `most` characters of the text."""
    forms = [form for one in load_topics() if one.id == topic for form in one.forms if form.concept.sense in NAMES]
    matcher = Matcher(forms)
    fields = [(row["code"], (row["title"], row["text"][:most])) for row in rows]
    return [any(matcher.find(fold(one), one, code) for one in both) for code, both in fields]


def _kinds(rows: Rows, topic: str, said: list[bool]) -> None:
    for name, wrong in (("too many", True), ("missed", False)):
        found = [row for row, one in zip(rows, said, strict=True) if one == wrong and bool(row[topic]) != wrong]
        count = Counter(row["kind"] + "?" * (not row["sure"]) for row in found)
        print(f"{topic} {name}: {', '.join(f'{kind} {number}' for kind, number in count.most_common()) or 'none'}")


def _errors(rows: Rows, topic: str, verdicts: list[Verdict]) -> None:
    for row, verdict in zip(rows, verdicts, strict=True):
        if row["half"] == "learn" and verdict.matched != bool(row[topic]):
            print(f"{row['id']} {row['kind']} {topic}={row[topic]} sure={row['sure']} {verdict.score:.2f}")


def _line(name: str, pairs: Pairs) -> None:
    if not pairs:
        return
    chance = random.Random(1)
    drawn = sorted(_f1(chance.choices(pairs, k=len(pairs))) for _ in range(BOOTSTRAPS))
    wrong = sum(said and not true for said, true in pairs), sum(true and not said for said, true in pairs)
    low, high = drawn[25], drawn[-26]
    positives = sum(true for _, true in pairs)
    print(
        f"{name:26} {len(pairs):4} items {positives:4} positive  F1 {_f1(pairs):.3f} ({low:.3f}-{high:.3f})  too many {wrong[0]}, missed {wrong[1]}"
    )


def _f1(pairs: Pairs) -> float:
    both = sum(said and true for said, true in pairs)
    return 2 * both / max(sum(said for said, _ in pairs) + sum(true for _, true in pairs), 1)


if __name__ == "__main__":
    wanted = sys.argv[sys.argv.index("--errors") + 1] if "--errors" in sys.argv else None
    main(sys.argv[1], Path(sys.argv[2]), wanted, "--kinds" in sys.argv)
