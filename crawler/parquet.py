"""Rows as Parquet, in small row groups: as little memory for a million rows as for a thousand. PURE; needs pyarrow, the extra
`parquet`.

Times are microseconds in UTC, `day` is a date, `topics` a sorted list; everything else is as in JSON Lines.
"""

from __future__ import annotations

import importlib.util
import re
from dataclasses import fields
from datetime import date, datetime
from typing import Any, BinaryIO, get_type_hints

MISSING = "Parquet needs pyarrow, which is not installed; pip install 'levantwatch[parquet]'"
# A row group is written when it has so many rows or so many characters: a match is some 5 KB, a long one 200.
_ROWS = 1_000
_CHARACTERS = (
    2_000_000  # measured: a peak of 173 MB, 48 of them pandas, which pyarrow imports where it is; twice as much: 201
)
_HALF_CHARACTER = re.compile(r"[\ud800-\udfff]")
_LONG = (
    "title",
    "url",
    "canonical_url",
    "summary",
    "text",
)  # hardly any value twice: dictionaries and bounds would only cost


def installed() -> bool:
    """Whether pyarrow is there; it is not imported."""
    return importlib.util.find_spec("pyarrow") is not None


class Parquet:
    """Writes rows of one dataclass to a file, which needs not be one that can seek."""

    def __init__(self, file: BinaryIO, row_type: type) -> None:
        """Begin the file; the columns are the fields of `row_type`, a file without rows has them, too."""
        import pyarrow
        from pyarrow.parquet import ParquetWriter

        self._schema = pyarrow.schema(_columns(row_type))
        short = [name for name in self._schema.names if name not in _LONG]
        self._writer = ParquetWriter(
            file,
            self._schema,
            compression="zstd",
            use_dictionary=short,
            write_statistics=short,
        )
        self._batch = pyarrow.record_batch
        self._array = pyarrow.array
        self._rows: list[tuple[Any, ...]] = []
        self._characters = 0

    def write(self, row: Any) -> None:
        """Write one row, or keep it for the next row group."""
        values = tuple(_value(name, getattr(row, name)) for name in self._schema.names)
        self._rows.append(values)
        self._characters += sum(len(value) for value in values if isinstance(value, str))
        if len(self._rows) >= _ROWS or self._characters >= _CHARACTERS:
            self._flush()

    def close(self) -> None:
        """Write the last row group and the footer. A file that was not closed is no Parquet file."""
        if self._rows:
            self._flush()
        self._writer.close()

    def _flush(self) -> None:
        columns = zip(*self._rows, strict=True)
        arrays = [self._column(list(values), field.type) for values, field in zip(columns, self._schema, strict=True)]
        self._writer.write_batch(self._batch(arrays, schema=self._schema))
        self._rows.clear()
        self._characters = 0

    def _column(self, values: list[Any], kind: Any) -> Any:
        try:
            return self._array(values, kind)
        except UnicodeEncodeError:  # half a character, which UTF-8 cannot hold
            return self._array([_HALF_CHARACTER.sub("\ufffd", value) if value else value for value in values], kind)


def _columns(row_type: type) -> list[tuple[str, Any]]:
    import pyarrow

    kinds = {
        int: pyarrow.int64(),
        float: pyarrow.float64(),
        str: pyarrow.string(),
        datetime: pyarrow.timestamp("us", tz="UTC"),
    }
    special = {"topics": pyarrow.list_(pyarrow.string()), "day": pyarrow.date32()}
    hints = get_type_hints(row_type)
    named = [field.name for field in fields(row_type)]
    return [(name, special.get(name) or kinds[_plain_type(hints[name])]) for name in named]


def _plain_type(hint: Any) -> type:
    """The type without its None."""
    plain = [kind for kind in getattr(hint, "__args__", (hint,)) if kind is not type(None)]
    found: type = plain[0]
    return found


def _value(name: str, value: Any) -> Any:
    if name == "topics":
        return sorted(filter(None, value.split(",")))
    return date.fromisoformat(value) if name == "day" else value
