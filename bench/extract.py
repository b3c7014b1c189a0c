"""Quality and speed of `crawler.extract` on the real pages of ../shared, whose gold text lies beside them.

    .venv/bin/python bench/extract.py [--limit N] [--worst N] [--undeclared]

F1 is that of the article-extraction benchmark: precision and recall over 4-gram shingles, averaged over pages, then combined. Title, date
and author are compared as acceptance compares them. `--undeclared` takes from every page the titles and dates that it declares (JSON-LD, meta
elements, attributes of times), so that only what readers see is left: what a page of another publisher may be like. Prints one line a source set and one for each half of the sites of the news sets, the winners of the cascade, the statuses and pages a
second of CPU. Says so, and exits 0, when ../shared is absent.
"""

from __future__ import annotations

import argparse
import hashlib
import json
import lzma
import re
import sys
import tarfile
import tempfile
import time
from collections import Counter
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from statistics import mean
from typing import Any

from lxml import html as lxml_html

from crawler.charset import decode
from crawler.extract import extract_page, parse_html
from crawler.page import to_json

SHARED = Path(__file__).resolve().parent.parent.parent / "shared" / "data" / "pages"


@dataclass(frozen=True)
class Score:
    """What came of one page; None where its gold says nothing."""

    source: str
    domain: str
    file: str
    precision: float | None
    recall: float | None
    title: bool | None
    date: bool | None
    author: bool | None
    status: str
    extractor: str
    seconds: float

    @property
    def f1(self) -> float:
        """The page's own F1."""
        total = (self.precision or 0) + (self.recall or 0)
        return 2 * (self.precision or 0) * (self.recall or 0) / total if total else 0.0


def words(text: object) -> list[str]:
    """Words in lower case."""
    return re.findall(r"\w+", str(text or "").lower())


def shingles(text: str | None) -> Counter[tuple[str, ...]]:
    """The benchmark's multiset of 4-grams."""
    tokens = re.findall(r"\w+", text or "")
    return Counter(tuple(tokens[at : at + 4]) for at in range(max(1, len(tokens) - 3)) if tokens)


def undeclared(body: bytes) -> bytes:
    """The page without the titles and dates that it declares for machines."""
    tree = parse_html(decode(body, content_type=None))
    for script in list(tree.iter("script")):
        if "json" in (script.get("type") or ""):
            script.drop_tree()
    for meta in list(tree.iter("meta")):
        name = meta.get("property") or meta.get("name") or meta.get("itemprop") or ""
        if re.search(r"title|date|publi|modif|time", name, re.IGNORECASE):
            meta.drop_tree()
    for time_ in tree.iter("time"):
        time_.attrib.pop("datetime", None)
        time_.attrib.pop("title", None)
    page: bytes = lxml_html.tostring(tree, encoding="utf-8")
    return page


def half(domain: str) -> int:
    """In which half of the sites one is, by its name alone."""
    return hashlib.sha256(domain.encode()).digest()[0] & 1


def judge(row: dict[str, Any], folder: Path, *, bare: bool = False) -> Score:
    """Extract one page and compare."""
    gold = json.loads((folder / row["gold"]).read_text(encoding="utf-8"))
    body = (folder / row["file"]).read_bytes()
    body = undeclared(body) if bare else body
    began = time.process_time()
    page = to_json(extract_page(body, url=row.get("url") or None))
    seconds = time.process_time() - began
    wanted, got = shingles(gold.get("body")), shingles(page["text"])
    shared = sum((wanted & got).values())
    title = gold.get("title") or (gold.get("meta") or {}).get("title")
    date = gold.get("publishing_date") or gold.get("publication_datetime")
    names = gold.get("authors") or ([gold["byline"]] if gold.get("byline") else [])
    found = set(words(page["author"]))
    return Score(
        source=row["source"],
        domain=row["domain"],
        file=row["file"],
        precision=shared / sum(got.values()) if got else None,
        recall=shared / sum(wanted.values()) if wanted else None,
        title=words(title) == words(page["title"]) or words(title)[:6] == words(page["title"])[:6] if title else None,
        date=date[:10] == str(page["published"])[:10] if date else None,
        author=any(set(words(name)) <= found for name in names if words(name)) if names else None,
        status=page["status"],
        extractor=page["extractor"],
        seconds=seconds,
    )


def share(scores: list[Score], of: Callable[[Score], bool | None]) -> str:
    """The share of right ones where the gold says something."""
    told = [value for score in scores if (value := of(score)) is not None]
    return f"{mean(told):.3f} of {len(told)}" if told else "-"


def told(name: str, scores: list[Score]) -> str:
    """One line on a set."""
    precision = mean([score.precision for score in scores if score.precision is not None] or [0])
    recall = mean([score.recall for score in scores if score.recall is not None] or [0])
    f1 = 2 * precision * recall / (precision + recall) if precision + recall else 0
    return (
        f"{name:16} n {len(scores):3}  F1 {f1:.4f}  P {precision:.4f}  R {recall:.4f}  title {share(scores, lambda one: one.title)}"
        f"  date {share(scores, lambda one: one.date)}  author {share(scores, lambda one: one.author)}"
    )


def main() -> int:
    """Measure and print."""
    parser = argparse.ArgumentParser(description=(__doc__ or "").splitlines()[0])
    parser.add_argument("--limit", type=int, help="only so many pages of each set")
    parser.add_argument("--worst", type=int, default=0, help="also list so many of the worst pages")
    parser.add_argument("--undeclared", action="store_true", help="without the titles and dates that pages declare")
    args = parser.parse_args()
    if not SHARED.is_dir():
        print("the pages of ../shared are not here; nothing was measured")
        return 0
    rows = [json.loads(line) for line in (SHARED / "INDEX.jsonl").read_text(encoding="utf-8").splitlines()]
    with tempfile.TemporaryDirectory() as name:
        with lzma.open(SHARED / "pages.tar.xz") as packed, tarfile.open(fileobj=packed) as archive:
            archive.extractall(name, filter="data")
        judge(rows[0], Path(name))  # what a process does once is not the time of a page
        taken: Counter[str] = Counter()
        scores = []
        for row in rows:
            taken[row["source"]] += 1
            if args.limit is None or taken[row["source"]] <= args.limit:
                scores.append(judge(row, Path(name), bare=args.undeclared))
    for source in dict.fromkeys(score.source for score in scores):
        print(told(source, [score for score in scores if score.source == source]))
    news = [score for score in scores if score.source in ("fundus", "misinfo_crawler")]
    print(told("news sets", news))
    for number in (0, 1):
        print(told(f"  sites, half {number + 1}", [score for score in news if half(score.domain) == number]))
    print("statuses:", dict(Counter(score.status for score in scores)))
    print("winners:", dict(Counter(score.extractor for score in scores if score.extractor)))
    print(
        f"{len(scores) / sum(score.seconds for score in scores):.1f} pages a second of CPU, slowest {max(score.seconds for score in scores):.2f} s"
    )
    for score in sorted(scores, key=lambda one: one.f1)[: args.worst]:
        print(f"  {score.f1:.2f} {score.file} {score.status} {score.extractor}")
    return 0


if __name__ == "__main__":
    sys.exit(main())
