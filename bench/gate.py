"""Holds the judge to its floors: python bench/gate.py   (exit status 1 below a floor; nothing to install)

Measured on what was never fitted on (see judge_data.py): a fixed fifth of the labelled news and half of the examination, with the
shipped lexicon and weights that saw nothing of these; with the shipped weights, which are fitted on them, too, what no weights are ever
fitted on, triage, from the title and the first 200 characters of labelled full articles, and ordinary news. A floor is
what was measured on the day it was set, less two standard errors; it is only ever raised.
"""

from __future__ import annotations

import sys

from judge_data import (
    CLOSE,
    DENSE,
    FULL,
    HELD_OUT,
    KINDS,
    MIRROR,
    SHARED,
    Labelled,
    groups,
    held_out,
    load,
    ordinary,
    unlearned,
)

from crawler.classify import Judge

LONG = 400  # characters: a longer text is a full article
HARDER = (
    "S",
    "P",
    "A",
    "C",
)  # of exam-south, -isis, -wide-fronts and -beside: asides, written where the judge was weakest
LINES = (
    "M"  # items of exam-cities.jsonl: towns that are named without their country, and asides on ISIS, in three lines
)
WHOSE = "F"  # items of exam-whose.jsonl: other countries' stories that name Syria beside them, and stories on Syria in which others act
BEARERS = (
    "U",
    "V",
    "X",
    "Y",
    "Z",
    "T",
    "R",
    "Q",
    "N",
    "K",
    "H",
    "C",
)  # items of exam-bearers-*.jsonl and bearers of exam-beside.jsonl, each file written before it was measured, and learned from afterwards
SUMMARY = 200  # characters of it that triage sees
FLOORS = {
    "syria F1, held-out news": 0.97,
    "isis F1, held-out news": 0.89,
    "syria F1, held-out examination": 0.87,
    "isis F1, held-out examination": 0.905,
    "syria F1, held-out harder examination": 0.76,
    "isis F1, held-out harder examination": 0.86,
    "isis F1, hard ones nothing is fitted on": 0.81,
    "syria F1, held-out lines": 0.80,
    "syria F1, held-out whose story": 0.74,
    "syria F1, a people as the story, nothing is fitted on": 0.87,
    "syria F1, held-out full articles": 0.83,
    "isis F1, held-out full articles": 0.72,
    "syria F1, held-out pairs by kind": 0.25,
    "isis F1, held-out pairs by kind": 0.75,
    "syria F1, held-out mirrored news": 0.88,
    "isis F1, held-out mirrored news": 0.87,
    "syria F1, held-out dense items": 0.61,
    "isis F1, held-out dense items": 0.68,
    "syria F1, held-out close items": 0.8,
    "isis F1, held-out close items": 0.88,
    "syria F1, plain news nothing is fitted on": 0.92,
    "isis F1, plain news nothing is fitted on": 0.93,
    "syria F1, full articles nothing is fitted on": 0.88,
    "isis F1, full articles nothing is fitted on": 0.80,
    "syria recall of triage": 0.98,
    "isis recall of triage": 0.98,
}
# other bearers are chosen to be the hardest there are; in news one in a thousand is kept
CEILINGS = {
    "ordinary news kept": 0.005,
    "ordinary news fetched": 0.05,
    "other bearers of the examination kept": 0.05,
    "other bearers of later examinations kept": 0.02,
    "other bearers nothing is fitted on kept": 0.02,
}


def main() -> int:
    """Print every figure with its floor or ceiling; 1 if one is missed."""
    shipped, fair = Judge.load(), Judge.load(model=HELD_OUT)
    rows = load()
    out = held_out(rows, groups(rows))
    figures = _quality(fair, [row for row, held in zip(rows, out, strict=True) if held])
    figures |= _on_unlearned(shipped) | _triage(shipped, rows)
    bad = 0
    for name, value in figures.items():
        least, most = FLOORS.get(name), CEILINGS.get(name)
        missed = (least is not None and value < least) or (most is not None and value > most)
        bound = f">= {least}" if least is not None else f"<= {most}" if most is not None else "no floor"
        print(f"{'MISSED' if missed else 'held  '}  {name:34} {value:.3f}  {bound}")
        bad += missed
    return 1 if bad else 0


def _quality(judge: Judge, rows: list[Labelled]) -> dict[str, float]:
    said = {
        row.id: {one.topic: one.matched for one in judge.judge(title=row.title, text=row.text, language=row.language)}
        for row in rows
    }
    figures = {}
    for place, chosen in (
        ("news", [r for r in rows if r.origin != "exam"]),
        (
            "examination",
            [
                r
                for r in rows
                if r.origin == "exam"
                and not r.id.startswith((*HARDER, *BEARERS, *LINES, *WHOSE, FULL, KINDS, MIRROR, DENSE, CLOSE))
            ],
        ),
        ("harder examination", [r for r in rows if r.origin == "exam" and r.id.startswith(HARDER)]),
        ("lines", [r for r in rows if r.origin == "exam" and r.id.startswith(LINES)]),
        ("whose story", [r for r in rows if r.origin == "exam" and r.id.startswith(WHOSE)]),
        ("full articles", [r for r in rows if r.origin == "exam" and r.id.startswith(FULL)]),
        ("pairs by kind", [r for r in rows if r.origin == "exam" and r.id.startswith(KINDS)]),
        ("mirrored news", [r for r in rows if r.origin == "exam" and r.id.startswith(MIRROR)]),
        ("dense items", [r for r in rows if r.origin == "exam" and r.id.startswith(DENSE)]),
        ("close items", [r for r in rows if r.origin == "exam" and r.id.startswith(CLOSE)]),
    ):
        for topic in ("syria", "isis"):
            hits = sum(said[row.id][topic] and getattr(row, topic) for row in chosen)
            total = sum(said[row.id][topic] for row in chosen) + sum(getattr(row, topic) for row in chosen)
            if total:
                figures[f"{topic} F1, held-out {place}"] = 2 * hits / total
    bearers = [row for row in rows if row.kind == "bearer" and not row.id.startswith((FULL, MIRROR))]
    for name, later in (("of the examination", False), ("of later examinations", True)):
        kept = [any(said[row.id].values()) for row in bearers if row.id.startswith(BEARERS) == later]
        figures[f"other bearers {name} kept"] = sum(kept) / max(len(kept), 1)
    return figures


def _on_unlearned(judge: Judge) -> dict[str, float]:
    figures = {}
    blind = [
        any(one.matched for one in judge.judge(title=row.title, text=row.text, language=row.language))
        for row in unlearned("bearers")
    ]
    figures["other bearers nothing is fitted on kept"] = sum(blind) / len(blind)
    figures["isis F1, hard ones nothing is fitted on"] = _unlearned(judge, "isis", "isis")
    figures["syria F1, a people as the story, nothing is fitted on"] = _unlearned(judge, "people", "syria")
    for topic in ("syria", "isis"):
        figures[f"{topic} F1, full articles nothing is fitted on"] = _unlearned(judge, "full", topic)
        figures[f"{topic} F1, plain news nothing is fitted on"] = _unlearned(judge, "plain", topic)
    return figures


def _unlearned(judge: Judge, what: str, topic: str) -> float:
    """F1 on examination items that nothing is fitted on."""
    rows = unlearned(what)
    found = [
        any(one.matched for one in judge.judge(title=r.title, text=r.text, language=r.language) if one.topic == topic)
        for r in rows
    ]
    true = [getattr(row, topic) for row in rows]
    return 2 * sum(map(min, found, true)) / (sum(found) + sum(true))


def _triage(judge: Judge, rows: list[Labelled]) -> dict[str, float]:
    figures = {}
    for topic in ("syria", "isis"):
        full = [row for row in rows if getattr(row, topic) and len(row.text) > LONG and row.origin != "exam"]
        fetched = sum(
            judge.triage(title=row.title, summary=row.text[:SUMMARY], language=row.language).candidate for row in full
        )
        if full:
            figures[f"{topic} recall of triage"] = fetched / len(full)
    if SHARED.exists():
        labelled = {row.id for row in rows}
        news = [row for row in ordinary(6_000) if row["id"] not in labelled]
        fetched = sum(
            judge.triage(title=r["title"], summary=r["text"][:SUMMARY], language=r["language"]).candidate for r in news
        )
        kept = sum(
            any(one.matched for one in judge.judge(title=r["title"], text=r["text"], language=r["language"]))
            for r in news
        )
        figures |= {"ordinary news fetched": fetched / len(news), "ordinary news kept": kept / len(news)}
    return figures


if __name__ == "__main__":
    sys.exit(main())
