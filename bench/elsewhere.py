"""Scores items that are in no data set, by language and half: python bench/elsewhere.py FILE TEXTS.jsonl [--errors TOPIC]

TEXTS.jsonl has a line per item: its url, title and text (which are never in the project). FILE is one of bench/labels/elsewhere (french, german …); an
item whose text differs from what was read there is left out and counted. Beside the judge stand two crude ways on the same items: any mention of a topic's name
(of the country or the group, and what is derived from it, doubtful ones too), and one in title or lead. --errors names what is wrong on isis or syria in the half
that may be learned from.
"""

from __future__ import annotations

import hashlib
import json
import random
import sys
from pathlib import Path
from typing import Any

from judge_data import LABELS

from crawler.classify import Judge
from crawler.classify.document import LEAD
from crawler.classify.folding import fold
from crawler.classify.lexicon import load_topics
from crawler.classify.matching import Matcher

CODES = {"english": "en", "french": "fr", "german": "de", "turkish": "tr", "arabic": "ar"}
TOPICS = ("isis", "syria")
NAMES = ("name", "derived")  # what the lexicon calls the names of a topic itself
BOOTSTRAPS = 1_000
Pairs = list[tuple[bool, bool]]


def main(language: str, texts: Path, errors: str | None) -> None:
    """Print F1 with its 95 % interval for each topic and half, and of the labels that are sure."""
    found = {row["url"]: row for row in map(json.loads, texts.read_text(encoding="utf-8").splitlines())}
    labels = [json.loads(line) for line in (LABELS / "elsewhere" / f"{language}.jsonl").read_bytes().splitlines()]
    rows = [label | found[label["url"]] for label in labels if _same(label, found.get(label["url"]))]
    print(f"{len(rows)} of {len(labels)} items have the text that was read")
    judge, code = Judge.load(), CODES[language.split("-")[0]]
    verdicts = [
        {one.topic: one for one in judge.judge(title=row["title"], text=row["text"], language=code)} for row in rows
    ]
    for topic in TOPICS:
        said = [(row, verdict[topic].matched) for row, verdict in zip(rows, verdicts, strict=True)]
        for half in ("learn", "exam", "both"):
            chosen = [(row, one) for row, one in said if half in ("both", row["half"])]
            _line(f"{topic} {half}", [(one, bool(row[topic])) for row, one in chosen])
            _line(f"{topic} {half}, sure", [(one, bool(row[topic])) for row, one in chosen if row["sure"]])
        for name, most in (("any name", None), ("name in title, lead", LEAD)):
            named = _named(rows, topic, code, most)
            _line(f"{topic} {name}", [(one, bool(row[topic])) for row, one in zip(rows, named, strict=True)])
    for row, verdict in zip(rows, verdicts, strict=True) if errors else ():
        if row["half"] == "learn" and verdict[errors].matched != bool(row[errors]):
            print(f"{row['id']} {row['kind']} {errors}={row[errors]} sure={row['sure']} {verdict[errors].score:.2f}")


def _same(label: dict[str, Any], found: dict[str, Any] | None) -> bool:
    if found is None:
        return False
    read = f"{found['title']}\n{found['text']}".encode()
    return hashlib.sha256(read).hexdigest().startswith(label["sha256"])


def _named(rows: list[dict[str, Any]], topic: str, code: str, most: int | None) -> list[bool]:
    """Whether a name of the topic stands in the title or in the first `most` characters of the text."""
    forms = [form for one in load_topics() if one.id == topic for form in one.forms if form.concept.sense in NAMES]
    matcher = Matcher(forms)
    fields = [(row["title"], row["text"][:most]) for row in rows]
    return [any(matcher.find(fold(one), one, code) for one in both) for both in fields]


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
    main(sys.argv[1], Path(sys.argv[2]), sys.argv[4] if "--errors" in sys.argv[3:] else None)
