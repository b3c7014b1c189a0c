"""How well two readings by the rule agree: python bench/agreement.py   (Cohen's kappa per topic, over bench/labels)

bench/labels/again/*.jsonl holds labels made a second time, by another reader who saw none of the first ones; isis-alone.jsonl on
ISIS alone, from the beginning and the sentences that name it.
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
    """Print a line per topic, then the ids on which the readers differ."""
    first, again = read("*.jsonl"), read("again/*.jsonl")
    for topic in ("syria", "isis"):
        read_twice = {one: label for one, label in again.items() if topic in label}
        pairs = [(first[one][topic], label[topic]) for one, label in read_twice.items()]
        differ = [one for one, label in read_twice.items() if first[one][topic] != label[topic]]
        hits = sum(a and b for a, b in pairs)
        total = sum(a + b for a, b in pairs)
        print(
            f"{topic}: {len(pairs)} items read twice, kappa {kappa(pairs):.3f}, F1 of one against the other {2 * hits / total:.3f}"
        )
        print(f"  differ: {' '.join(differ) or 'none'}")


if __name__ == "__main__":
    main()
