"""Coverage-guided fuzzing of what reads strangers' bytes: feeds, pages, URLs.

    ./run.sh fuzz [--cases N] [--target feed|page|url] [--keep FOLDER]

Atheris (libFuzzer for Python) makes inputs from tests/data and from what led to new code, and each is held to more than "no exception": time
and memory per case, text without control and direction characters or lone surrogates, links that are links, canonical forms that stay.
N cases in all (a million by default), most of them URLs, which cost least. Prints a row for each target; exits 1 at the first
finding and says where the input lies. What was found is mended and kept in tests/data/fuzz, which tests/test_fuzz.py reads.
"""

from __future__ import annotations

import argparse
import re
import shutil
import subprocess
import sys
import tempfile
from collections.abc import Callable, Iterator
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent
DATA = ROOT / "tests" / "data"
SHARES = {"url": 0.95, "feed": 0.04, "page": 0.01}  # by what a case costs
# a worker of the crawl has ten seconds
SECONDS_A_CASE, MB, LONGEST = 10, 2_000, {"url": 500, "feed": 4_000, "page": 6_000}
_DONE = re.compile(r"Done (\d+)(?: runs?)? in (\d+) second")
_COVERED = re.compile(r"cov: (\d+)")


def main() -> int:
    """Fuzz each target in a process of its own; 0 when nothing was found."""
    parser = argparse.ArgumentParser(description="Fuzzes what reads strangers' bytes.")
    parser.add_argument("--cases", type=int, default=1_000_000, help="in all")
    parser.add_argument("--target", choices=sorted(SHARES), help="this one alone")
    parser.add_argument("--keep", type=Path, help="where the inputs that were made are kept, to go on from")
    args = parser.parse_args()
    with tempfile.TemporaryDirectory() as folder:
        for target in [args.target] if args.target else SHARES:
            cases = args.cases if args.target else round(args.cases * SHARES[target])
            if not fuzz(target, cases, args.keep or Path(folder)):
                return 1
    print(f"{args.cases:,} cases in all, each within {SECONDS_A_CASE} s and {MB:,} MB")
    return 0


def fuzz(target: str, cases: int, folder: Path) -> bool:
    """Run a target; whether nothing was found."""
    made, seeds = folder / target, folder / f"{target}-seeds"
    for one in (made, seeds):
        one.mkdir(parents=True, exist_ok=True)
    for number, seed in enumerate(seeds_of(target)):
        (seeds / str(number)).write_bytes(seed[: LONGEST[target]])
    command = [
        sys.executable, __file__, "--inside", target, str(made), str(seeds), f"-atheris_runs={cases}", f"-max_len={LONGEST[target]}",
        f"-timeout={SECONDS_A_CASE}", f"-rss_limit_mb={MB}", f"-artifact_prefix={folder}/{target}-", "-print_final_stats=1", "-seed=1",
    ]  # fmt: skip
    done = subprocess.run(command, capture_output=True, text=True, errors="replace", cwd=ROOT, check=False)
    covered = _COVERED.findall(done.stderr)
    ended = _DONE.search(done.stderr)
    if done.returncode or not ended:
        kept = [shutil.copy(file, ROOT) for file in folder.glob(f"{target}-*-*") if file.is_file()]
        print(f"{target}: FOUND something; the input is {', '.join(map(str, kept)) or 'lost'}\n{done.stderr[-3000:]}")
        return False
    print(
        f"{target}: {int(ended[1]):,} cases in {int(ended[2]):,} s, {covered[-1] if covered else '?'} branches reached, nothing found",
        flush=True,
    )
    return True


def seeds_of(target: str) -> Iterator[bytes]:
    """What the inputs are made from: our own test data."""
    if target == "url":
        for file in sorted((DATA / "urls").glob("*.jsonl")):
            yield from re.findall(rb'"(https?:[^"]{4,300})"', file.read_bytes())
        return
    for file in sorted((DATA / {"feed": "feeds", "page": "pages"}[target]).rglob("*")):
        if file.is_file() and file.suffix not in (".json", ".jsonl", ".toml", ".tsv"):
            yield file.read_bytes()
    yield from (b"<rss><channel><item>", b"<html><body><article><p>", b"{}", b"")


def inside(target: str, arguments: list[str]) -> None:
    """The fuzzing process: never returns."""
    import atheris

    sys.path.insert(0, str(ROOT))
    with atheris.instrument_imports(include=["crawler", "feedparser", "htmldate", "trafilatura"]):
        from bench import fuzz_checks
    check: Callable[[bytes], None] = getattr(fuzz_checks, f"check_{target}")
    atheris.Setup([sys.argv[0], *arguments], check)
    atheris.Fuzz()


if __name__ == "__main__":
    if sys.argv[1:2] == ["--inside"]:
        inside(sys.argv[2], sys.argv[3:])
    else:
        sys.exit(main())
