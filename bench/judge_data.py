"""Labelled articles for fitting and measuring the judge: those of ../shared that were read, ours, and the examination.

The texts are in ../shared/data/articles and never in the project; bench/labels holds ids and labels, made by reading.
tests/data/judge/exam-*.jsonl is written by us (and blind-*.jsonl, which load() leaves out). A fixed fifth of the articles (whole
publishers' months, with everything nearly alike) and the examination's items with an even number are held out: bench/gate.py measures there, with weights
(held-out.json) that are fitted on all others. The weights that are shipped are fitted on everything.
"""

from __future__ import annotations

import gzip
import hashlib
import json
import re
import sys
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from crawler.newsroom.articles import load_articles
from crawler.similar import bands, nearness, signature

ROOT = Path(__file__).parent.parent
SHARED = ROOT.parent / "shared" / "data" / "articles"
LABELS = ROOT / "bench" / "labels"
HELD_OUT = (
    ROOT / "bench" / "held-out.json"
)  # weights fitted on what is not held out; those that are shipped are fitted on all
BEARER = 4.0  # weight of another bearer of a name: rare among our labels, common in the world (docs/decisions/0031)
UNSURE = 0.4  # weight of a label on which two careful readers could disagree
# for ISIS, of each of our 544 reports of one collection, in which several papers tell the same days of one war: at 1 they outvote
# the rest in what an aside is. For Syria, which all of them are about, 1 is better
ONE_WAR = 0.5
COUNTRY = "F"  # items of exam-whose.jsonl: written on what is a country's story; for ISIS hardly fitted on
OTHER_TOPIC = 0.0001
FULL = "full-"  # items of exam-full-*.jsonl, hard full articles in five languages
MIRROR = "mirror-"  # items of exam-mirror-*.jsonl, built like news of other publishers: the same kinds, other events
# at 1 they cost the older items .001 for Syria and .004 for ISIS, in English its floor; so by cross-validation over all items
OF_FULL = {"syria": 0.5, "isis": 0.2}
KINDS = "kinds-"  # items of exam-wider-pairs.jsonl: pairs that differ in what is told, for the kinds of case that items of other publishers got wrong
OF_KINDS = {"syria": 1.0, "isis": 0.3}
# of .1, .15, .2, .3, .5 and 1 the most with which ISIS keeps .94 on the older items, in English too; of Syria they pay nothing at 1
OF_MIRROR = {"syria": 1.0, "isis": 0.15}
DENSE = "dense-"  # items of exam-dense-*.jsonl, in which a side matter is named as often as real pages name it
# each is the hardest of its kind: at 1 they teach to doubt every article. At .1 the older items pay nothing for ISIS (.940, and .939 without them);
# for Syria, of .2, .4, .6 and 1, at .4 what nothing is fitted on is best as log loss has it (251 for 267 on five mixtures), beside close items at 1
OF_DENSE = {"syria": 0.4, "isis": 0.1}
CLOSE = "close-"  # items of exam-close-*.jsonl: hostages, titles without a war, groups who arrive, likenesses, trials; a side matter or a match by little
# at 0, .2, .5 and 1 for Syria plain news has .941, .943, .943, .947, and the mixtures the same; for ISIS .2 costs nothing
OF_CLOSE = {"syria": 1.0, "isis": 0.2}
COLLECTION = "fakes"  # its group in the shared data
NEAR = 0.5  # articles as alike as this never stand on both sides of a split


@dataclass(frozen=True, slots=True)
class Labelled:
    """An article with its labels. `origin` is read (the shared set), ours (labelled here), exam or newsroom (written here)."""

    id: str
    origin: str
    language: str
    title: str
    text: str
    syria: bool
    isis: bool
    kind: str
    weight: float
    publisher: str
    month: str
    one_war: bool = False

    def weight_for(self, topic: str) -> float:
        """How much it counts in the fit of a topic."""
        for prefix, weights in (
            (FULL, OF_FULL),
            (KINDS, OF_KINDS),
            (MIRROR, OF_MIRROR),
            (DENSE, OF_DENSE),
            (CLOSE, OF_CLOSE),
        ):
            if self.origin == "exam" and self.id.startswith(prefix):
                return self.weight * weights[topic]
        if topic != "isis":
            return self.weight
        if self.origin == "exam" and self.id.startswith(COUNTRY):
            return OTHER_TOPIC
        return self.weight * (ONE_WAR if self.one_war else 1.0)


def load() -> list[Labelled]:
    """Every labelled article; without ../shared the examination alone, and a line that says so."""
    rows = [*_exam(), *_newsroom()]
    if not SHARED.exists():
        sys.stderr.write(f"{SHARED.parent.name}/{SHARED.name} is absent: only the examination is used\n")
        return rows
    return [*_shared(), *rows]


def ordinary(most: int) -> list[dict[str, Any]]:
    """Unlabelled items of the shared data, in file order, every n-th: nearly all are about neither topic."""
    rows = [row for file in ("unlabelled_en", "unlabelled_other") for row in _lines(SHARED / f"{file}.jsonl.gz")]
    rows = [row for row in rows if row["label_by"] == "none" and len(row["title"] + row["text"]) > 40]
    return rows[:: max(len(rows) // most, 1)]


def groups(rows: list[Labelled]) -> list[int]:
    """A number per article; those of one publisher and month, or nearly alike, share it: a fold takes all or none."""
    parent = list(range(len(rows)))

    def root(one: int) -> int:
        while parent[one] != one:
            parent[one] = parent[parent[one]]
            one = parent[one]
        return one

    seen: dict[object, int] = {}
    signatures = [signature(f"{row.title} {row.text}") for row in rows]
    for number, row in enumerate(rows):
        keys: list[object] = [re.sub(r"\W+", "", row.title + row.text)[:120].lower()]
        if row.origin not in ("exam", "newsroom"):
            keys.append((row.publisher, row.month))
        for key in keys:
            parent[root(number)] = root(seen.setdefault(key, number))
        mine = signatures[number]
        for band in bands(mine) if mine else ():
            other = seen.setdefault(("band", band), number)
            theirs = signatures[other]
            if other != number and theirs and mine and nearness(mine, theirs) >= NEAR:
                parent[root(number)] = root(other)
    first: dict[int, int] = {}
    return [first.setdefault(root(number), number) for number in range(len(rows))]


def held_out(rows: Sequence[Labelled], group_of: Sequence[int]) -> list[bool]:
    """Which articles nothing may be fitted on: always the same ones."""

    def out(number: int) -> bool:
        row = rows[number]
        if row.origin in ("exam", "newsroom"):
            return row.origin == "exam" and int(re.findall(r"\d+", row.id)[-1]) % 2 == 0
        first = rows[group_of[number]]
        return hashlib.sha256(f"{first.publisher} {first.month}".encode()).digest()[0] % 5 == 0

    return [out(number) for number in range(len(rows))]


def _shared() -> Iterator[Labelled]:
    ours = our_labels()
    for file in ("labelled_read", "unlabelled_en", "unlabelled_other"):
        for row in _lines(SHARED / f"{file}.jsonl.gz"):
            if row["label_by"] == "read":
                yield _labelled(row, "read", row, "given", 1.0)
            elif row["id"] in ours:
                label = ours[row["id"]]
                yield _labelled(row, "ours", label, label["kind"], 1.0 if label["sure"] else UNSURE)


def our_labels() -> dict[str, dict[str, Any]]:
    """Labels by id: the first reading; what was settled after a second one (bench/labels/README.md) stands for it.

    A label on which both readings agree is sure, whatever the first reader thought of it.
    """
    ours = {row["id"]: row for file in sorted(LABELS.glob("*.jsonl")) for row in _lines(file)}
    for row in _lines(LABELS / "again" / "isis-war-reports.jsonl"):
        first = ours[row["id"]]
        if row["isis"] == first["isis"]:
            ours[row["id"]] = first | {"sure": 1}
    for row in _lines(LABELS / "settled" / "isis.jsonl"):
        ours[row["id"]] |= {"isis": row["isis"], "sure": 0}
    return ours


def _exam() -> Iterator[Labelled]:
    for file in sorted((ROOT / "tests" / "data" / "judge").glob("exam-*.jsonl")):
        for row in _lines(file):
            yield _labelled(row, "exam", row, row["kind"], BEARER if row["kind"] == "bearer" else 1.0)


def unlearned(what: str) -> list[Labelled]:
    """What nothing is fitted on, ever: blind-bearers-*.jsonl, blind-isis-*.jsonl (labels of ISIS alone), blind-people-*, blind-full-* or blind-plain-*.jsonl."""
    files = sorted((ROOT / "tests" / "data" / "judge").glob(f"blind-{what}-*.jsonl"))
    return [_labelled(row, "exam", row, row["kind"], BEARER) for file in files for row in _lines(file)]


def _newsroom() -> Iterator[Labelled]:
    """The demo's articles, with the truth about them."""
    for article in load_articles():
        yield Labelled(
            id=article.slug, origin="newsroom", language=article.language, title=article.first.title,
            text="\n".join(article.first.paragraphs), syria="syria" in article.topics, isis="isis" in article.topics,
            kind=article.case, weight=1.0, publisher=article.outlet, month="",
        )  # fmt: skip


def _labelled(row: dict[str, Any], origin: str, label: dict[str, Any], kind: str, weight: float) -> Labelled:
    return Labelled(
        id=row["id"], origin=origin, language=row["language"], title=row["title"], text=row["text"],
        syria=bool(label["syria"]), isis=bool(label["isis"]), kind=kind, weight=weight,
        publisher=str(row.get("source") or row.get("group") or ""), month=str(row.get("date") or "")[:7],
        one_war=origin == "ours" and row["group"] == COLLECTION,
    )  # fmt: skip


def _lines(file: Path) -> Iterator[dict[str, Any]]:
    data = gzip.decompress(file.read_bytes()) if file.suffix == ".gz" else file.read_bytes()
    yield from map(json.loads, data.splitlines())  # of bytes: a text may hold other line separators
