"""Near-duplicates and stories, measured: precision and recall of copies on a set made by program, and the time of one article.

    ./run.sh similar                    quality (needs ../shared), then speed with 200,000 stored articles on SQLite and Postgres
    ./run.sh similar --store 1000000    speed with as many; --store 0: quality alone; --no-quality: speed alone
    ./run.sh similar --no-quality --store 1000000 --kept URL    in a database that stays, filled when it is empty

The set: every article of the shared data with at least 48 words is stored once; then edited versions of it arrive from another
outlet (cut, reordered, lightly paraphrased, localised, or two of these), with other articles in between. Whether an arrival is
linked, and to what, is what the database answers; how similar a pair is, is the Jaccard similarity of its word triples.
"""

from __future__ import annotations

import argparse
import gzip
import json
import platform
import random
import re
import statistics
import tempfile
from collections import Counter, defaultdict
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from similar_store import Shelf, speed

from crawler import similar

SHARED = Path(__file__).parents[2] / "shared" / "data" / "articles"
FILES = ("labelled_read.jsonl.gz", "unlabelled_en.jsonl.gz", "unlabelled_other.jsonl.gz")
BUCKETS = ((0.9, 1.01), (0.8, 0.9), (0.7, 0.8), (0.6, 0.7), (0.5, 0.6), (0.4, 0.5))


@dataclass(frozen=True)
class Arrival:
    """A text that arrives: its own, or made from the base with this number by these edits."""

    number: int
    edits: str
    publisher: str
    text: str
    date: str


def articles() -> Iterator[dict[str, Any]]:
    """The shared articles that are long enough to be compared."""
    for name in FILES:
        with gzip.open(SHARED / name, "rt", encoding="utf-8") as lines:
            for line in lines:
                one = json.loads(line)
                if len(similar.words_of(one["text"])) >= similar.LEAST_WORDS:
                    yield one


# --- edits by program ---


def sentences(text: str) -> list[str]:
    """The sentences of a text, roughly, in any script."""
    return [part for part in re.split(r"(?<=[.!?؟。።])\s+|\n+", text) if part.strip()]


def cut(rng: random.Random, text: str, words: list[str]) -> str:
    """The end is cut, as a paper short of room does; sometimes the head too."""
    parts = sentences(text)
    kept = max(1, round(len(parts) * rng.uniform(0.55, 0.95)))
    start = 1 if rng.random() < 0.2 and len(parts) > 4 else 0
    return " ".join(parts[start : start + kept])


def reorder(rng: random.Random, text: str, words: list[str]) -> str:
    """Some sentences change their places."""
    parts = sentences(text)
    for _ in range(max(1, len(parts) // 4)):
        at, to = rng.randrange(len(parts)), rng.randrange(len(parts))
        parts.insert(to, parts.pop(at))
    return " ".join(parts)


def paraphrase(rng: random.Random, text: str, words: list[str]) -> str:
    """One word in ten to fifty is another of the language, is left out, or has one more before it."""
    share = rng.uniform(0.02, 0.1)
    out = []
    for word in text.split():
        chance = rng.random()
        if chance < share * 0.6:
            out.append(rng.choice(words))
        elif chance < share * 0.8:
            out += [rng.choice(words), word]
        elif chance >= share:
            out.append(word)
    return " ".join(out)


def localise(rng: random.Random, text: str, words: list[str]) -> str:
    """Another outlet's dateline, a lead or a last sentence of its own, its own form of figures, quotes and dashes."""
    own = " ".join(rng.choices(words, k=rng.randint(8, 25))) + "."
    text = re.sub(r"(?<=\d),(?=\d{3})", "", text) if rng.random() < 0.5 else text
    text = text.translate(str.maketrans({'"': "”", "'": "’", "-": "–"}))
    dateline = rng.choice(["(AFP) - ", "Agencies: ", "Own report. ", ""])
    return f"{own} {dateline}{text}" if rng.random() < 0.4 else f"{dateline}{text} {own}"


EDITS: dict[str, Callable[[random.Random, str, list[str]], str]] = {
    "cut": cut, "reorder": reorder, "paraphrase": paraphrase, "localise": localise,
}  # fmt: skip


def bulletin(rng: random.Random, text: str) -> str | None:
    """The form of a text with other figures: the bulletin of another day; None where there are too few figures to change."""
    if len({word for word in similar.words_of(text) if word.isdecimal()}) < similar.FIGURES:
        return None
    return re.sub(r"\d+", lambda found: str(int(found.group()) + rng.randint(1, 9)), text)


def arrivals(rng: random.Random, bases: list[dict[str, Any]]) -> Iterator[Arrival]:
    """The bases in random order, each followed at some distance by edited versions and by bulletins of another day."""
    vocabulary: dict[str, list[str]] = defaultdict(list)
    for one in bases:
        vocabulary[one["language"]] += one["text"].split()[:40]
    later: list[Arrival] = []
    order = list(range(len(bases)))
    rng.shuffle(order)
    for number in order:
        one = bases[number]
        yield Arrival(number, "", one["source"], one["text"], str(one["date"])[:10])
        for edits in [[name] for name in EDITS] + [rng.sample(sorted(EDITS), 2)]:
            text = one["text"]
            for name in edits:
                text = EDITS[name](rng, text, vocabulary[one["language"]])
            later.append(Arrival(number, "+".join(edits), "Another Outlet", text, ""))
        if other := bulletin(rng, one["text"]):
            later.append(Arrival(number, "bulletin", one["source"], other, ""))
    rng.shuffle(later)
    yield from later


def jaccard(one: str, other: str) -> float:
    """The Jaccard similarity of two texts' word triples, by other code than what is measured."""
    sets = []
    for text in (one, other):
        words = re.findall(r"\w+", text.casefold())
        sets.append({" ".join(words[at : at + 3]) for at in range(len(words) - 2)})
    return len(sets[0] & sets[1]) / max(len(sets[0] | sets[1]), 1)


# --- quality ---


def quality(seed: int) -> None:
    """Print precision and recall of the links, and every link between two articles of the data."""
    bases = list(articles())
    print(
        f"{len(bases)} articles of 48 words and more, {dict(Counter(one['language'] for one in bases).most_common())}"
    )
    rng = random.Random(seed)
    found: Counter[tuple[int, bool]] = Counter()
    by_edit: Counter[tuple[str, bool]] = Counter()
    made, wrong, natural = 0, [], []
    with tempfile.TemporaryDirectory() as folder:
        shelf = Shelf(f"sqlite:///{folder}/quality.db")
        for one in arrivals(rng, bases):
            text = bases[one.number]["text"]
            near = jaccard(text, one.text) if one.edits else 0.0
            linked = shelf.arrive(one, store=not one.edits)
            if not one.edits:
                if linked is not None:
                    natural.append((one, linked))
                continue
            if one.edits == "bulletin":
                by_edit["bulletin", linked is not None] += 1
                wrong += [(one, linked)] if linked is not None else []
                continue
            right = linked is not None and (linked.number == one.number or jaccard(linked.text, one.text) >= near)
            made += right
            wrong += [(one, linked)] if linked is not None and not right else []
            bucket = next((at for at, (low, high) in enumerate(BUCKETS) if low <= near < high), None)
            if bucket is not None and len(similar.words_of(one.text)) >= similar.LEAST_WORDS:
                found[bucket, right] += 1
                if near >= 0.7:
                    by_edit[one.edits if "+" not in one.edits else "two edits", right] += 1
        shelf.close()
    report(found, by_edit, made, wrong, natural)


def report(
    found: Counter[tuple[int, bool]],
    by_edit: Counter[tuple[str, bool]],
    made: int,
    wrong: list[Any],
    natural: list[Any],
) -> None:
    """Print what was found and what was not."""
    print("\nrecall by the similarity of the pair (edited versions with at least 48 words)")
    for at, (low, high) in enumerate(BUCKETS):
        pairs = found[at, True] + found[at, False]
        if pairs:
            print(f"  {low:.1f} to {min(high, 1):.1f}   {found[at, True] / pairs:6.3f} of {pairs}")
    far = sum(number for (at, _), number in found.items() if BUCKETS[at][0] >= 0.7)
    hit = sum(number for (at, right), number in found.items() if BUCKETS[at][0] >= 0.7 and right)
    print(f"  .7 and above: {hit / far:.4f} of {far}")
    for name in sorted({name for name, _ in by_edit} - {"bulletin"}):
        print(f"    {name:12} {by_edit[name, True] / (by_edit[name, True] + by_edit[name, False]):.3f}")
    bulletins = by_edit["bulletin", True] + by_edit["bulletin", False]
    print(
        f"\nbulletins of another day (the same form, other figures) linked: {by_edit['bulletin', True]} of {bulletins}"
    )
    print(
        f"precision of the links of edited versions and bulletins: {made / (made + len(wrong)):.4f} ({len(wrong)} wrong of {made + len(wrong)})"
    )
    print(f"\nlinks between two articles of the data: {len(natural)}")
    for one, other in sorted(natural, key=lambda pair: -jaccard(pair[0].text, pair[1].text)):
        print(f"  {jaccard(one.text, other.text):.2f}  {one.publisher} {one.date} / {other.publisher} {other.date}")


def main() -> None:
    """Measure."""
    parser = argparse.ArgumentParser()
    parser.add_argument("--store", type=int, default=200_000)
    parser.add_argument("--kept", metavar="URL", action="append", default=[])
    parser.add_argument("--no-quality", action="store_true")
    parser.add_argument("--seed", type=int, default=1)
    arguments = parser.parse_args()
    print(f"Python {platform.python_version()}, {platform.machine()}, seed {arguments.seed}\n")
    if not arguments.no_quality and SHARED.exists():
        quality(arguments.seed)
    elif not arguments.no_quality:
        print(f"no {SHARED}: the quality of copies is not measured")
    if arguments.store:
        speed(arguments.store, lambda times, share: statistics.quantiles(times, n=100)[share - 1], arguments.kept)


if __name__ == "__main__":
    main()
