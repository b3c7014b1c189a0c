"""What `reclassify` and `audit` tell people: what a change gains and loses, how good the judge is, who agrees with whom."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING

from crawler.review import STATES
from crawler.terminal import clipped, console, plain
from storage.audits import SAID
from storage.text import many

if TYPE_CHECKING:
    from rich.console import Console

    from crawler.reclassify import Example, Report
    from storage.audits import Agreement, Audit
    from storage.estimates import Estimate


def change_page(report: Report) -> None:
    """What a change of the judge does: by topic the counts and the clearest examples, then what moved."""
    from rich.text import Text

    out = console()
    would = "would be " if report.dry_run else ""
    if not report.judged:
        out.print(Text(f"everything that is stored was judged by model {report.model} already"))
        return
    out.print(Text(f"{many(report.judged, 'entry', 'entries')} {would}judged anew, model {report.model}", style="bold"))
    for topic, change in report.topics.items():
        out.print()
        read = f", {change.to_read} of them to be read first" if change.to_read else ""
        counts = f"{topic}: of these {many(change.before, 'match', 'matches')} before, {change.after} after; "
        out.print(Text(f"{counts}{change.gained} gained{read}, {change.lost} lost", style="bold"))
        for word, examples in (("+", change.gained_examples), ("-", change.lost_examples)):
            for example in examples:
                _print_example(out, word, example)
    if report.moved:
        out.print()
    for move, number in report.moved.items():
        was, _, then = move.partition(" -> ")
        out.print(Text(f"{many(number, 'entry', 'entries')}: {STATES[was]} → {STATES[then]}"))
    if report.dry_run:
        out.print(Text("nothing was written; without --dry-run it is", style="dim"))


def audit_page(audits: Sequence[Audit]) -> None:
    """Precision and recall by topic, with what they were worked out from."""
    from rich.text import Text

    out = console()
    for number, audit in enumerate(audits):
        if number:
            out.print()
        told = f"precision {_estimate(audit.precision)}, recall {_estimate(audit.recall)}"
        out.print(Text(f"{audit.topic}: {told}", style="bold"))
        for part in audit.parts:
            skipped = f" ({part.skipped} skipped)" if part.skipped else ""
            out.print(
                Text(
                    f"  {SAID[part.name]:<27} {part.population:>9} in all, {part.labelled} labelled{skipped}, {part.yes} yes"
                )
            )
        if audit.problem:
            out.print(Text(f"  {audit.problem}", style="yellow"))


def agreement_page(found: Sequence[Agreement]) -> None:
    """How far every two people agree, and where they do not."""
    from rich.text import Text

    out = console()
    if not found:
        out.print(Text("no entry was labelled by two people; the second one asks for: levantwatch audit --second"))
    for one in found:
        kappa = "undefined: both gave one answer only" if one.kappa is None else f"{one.kappa:.2f}"
        people = f"{plain(one.first)} and {plain(one.second)}"
        head = f"{one.topic}: {people} agree on {one.agreed} of {one.labelled}, Cohen's kappa {kappa}"
        out.print(Text(head, style="bold"))
        for differs in one.disagreements:
            said = f"{plain(one.first)} {differs.first}, {plain(one.second)} {differs.second}"
            out.print(Text(f"  {differs.entry_id:>7}  {said}  {plain(differs.title)}"))


def _print_example(out: Console, word: str, example: Example) -> None:
    from rich.text import Text

    before = "never judged" if example.before is None else f"{example.before:.3f}"
    line = Text(f"  {word} {example.id:>7}  ", style="green" if word == "+" else "red")
    line.append(f"{before} → {example.after:.3f}  ", style="dim")
    out.print(line.append(clipped(plain(example.title), max(out.width - 34, 30)), style=""))
    because = ", ".join(f"{change:+.2f} {plain(term)}" for term, change in example.because)
    if because:
        out.print(Text(f"             because of {because}", style="dim"))


def _estimate(estimate: Estimate | None) -> str:
    if estimate is None:
        return "unknown"
    return f"{estimate.value:.3f} (95 %: {estimate.low:.3f} to {estimate.high:.3f})"
