"""What changed and when, in words: lines for people, flat rows for spreadsheets. PURE."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from crawler.terminal import clipped, plain

MOST_SHOWN = 5  # numbers, and edits, of one revision; JSON has them all
EDIT_CHARS = 120
NAMES = {"first": "as first read", "edited": "edited", "taken-down": "taken down", "restored": "there again"}


@dataclass(frozen=True, slots=True)
class ChangeLine:
    """A change on one line: what `changes` prints but as JSON."""

    article_id: int
    revision: int
    seen_at: datetime
    kind: str
    numbers: str
    words: str
    added: int
    removed: int
    publisher: str
    title: str
    topics: str
    url: str | None


def change_line(change: Any) -> ChangeLine:
    """A `storage.revisions.Change` on one line."""
    return ChangeLine(
        article_id=change.article_id,
        revision=change.number,
        seen_at=change.seen_at,
        kind=change.kind,
        numbers=numbers_in_words(change.numbers),
        words=edits_in_words(change.edits),
        added=change.added,
        removed=change.removed,
        publisher=plain(change.publisher),
        title=plain(change.title),
        topics=change.topics,
        url=change.url,
    )


def short_line(change: Any) -> dict[str, Any]:
    """The same for a terminal: numbers if there are any, else words."""
    line = change_line(change)
    said = line.numbers or line.words or NAMES.get(line.kind, line.kind)
    return {
        "id": line.article_id,
        "seen": line.seen_at,
        "what": line.kind,
        "change": clipped(said, EDIT_CHARS),
        "publisher": clipped(line.publisher, 24),
        "title": clipped(line.title, 60),
    }


def numbers_in_words(numbers: Iterable[Mapping[str, Any]]) -> str:
    """`killing nine -> 13 people in Ariha; …`; the same change in title and text once."""
    said: dict[tuple[Any, Any], str] = {}
    for one in sorted(numbers, key=lambda number: number["field"] == "title"):  # in the text there are words around it
        said.setdefault((one["was"], one["now"]), _between(one))
    return "; ".join(list(said.values())[:MOST_SHOWN])


def edits_in_words(edits: Sequence[Mapping[str, Any]]) -> str:
    """`[-removed-] {+added+}` with the words around, as `git diff --word-diff` writes it."""
    shown = "; ".join(clipped(_marked(one), EDIT_CHARS) for one in edits[:MOST_SHOWN])
    return shown + (f"; and {len(edits) - MOST_SHOWN} more" if len(edits) > MOST_SHOWN else "")


def _between(one: Mapping[str, Any]) -> str:
    return plain(f"{one['left']} {one['before']} -> {one['after']} {one['right']}")


def _marked(one: Mapping[str, Any]) -> str:
    before = f"[-{one['before']}-]" if one["before"] else ""
    after = f"{{+{one['after']}+}}" if one["after"] else ""
    return plain(f"{one['left']} {before} {after} {one['right']}")


def clock_facts(clocks: Iterable[Any]) -> list[tuple[str, str]]:
    """The claimed clocks: what each source claims, as it wrote it, and how far it can be believed."""
    facts = []
    for one in clocks:
        at = f"{one.at:%Y-%m-%d %H:%M:%SZ}" if one.at else "no time"
        flags = "".join(f", {flag}" for flag in one.flags)
        raw = f' as "{clipped(plain(one.raw), 60)}"' if one.raw else ""
        facts.append((one.clock, f"{at} (claimed by the {one.source}{raw}; confidence {one.confidence:.2f}{flags})"))
    return facts


def history_facts(recheck: Any, revisions: Iterable[Any]) -> list[tuple[str, str]]:
    """When an article was looked at, and every version of it, first to last."""
    facts = []
    if recheck is not None:
        facts.append(("looked at", _looks(recheck)))
    for one in revisions:
        what = numbers_in_words(one.numbers) or edits_in_words(one.edits)
        size = f", {one.added} words in, {one.removed} out" if one.added or one.removed else ""
        said = f"{one.number}: {one.seen_at:%Y-%m-%d %H:%MZ} {NAMES.get(one.kind, one.kind)}{size}"
        facts.append(("revision", f"{said}: {what}" if what else said))
    return facts


def _looks(recheck: Any) -> str:
    next_ = f"next {recheck.due_at:%Y-%m-%d %H:%MZ}" if recheck.due_at else "not again"
    gone = f"taken down, seen {recheck.taken_down_at:%Y-%m-%d %H:%MZ}; " if recheck.taken_down_at else ""
    if not recheck.looks:
        return f"not yet; {next_}"
    error = f" ({recheck.error})" if recheck.error else ""
    times = "once, " if recheck.looks == 1 else f"{recheck.looks} times, last "
    return f"{gone}{times}{recheck.looked_at:%Y-%m-%d %H:%MZ}: {recheck.outcome}{error}; {next_}"
