"""A snapshot's README and CITATION.cff, from its manifest. PURE."""

from __future__ import annotations

import json
from collections.abc import Mapping
from typing import Any

from crawler.plaintext import clean

_FILES = {
    ".jsonl": "one JSON object a line, UTF-8",
    ".csv": "RFC 4180, UTF-8; a cell that a spreadsheet would take for a formula begins with an apostrophe",
    ".parquet": "the same with types: times in UTC, `day` a date, `topics` a list",
}


def query_line(query: Mapping[str, Any]) -> str:
    """What was asked, on one line: `camp topic=syria since=2026-11-01`, or `everything`."""
    words = [str(query["words"])] if query.get("words") else []
    named = [f"{name}={_listed(value)}" for name, value in query.items() if name not in ("words", "saved") and value]
    return clean(" ".join([*words, *named])) or "everything"


def readme(manifest: Mapping[str, Any]) -> str:
    """The README in Markdown. Whatever came from outside stands on indented lines, where Markdown obeys nothing."""
    counts, program = manifest["counts"], manifest["program"]
    span = f", {counts['first_day']} to {counts['last_day']}" if counts["matches"] else ""
    saved = [f"    @{name}: {clean(text)}" for name, text in manifest["query"].get("saved", {}).items()]
    files = [f"- `{file['name']}`, {file['bytes']:,} bytes: {_kind(file['name'])}" for file in manifest["files"]]
    sums = [f"    {file['sha256']}  {file['name']}" for file in manifest["files"]]
    models = ", ".join(f"{model} ({number:,})" for model, number in manifest["models"]["verdicts"].items())
    return "\n".join([
        "# A snapshot of news matches",
        "",
        f"    {clean(manifest['title'])}",
        f"    asked:  {query_line(manifest['query'])}",
        *saved,
        f"    made:   {manifest['made_at']} by levantwatch {program['version']}",
        f"    judged: {clean(models) or 'nothing'}",
        "",
        f"{counts['matches']:,} matches of {counts['stories']:,} stories{span}. The files hold the same rows in the same order ({manifest['order']}):",
        "",
        *files,
        "- `manifest.json`: what was asked, counts, SHA-256 of each file, versions, and the whole report of what was not collected",
        "- `CITATION.cff`: how to cite this",
        "",
        "The columns are those of the view `matches`, described in levantwatch's docs/columns.md. An article keeps its `article_id` in every",
        "snapshot of one database.",
        "",
        "## What was not collected",
        "",
        f"    {clean(manifest['coverage']['headline'])}",
        "",
        "## Checking it",
        "",
        "`levantwatch snapshot verify .` checks every file against the manifest; `sha256sum` must show:",
        "",
        *sums,
        "",
        "`levantwatch snapshot diff OTHER .` tells what was added, removed and changed since another snapshot.",
        "",
        "## Rights",
        "",
        "Titles, summaries and texts belong to their publishers. Whoever passes this on must have the right to.",
        "",
    ])  # fmt: skip


def citation(manifest: Mapping[str, Any]) -> str:
    """CITATION.cff, version 1.2.0 (https://citation-file-format.github.io); strings are JSON's, which YAML reads."""
    counts = manifest["counts"]
    authors = manifest["authors"] or ["levantwatch"]
    digests = [file for file in manifest["files"] if file["name"].endswith(".jsonl")]
    abstract = f"{counts['matches']:,} matches of news feeds; asked: {query_line(manifest['query'])}. {manifest['coverage']['headline']}"
    return "\n".join([
        "cff-version: 1.2.0",
        "type: dataset",
        'message: "If you use this data set, please cite it."',
        f"title: {_quoted(manifest['title'])}",
        "authors:",
        *(f"  - name: {_quoted(author)}" for author in authors),
        f"version: {_quoted(manifest['made_at'])}",
        f"date-released: {_quoted(manifest['made_at'][:10])}",
        f"abstract: {_quoted(abstract)}",
        "identifiers:",
        "  - type: other",
        f"    value: {_quoted('sha256:' + digests[0]['sha256'])}",
        f"    description: {_quoted('SHA-256 of ' + digests[0]['name'])}",
        "references:",
        "  - type: software",
        "    title: levantwatch",
        f"    version: {_quoted(manifest['program']['version'])}",
        "    authors:",
        '      - name: "the levantwatch developers"',
        "",
    ])  # fmt: skip


def _quoted(text: str) -> str:
    return json.dumps(clean(text), ensure_ascii=False)


def _kind(name: str) -> str:
    return _FILES[name[name.rindex(".") :]]


def _listed(value: Any) -> str:
    return ",".join(map(str, value)) if isinstance(value, list) else str(value)
