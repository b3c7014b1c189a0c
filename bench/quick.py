"""The short way beside the long one: every document given through crawler.quick and through feedparser, field by field.

    run.sh quick [FOLDER ...]     all files below these folders; without any, those of ../shared/data/feeds and of the tests

Prints how many documents take the short way, what each way costs them, and every difference; exit status 1 when there is one.
"""

from __future__ import annotations

import sys
import tarfile
import tempfile
import time
from collections.abc import Iterator
from pathlib import Path

from crawler import feed, quick
from crawler.charset import decode
from crawler.mending import mended
from crawler.parsed import ParsedFeed

HERE = Path(__file__).resolve().parent.parent
SHARED = HERE.parent / "shared" / "data" / "feeds"
URL = "http://feeds.example.org/news/feed.xml"


def main(folders: list[Path]) -> int:
    """Compare; print a line per folder or archive."""
    failed = 0
    given = folders or [HERE / "tests/data/feeds", *sorted(SHARED.glob("*.tar.xz"))]
    print(f"{'documents of':24} {'all':>6} {'short':>6} {'share':>6} {'ms short':>9} {'ms long':>9} {'differ':>6}")
    for place in given:
        if place.is_dir():
            failed += _compare(place.name, place)
        else:
            with tempfile.TemporaryDirectory() as unpacked:
                with tarfile.open(place) as archive:
                    archive.extractall(unpacked, filter="data")
                failed += _compare(place.name, Path(unpacked))
    return int(failed > 0)


def _compare(name: str, folder: Path) -> int:
    number = short = differ = 0
    seconds = {"short": 0.0, "long": 0.0}
    for path, text in _documents(folder):
        number += 1
        if quick.read(text) is None:
            continue
        short += 1
        begin = time.process_time()
        plain = feed.parse_text(text, URL)
        middle = time.process_time()
        slow = feed.parse_slowly(text, URL)
        seconds["short"] += middle - begin
        seconds["long"] += time.process_time() - middle
        if wrong := list(differences(plain, slow)):
            differ += 1
            print(f"  {path.relative_to(folder)}: {'; '.join(wrong)[:300]}")
    each = {way: 1000 * spent / max(short, 1) for way, spent in seconds.items()}
    share = short / max(number, 1)
    print(
        f"{name:24} {number:6} {short:6} {share:6.0%} {each['short']:9.2f} {each['long']:9.2f} {differ:6}", flush=True
    )
    return differ


def _documents(folder: Path) -> Iterator[tuple[Path, str]]:
    """Files that are XML, as the parser gets them."""
    for path in sorted(folder.rglob("*")):
        if path.is_file() and path.suffix not in (".json", ".jsonl", ".md", ".tsv"):
            text = decode(path.read_bytes()).lstrip("\ufeff \t\r\n\x00")
            if text and text[0] not in "{[":
                yield path, mended(text)


def differences(plain: ParsedFeed, slow: ParsedFeed) -> Iterator[str]:
    """Every field in which two readings of one document differ."""
    for name in ParsedFeed.__struct_fields__:
        mine, theirs = getattr(plain, name), getattr(slow, name)
        if name != "entries" and mine != theirs:
            yield f"{name}: {mine!r} instead of {theirs!r}"
    if len(plain.entries) != len(slow.entries):
        yield f"{len(plain.entries)} entries instead of {len(slow.entries)}"
    for number, (mine, theirs) in enumerate(zip(plain.entries, slow.entries, strict=False), start=1):
        for name in theirs.__struct_fields__:
            if getattr(mine, name) != getattr(theirs, name):
                yield f"entry {number} {name}: {getattr(mine, name)!r:.80} instead of {getattr(theirs, name)!r:.80}"


if __name__ == "__main__":
    sys.exit(main([Path(one) for one in sys.argv[1:]]))
