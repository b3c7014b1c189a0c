"""Rows for programs: JSON, JSON Lines and CSV in the shapes of DESIGN section 4. PURE, and streaming: a row at a time.

Times are ISO 8601 in UTC with `Z`, what is absent is null, `topics` is a sorted list (comma-joined in CSV).
"""

from __future__ import annotations

import csv
import json
import re
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import fields, is_dataclass
from datetime import UTC, date, datetime
from functools import cache
from typing import Any, Protocol, TextIO

# A cell that begins so is a formula to a spreadsheet (OWASP, CSV injection; full-width in Japanese ones); the apostrophe
# makes it text.
_FORMULA = ("=", "+", "-", "@", "\uff1d", "\uff0b", "\uff0d", "\uff20")
_PLAIN = frozenset(
    {str, int, float, bool, type(None)}
)  # JSON already; a report of a month holds thirty thousand of them
_HALF_CHARACTER = re.compile(r"[\ud800-\udfff]")


def iso(moment: datetime) -> str:
    """An aware time as ISO 8601 in UTC with Z, to the second unless it is finer."""
    text = moment.astimezone(UTC).isoformat()
    return text.replace("+00:00", "Z")


def row_to_json(row: Any) -> dict[str, Any]:
    """A row (a dataclass or a mapping) as JSON values: keys are its fields, in their order."""
    values = row if isinstance(row, Mapping) else {name: getattr(row, name) for name in _names(row.__class__)}
    return {name: _topics(value) if name == "topics" else to_json(value) for name, value in values.items()}


def to_json(value: Any) -> Any:
    """Any value of ours as JSON: dataclasses, stored rows and mappings become objects, sequences lists, times text."""
    kind = type(value)
    if kind in _PLAIN:
        return value
    if kind is list or kind is tuple:
        return [to_json(item) for item in value]
    if isinstance(value, datetime):
        return iso(value)
    if isinstance(value, date):
        return value.isoformat()
    if is_dataclass(kind):
        values = {name: getattr(value, name) for name in _names(kind)}  # most are plain, and a call for each is dear
        return {name: one if type(one) in _PLAIN else to_json(one) for name, one in values.items()}
    if hasattr(value, "as_dict"):
        value = value.as_dict()
    if isinstance(value, Mapping):
        return {str(key): _topics(item) if key == "topics" else to_json(item) for key, item in value.items()}
    if isinstance(value, (list, tuple, set, frozenset)):
        return [to_json(item) for item in value]
    return value


@cache
def _names(kind: type[Any]) -> tuple[str, ...]:
    return tuple(field.name for field in fields(kind))


def json_text(value: Any) -> str:
    """A value as JSON on one line; letters as they are, but halves of characters, which UTF-8 cannot hold, escaped."""
    text = json.dumps(value, ensure_ascii=False)
    return _HALF_CHARACTER.sub(lambda half: f"\\u{ord(half.group()):04x}", text)


class RowWriter(Protocol):
    """Whatever rows can be written to, one by one."""

    def write(self, row: Any) -> None:
        """Write one row."""

    def close(self) -> None:
        """Write what is still to be written; the file stays open."""


class JsonLines:
    """One JSON object a line."""

    def __init__(self, file: TextIO) -> None:
        """Write to this file."""
        self._file = file

    def write(self, row: Any) -> None:
        """Write one row."""
        self._file.write(json_text(row_to_json(row)) + "\n")

    def close(self) -> None:
        """Nothing is left to write."""


class Csv:
    """CSV by RFC 4180, with the fields of the first row as its heading unless `columns` are given."""

    def __init__(self, file: TextIO, *, bom: bool = False, columns: Sequence[str] | None = None) -> None:
        """Write to this file; `bom` helps Excel to see UTF-8."""
        if bom:
            file.write("\ufeff")
        self._writer = csv.writer(file, lineterminator="\r\n")
        self._heading = columns is not None
        if columns is not None:
            self._writer.writerow([_cell(name) for name in columns])

    def write(self, row: Any) -> None:
        """Write one row."""
        values = row_to_json(row)
        if not self._heading:
            self._writer.writerow(values)
            self._heading = True
        self._writer.writerow([_cell(value) for value in values.values()])

    def close(self) -> None:
        """Nothing is left to write."""


def write_rows(
    rows: Iterable[Any], form: str, file: TextIO, *, bom: bool = False, columns: Sequence[str] | None = None
) -> int:
    """Write rows as `json` (one array), `jsonl` or `csv`; how many there were. `bom` helps Excel to see UTF-8 in CSV.

    `columns` are the heading of a CSV file; without them it is that of the first row, so none without a row.
    """
    if form == "json":
        return _write_json(rows, file)
    return write_all(rows, Csv(file, bom=bom, columns=columns) if form == "csv" else JsonLines(file))


def write_all(rows: Iterable[Any], writer: RowWriter) -> int:
    """Write rows to their end; how many there were."""
    number = 0
    for number, row in enumerate(rows, start=1):  # noqa: B007
        writer.write(row)
    writer.close()
    return number


def _write_json(rows: Iterable[Any], file: TextIO) -> int:
    number = 0
    file.write("[")
    for number, row in enumerate(rows, start=1):
        file.write(("," if number > 1 else "") + "\n" + json_text(row_to_json(row)))
    file.write("\n]\n" if number else "]\n")
    return number


def _cell(value: Any) -> Any:
    if value is None:
        return ""
    if isinstance(value, list):
        value = ",".join(map(str, value))
    if isinstance(value, str):
        text = _HALF_CHARACTER.sub("\ufffd", value.replace("\x00", ""))
        return "'" + text if text.lstrip().startswith(_FORMULA) or text.startswith(("\t", "\r")) else text
    return value


def _topics(value: Any) -> Any:
    if isinstance(value, str):
        return sorted(filter(None, value.split(",")))
    return sorted(value or ()) if value is None or isinstance(value, (list, tuple, set, frozenset)) else to_json(value)
