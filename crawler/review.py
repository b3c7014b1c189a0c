"""Asking an analyst, entry by entry, whether it is about a topic; and the same questions as rows for programs."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Literal

from crawler.reasons import print_marked, print_title, spans, sums
from crawler.terminal import console, plain

if TYPE_CHECKING:
    from storage.reviews import ReviewItem

ANSWERS = {"y": "yes", "n": "no", "s": "skip", "q": "quit"}
INTERRUPTED = "\x03\x04"  # Ctrl-C and Ctrl-D, where a terminal hands them over as they are


@dataclass(frozen=True, slots=True)
class Walk:
    """How a walk went: labels written, questions skipped, questions left."""

    yes: int
    no: int
    skipped: int
    left: int


def walk(
    items: Sequence[ReviewItem],
    *,
    show: Callable[[ReviewItem, int], None],
    key: Callable[[], str],
    record: Callable[[ReviewItem, Literal["yes", "no"]], None],
) -> Walk:
    """Show each item, wait for y, n, s or q, and record a yes or no at once: whoever stops loses nothing.

    Any other key is passed over, so that Enter behind a letter does no harm, and of several that come at once the first
    counts: nobody answers what he has not seen. The end of the input is a q.
    """
    counts: Counter[str] = Counter()
    for number, item in enumerate(items, start=1):
        show(item, number)
        answer = _answer(key)
        if answer == "quit":
            break
        if answer in ("yes", "no"):
            record(item, "yes" if answer == "yes" else "no")
        counts[answer] += 1
    return Walk(counts["yes"], counts["no"], counts["skip"], len(items) - counts.total())


def show_item(item: ReviewItem, number: int, total: int, *, blind: bool = False) -> None:
    """A question on the terminal: title, publisher, day, the verdict, and the beginning of the text with what weighed.

    `blind` leaves out what the judge said, so that the answer is the reader's own.
    """
    from rich.text import Text

    out = console()
    evidence = () if blind else item.evidence
    out.print()
    out.rule(f"{number} of {total} · entry {item.entry_id}", style="dim")
    print_title(out, item.title, evidence)
    said = () if blind else (STATES.get(item.state, item.state), verdict_line(item))
    facts = (item.publisher, item.day, item.language, *said)
    out.print(Text(" · ".join(plain(fact) for fact in facts if fact), style="dim"))
    out.print()
    print_marked(out, item.text, spans(item.text, "text", evidence))
    out.print()
    out.print(Text(f"Is it about {item.topic}?  y yes, n no, s skip, q quit", style="bold"))


STATES = {"match": "kept", "near": "near miss", "irrelevant": "not kept", "pending": "waiting to be read"}


def verdict_line(item: ReviewItem) -> str:
    """The score and the threshold, or that nobody judged it."""
    if item.score is None:
        return "not judged: title and summary gave no reason to"
    return f"{item.topic} {item.score:.3f}, threshold {item.threshold:.2f}"


def rows(items: Sequence[ReviewItem], *, blind: bool = False) -> list[Mapping[str, Any]]:
    """The questions for programs and pipes; `because_of` are the heaviest terms with their weights."""
    return [_row(item, blind) for item in items]


def _row(item: ReviewItem, blind: bool) -> Mapping[str, Any]:
    said = {
        "state": item.state,
        "score": item.score,
        "threshold": item.threshold,
        "because_of": heaviest(item),
    }
    return {
        "entry_id": item.entry_id,
        "topic": item.topic,
        **({} if blind else said),
        "day": item.day,
        "publisher": item.publisher,
        "language": item.language,
        "url": item.url,
        "title": item.title,
        "text": item.text,
    }


def heaviest(item: ReviewItem, terms: int = 4) -> str:
    """The terms that weighed most: `+2.31 hama, +1.20 strike`."""
    found = [(weight, term) for weight, term, _, forms, _ in sums(item.evidence) if forms]
    return ", ".join(f"{weight:+.2f} {term}" for weight, term in found[:terms])


def _answer(key: Callable[[], str]) -> str:
    while True:
        pressed = key()
        if not pressed or any(sign in pressed for sign in INTERRUPTED):
            return "quit"
        if answer := ANSWERS.get(pressed[:1].lower()):
            return answer
