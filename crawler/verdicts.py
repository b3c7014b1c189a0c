"""The judge's verdicts as storage takes them."""

from __future__ import annotations

from collections.abc import Iterable
from typing import TYPE_CHECKING

from storage.verdicts import VerdictRecord

if TYPE_CHECKING:
    from crawler.classify import Verdict


def verdict_records(verdicts: Iterable[Verdict], *, model: str) -> tuple[VerdictRecord, ...]:
    """One record per topic; `model` is the judge's version."""
    return tuple(
        VerdictRecord(
            topic=verdict.topic,
            score=verdict.score,
            threshold=verdict.threshold,
            matched=verdict.matched,
            evidence=[piece._asdict() for piece in verdict.evidence],
            model=model,
        )
        for verdict in verdicts
    )
