"""How well two readings by the rule agree: python bench/agreement.py   (Cohen's kappa per topic, over bench/labels)

bench/labels/again/*.jsonl holds labels made a second time, by a reader who saw none of the first ones; isis-*.jsonl on ISIS alone.
isis-war-reports.jsonl has what the judge gets wrong in it, and all its likes; bench/labels/README.md tells what came of it.
"""

from __future__ import annotations

import json
from pathlib import Path

LABELS = Path(__file__).parent / "labels"


def read(pattern: str) -> dict[str, dict[str, int]]:
    """Labels by id."""
    rows = [
        json.loads(line)
        for file in sorted(LABELS.glob(pattern))
        for line in file.read_text(encoding="utf-8").splitlines()
    ]
    return {row["id"]: row for row in rows}


def kappa(pairs: list[tuple[int, int]]) -> float:
    """Cohen's kappa (1960): agreement beyond what chance would give, for two readers and two answers."""
    agreed = sum(one == other for one, other in pairs) / len(pairs)
    first, second = (sum(pair[side] for pair in pairs) / len(pairs) for side in (0, 1))
    chance = first * second + (1 - first) * (1 - second)
    return (agreed - chance) / (1 - chance)


def main() -> None:
    """Print a line per file and topic, then the ids on which the readers differ."""
    first = read("*.jsonl")
    for file in sorted(LABELS.glob("again/*.jsonl")):
        again = read(f"again/{file.name}")
        for topic in ("syria", "isis"):
            twice = {one: label for one, label in again.items() if topic in label}
            _tell(f"{file.stem}, {topic}", topic, first, twice)
            unsure = {one: label for one, label in twice.items() if not first[one]["sure"]}
            sure = {one: label for one, label in twice.items() if first[one]["sure"] and label["sure"]}
            for name, some in (("the first was unsure of", unsure), ("both were sure of", sure)):
                if some and len(some) < len(twice):
                    _tell(f"  {name}", topic, first, some)


def _tell(name: str, topic: str, first: dict[str, dict[str, int]], again: dict[str, dict[str, int]]) -> None:
    pairs = [(first[one][topic], label[topic]) for one, label in again.items()]
    differ = [one for one, label in again.items() if first[one][topic] != label[topic]]
    hits, total = sum(a and b for a, b in pairs), sum(a + b for a, b in pairs)
    if pairs:
        print(
            f"{name}: {len(pairs)} items, kappa {kappa(pairs):.3f}, F1 of one against the other {2 * hits / max(total, 1):.3f}; "
            f"{len(differ)} differ{': ' * bool(differ)}{' '.join(differ)}"
        )


if __name__ == "__main__":
    main()
