"""The judge's verdicts as storage takes them."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import fields
from typing import TYPE_CHECKING

from crawler.classify.judge import Evidence
from storage.verdicts import VerdictRecord

if TYPE_CHECKING:
    from crawler.classify import Verdict

_PIECE = tuple(field.name for field in fields(Evidence))  # dataclasses.asdict copies each value: ten times as long


def verdict_records(verdicts: Iterable[Verdict], *, model: str) -> tuple[VerdictRecord, ...]:
    """One record per topic; `model` is the judge's version."""
    return tuple(
        VerdictRecord(
            topic=verdict.topic,
            score=verdict.score,
            threshold=verdict.threshold,
            matched=verdict.matched,
            evidence=[{name: getattr(piece, name) for name in _PIECE} for piece in verdict.evidence],
            model=model,
        )
        for verdict in verdicts
    )
