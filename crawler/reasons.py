"""Why, for reading: the text with the words that weighed marked in it, and each topic's sum.

On a terminal the words are bold and coloured, elsewhere they stand in [[ ]]. Texts come from strangers: see terminal.py.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import TYPE_CHECKING, Any, Protocol

from crawler.terminal import console, plain
from storage.resolved import SAME
from storage.text import many

if TYPE_CHECKING:
    from rich.console import Console
    from rich.text import Text

    from crawler.classify import Verdict

FOR, AGAINST = "bold yellow", "bold magenta"  # a word that speaks for a topic, one that speaks against it
FORMS = 4  # different spellings of one term that the sum shows


class Said(Protocol):
    """A verdict, stored or just given."""

    @property
    def topic(self) -> str: ...
    @property
    def score(self) -> float: ...
    @property
    def threshold(self) -> float: ...
    @property
    def matched(self) -> bool: ...
    @property
    def model(self) -> str: ...
    @property
    def decided_at(self) -> datetime | None: ...
    @property
    def evidence(self) -> Sequence[Mapping[str, Any]]: ...


@dataclass(frozen=True, slots=True)
class JustSaid:
    """A verdict that nobody stored."""

    topic: str
    score: float
    threshold: float
    matched: bool
    model: str
    evidence: Sequence[Mapping[str, Any]]
    decided_at: datetime | None = None


@dataclass(frozen=True, slots=True)
class Span:
    """Characters of a text that weighed; `weight` is their part of the log-odds, of all topics together."""

    start: int
    end: int
    weight: float


def spans(text: str, field: str, evidence: Iterable[Mapping[str, Any]]) -> tuple[Span, ...]:
    """Where the evidence of a field stands in its text, in order, what overlaps together; what is not there is left out."""
    there = sorted(
        (piece["start"], piece["end"], piece["weight"])
        for piece in evidence
        if piece["field"] == field and piece["text"] and text[piece["start"] : piece["end"]] == piece["text"]
    )
    found: list[Span] = []
    for start, end, weight in there:
        if found and start < found[-1].end:
            last = found.pop()
            found.append(Span(last.start, max(last.end, end), last.weight + weight))
        else:
            found.append(Span(start, end, weight))
    return tuple(found)


def pieces(text: str, marks: Sequence[Span], start: int, end: int) -> Iterator[tuple[str, float]]:
    """The text from start to end in pieces, each with its weight, 0 for what did not weigh."""
    place = start
    for span in marks:
        if span.end <= place or span.start >= end:
            continue
        if span.start > place:
            yield text[place : span.start], 0.0
        yield text[max(span.start, place) : min(span.end, end)], span.weight
        place = min(span.end, end)
    if place < end:
        yield text[place:end], 0.0


def reasons_page(found: Any) -> None:
    """Why an entry is a match or is not (storage.search.Why): its text, each topic's sum, and what analysts said."""
    from rich.text import Text

    entry, article = found.entry, found.article
    title, text = (article or entry).title, article.text if article else entry.summary
    verdict_page(title, text, found.verdicts, head=f"entry {entry.id}: {fate(found)}")
    for label in found.labels:
        told = f"label: {label.topic} {label.value}, by {plain(label.who)}, {_minute(label.labelled_at)}"
        console().print(Text(told + (f": {plain(label.note)}" if label.note else "")))


def text_page(title: str, text: str, verdicts: Sequence[Verdict], *, model: str) -> None:
    """The same for a text of the user's that was just judged."""
    said = [
        JustSaid(one.topic, one.score, one.threshold, one.matched, model, [piece._asdict() for piece in one.evidence])
        for one in verdicts
    ]
    verdict_page(title, text, said, head=f"a text of {many(len(text.split()), 'word')}")


def verdict_page(title: str, text: str, verdicts: Sequence[Said], *, head: str) -> None:
    """A text with what weighed marked in it, and below it each topic's sum, heaviest term first."""
    from rich.text import Text

    out = console()
    evidence = [piece for verdict in verdicts for piece in verdict.evidence]
    if title:
        print_title(out, title, evidence)
    out.print(Text(head))
    marks = spans(text, "text", evidence)
    if marks:
        out.print()
        print_marked(out, text, marks)
    for verdict in verdicts:
        out.print()
        _print_sum(out, verdict)


def print_title(out: Console, title: str, evidence: Iterable[Mapping[str, Any]]) -> None:
    """A headline, marked."""
    line = marked(out, title, spans(title, "title", evidence))
    line.stylize("bold")
    out.print(line)


def print_marked(out: Console, text: str, marks: Sequence[Span]) -> None:
    """The paragraphs of a text, marked."""
    start = 0
    for line in text.split("\n"):
        end = start + len(line)
        if line.strip():
            out.print(marked(out, text, marks, start, end))
        start = end + 1


def marked(out: Console, text: str, marks: Sequence[Span], start: int = 0, end: int | None = None) -> Text:
    """A part of a text, cleaned, with its marks: in colour, or in [[ ]] where there is none."""
    from rich.text import Text

    in_colour = out.color_system is not None
    line = Text()
    for piece, weight in pieces(text, marks, start, len(text) if end is None else end):
        shown = plain(piece)
        if weight and shown:
            shown = shown if in_colour else f"[[{shown}]]"
        before, after = _space(piece[:1]), _space(piece[-1:]) if shown else ""
        line.append(f"{before}{shown}{after}", style=(FOR if weight > 0 else AGAINST) if weight else "")
    return line


def fate(found: Any) -> str:
    """What became of an entry, in words."""
    entry = found.entry
    if entry.state == "match":
        return f"kept, {found.article.extraction}" if found.article else "kept"
    if entry.state == "gone" and (entry.error or "").startswith(SAME):
        return f"kept once, as {plain(entry.error).removeprefix(SAME + ': ')}: its link leads to that article"
    told = {
        "pending": "waiting to be read" + (f"; last try: {plain(entry.error)}" if entry.error else ""),
        "near": "not kept: just under the threshold",
        "irrelevant": "not kept: not about any topic",
        "unreadable": f"not kept: its page could not be read ({plain(entry.error or 'no reason stored')})",
        "forgotten": "removed for good: levantwatch verify tells when and why",
        "gone": f"not kept: its page is gone ({plain(entry.error or 'no reason stored')})",
    }[entry.state]
    if entry.state == "irrelevant" and not found.verdicts and entry.triage_score is not None:
        told += f"; by title and summary alone it scored {entry.triage_score:.3f}, too little to fetch the page"
    return told


def sums(evidence: Iterable[Mapping[str, Any]]) -> list[tuple[float, str, str, tuple[str, ...], int]]:
    """The evidence by term, heaviest first: its weight, the term, its sense, how it is written, how often."""
    weights: defaultdict[tuple[str, str], float] = defaultdict(float)
    forms: defaultdict[tuple[str, str], list[str]] = defaultdict(list)
    for piece in evidence:
        weights[piece["term"], piece["sense"]] += piece["weight"]
        forms[piece["term"], piece["sense"]] += [piece["text"]] if piece["text"] else []
    rows = [
        (weight, term, sense, tuple(dict.fromkeys(forms[term, sense])), len(forms[term, sense]))
        for (term, sense), weight in weights.items()
    ]
    return sorted(rows, key=lambda row: (-abs(row[0]), row[1]))


def _print_sum(out: Console, verdict: Said) -> None:
    from rich.text import Text

    word = "match" if verdict.matched else "no match"
    head = f"{verdict.topic}: {word}, score {verdict.score:.3f}, threshold {verdict.threshold:.2f}"
    out.print(Text(head, style="bold"))
    for weight, term, sense, forms, times in sums(verdict.evidence):
        line = Text(f"  {weight:+8.2f}  {plain(term)}")
        if forms:
            written = ", ".join(map(plain, forms[:FORMS])) + (" …" if len(forms) > FORMS else "")
            line.append(f"  [{plain(sense)}]", style="dim")
            line.append(f"  {written}", style=FOR if weight > 0 else AGAINST if weight < 0 else "")
            line.append(f"  ×{times}" if times > 1 else "", style="dim")
        out.print(line)
    total = sum(piece["weight"] for piece in verdict.evidence)
    out.print(Text(f"  {total:+8.2f}  sum: the score's log-odds; model {verdict.model}", style="dim"))
    if verdict.decided_at:
        out.print(Text(f"            decided {_minute(verdict.decided_at)}", style="dim"))


def _space(neighbour: str) -> str:
    return " " if neighbour.isspace() else ""


def _minute(moment: datetime) -> str:
    return f"{moment:%Y-%m-%d %H:%M}Z"
