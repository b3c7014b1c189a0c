"""`train`: the judge learns from the analysts' labels."""

from __future__ import annotations

import json
import sys
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from crawler.cli.common import AsReport, ReportFormat, fail, print_json, reading

if TYPE_CHECKING:
    from crawler.retrain import Quality, Retrained

MODEL_FILE = "levantwatch-model.json"


def register(app: typer.Typer) -> None:
    """Add the command."""
    app.command(epilog="Example: levantwatch train --from-labels -o my-model.json")(train)


def train(
    from_labels: Annotated[bool, typer.Option("--from-labels", help="Learn from the table `labels`.")] = False,
    output: Annotated[str, typer.Option("-o", "--output", metavar="FILE", help="Where the weights go.")] = MODEL_FILE,
    as_format: AsReport = ReportFormat.TABLE,
) -> None:
    """Fit weights and thresholds from the labels, beside the shipped ones, and show precision and recall before and after.

    Nothing is judged by the new weights until `judge.model_file` names them. Needs the extra `train`.
    """
    from crawler.config import load_config
    from crawler.judging import configured_judge
    from crawler.retrain import retrain
    from crawler.terminal import rows_out
    from storage import labels

    if not from_labels:
        raise typer.BadParameter("say what to learn from: --from-labels", param_hint="--from-labels")
    with reading() as session:
        texts = labels.texts(session)
    judge = configured_judge(load_config())
    try:
        reports, model = retrain(judge, texts)
    except ImportError:
        fail("train needs numpy and scipy; install them with: pip install 'levantwatch[train]'")
    fitted = [report for report in reports if report.after is not None]
    if as_format is ReportFormat.JSON:
        print_json(reports)
    else:
        rows_out([_row(report) for report in reports], "table", sys.stdout)
    if not fitted:
        fail("no topic has labels enough; label some with: levantwatch review")
    try:
        Path(output).write_text(json.dumps(model, indent=1, sort_keys=True) + "\n", encoding="utf-8")
    except OSError as error:
        fail(f"{output} cannot be written: {error.strerror}")
    typer.echo(
        f"written: {output}; judge by it with LEVANTWATCH_JUDGE_MODEL_FILE={output} (or model_file in levantwatch.toml), "
        "and see first what would change: levantwatch reclassify --dry-run",
        err=True,
    )


def _row(report: Retrained) -> dict[str, Any]:
    return {
        "topic": report.topic,
        "labels": report.before.labels,
        "now": _told(report.before, report.threshold_before),
        "after": _told(report.after, report.threshold_after) if report.after else report.problem,
    }


def _told(quality: Quality, threshold: float | None) -> str:
    precision, recall = (f"{part:.2f}" if part is not None else "-" for part in (quality.precision, quality.recall))
    return f"precision {precision}, recall {recall}, threshold {threshold:.2f}"
