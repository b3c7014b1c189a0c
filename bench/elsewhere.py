"""Scores items that are in no data set, by language and half: python bench/elsewhere.py FILE TEXTS.jsonl [--errors TOPIC]

TEXTS.jsonl has a line per item: its url, title and text (which are never in the project). FILE is one of bench/labels/elsewhere (french, german …); an
item whose text differs from what was read there is left out and counted. --errors names what is wrong on isis or syria in the half that may be learned from.
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

CODES = {"french": "fr", "german": "de", "turkish": "tr", "arabic": "ar"}
TOPICS = ("isis", "syria")
BOOTSTRAPS = 1_000
Pairs = list[tuple[bool, bool]]


def main(language: str, texts: Path, errors: str | None) -> None:
    """Print F1 with its 95 % interval for each topic and half, and of the labels that are sure."""
    found = {row["url"]: row for row in map(json.loads, texts.read_text(encoding="utf-8").splitlines())}
    labels = [json.loads(line) for line in (LABELS / "elsewhere" / f"{language}.jsonl").read_bytes().splitlines()]
    rows = [label | found[label["url"]] for label in labels if _same(label, found.get(label["url"]))]
    print(f"{len(rows)} of {len(labels)} items have the text that was read")
    judge = Judge.load()
    verdicts = [
        {
            one.topic: one
            for one in judge.judge(title=row["title"], text=row["text"], language=CODES[language.split("-")[0]])
        }
        for row in rows
    ]
    for topic in TOPICS:
        said = [(row, verdict[topic].matched) for row, verdict in zip(rows, verdicts, strict=True)]
        for half in ("learn", "exam", "both"):
            chosen = [(row, one) for row, one in said if half in ("both", row["half"])]
            _line(f"{topic} {half}", [(one, bool(row[topic])) for row, one in chosen])
            _line(f"{topic} {half}, sure", [(one, bool(row[topic])) for row, one in chosen if row["sure"]])
    for row, verdict in zip(rows, verdicts, strict=True) if errors else ():
        if row["half"] == "learn" and verdict[errors].matched != bool(row[errors]):
            print(f"{row['id']} {row['kind']} {errors}={row[errors]} sure={row['sure']} {verdict[errors].score:.2f}")


def _same(label: dict[str, Any], found: dict[str, Any] | None) -> bool:
    if found is None:
        return False
    read = f"{found['title']}\n{found['text']}".encode()
    return hashlib.sha256(read).hexdigest().startswith(label["sha256"])


def _line(name: str, pairs: Pairs) -> None:
    if not pairs:
        return
    chance = random.Random(1)
    drawn = sorted(_f1(chance.choices(pairs, k=len(pairs))) for _ in range(BOOTSTRAPS))
    wrong = sum(said and not true for said, true in pairs), sum(true and not said for said, true in pairs)
    low, high = drawn[25], drawn[-26]
    positives = sum(true for _, true in pairs)
    print(
        f"{name:20} {len(pairs):4} items {positives:4} positive  F1 {_f1(pairs):.3f} ({low:.3f}-{high:.3f})  too many {wrong[0]}, missed {wrong[1]}"
    )


def _f1(pairs: Pairs) -> float:
    both = sum(said and true for said, true in pairs)
    return 2 * both / max(sum(said for said, _ in pairs) + sum(true for _, true in pairs), 1)


if __name__ == "__main__":
    main(sys.argv[1], Path(sys.argv[2]), sys.argv[4] if "--errors" in sys.argv[3:] else None)
