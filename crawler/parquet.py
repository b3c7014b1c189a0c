"""Rows as Parquet, in small row groups: as little memory for a million rows as for a thousand. PURE; needs pyarrow, the extra
`parquet`.

Times are microseconds in UTC, `day` is a date, `topics` a sorted list; everything else is as in JSON Lines.
"""

from __future__ import annotations

import importlib.util
import re
from array import array
from collections.abc import Callable, Iterable, Sequence
from dataclasses import fields
from datetime import UTC, date, datetime, timedelta
from itertools import accumulate
from typing import Any, BinaryIO, get_type_hints

MISSING = "Parquet needs pyarrow, which is not installed; pip install 'levantwatch[parquet]'"
# A row group is written when it has so many rows or so many characters: a match is some 5 KB, a long one 200.
_ROWS = 3_000
_CHARACTERS = 4_000_000  # smaller groups make a longer footer, which stays in memory: at a million rows 200 MB with 2,000,000, 152 with this
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

        self._pyarrow = pyarrow
        self._columns = _columns(row_type)
        self._schema = pyarrow.schema([(name, _arrow_type(pyarrow, kind)) for name, kind in self._columns.items()])
        short = [name for name in self._columns if name not in _LONG]
        self._writer = ParquetWriter(
            file, self._schema, compression="zstd", use_dictionary=short, write_statistics=short
        )  # fmt: skip
        self._rows: list[tuple[Any, ...]] = []
        self._characters = 0

    def write(self, row: Any) -> None:
        """Write one row, or keep it for the next row group."""
        values = tuple(getattr(row, name) for name in self._columns)
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
        arrays = [self._array(kind, values) for values, kind in zip(columns, self._columns.values(), strict=True)]
        self._writer.write_batch(self._pyarrow.RecordBatch.from_arrays(arrays, schema=self._schema))
        self._rows.clear()
        self._characters = 0
        self._pyarrow.default_memory_pool().release_unused()

    def _array(self, kind: str, values: Sequence[Any]) -> Any:
        """A column made of its buffers: pyarrow.array would import pandas where it is installed, 48 MB and a third of a second."""
        present = self._present(values)
        if kind == "string":
            offsets, data = self._text(values)
            return self._made(kind, len(values), [present, offsets, data])
        if kind == "strings":
            lists = [_topics(value) for value in values]
            items = self._array("string", [item for one in lists for item in one])
            return self._made(kind, len(values), [present, self._offsets(map(len, lists))], children=[items])
        code, number = _NUMBERS[kind]
        numbers = array(code, [0 if value is None else number(value) for value in values])
        return self._made(kind, len(values), [present, self._pyarrow.py_buffer(numbers)])

    def _made(self, kind: str, length: int, buffers: list[Any], **given: Any) -> Any:
        return self._pyarrow.Array.from_buffers(_arrow_type(self._pyarrow, kind), length, buffers, **given)

    def _present(self, values: Sequence[Any]) -> Any:
        """The bitmap of the values that are there; None when all are."""
        if None not in values:
            return None
        bits = bytearray((len(values) + 7) // 8)
        for n, value in enumerate(values):
            bits[n >> 3] |= (value is not None) << (n & 7)
        return self._pyarrow.py_buffer(bytes(bits))

    def _text(self, values: Sequence[str | None]) -> tuple[Any, Any]:
        encoded = [b"" if value is None else _utf8(value) for value in values]
        return self._offsets(map(len, encoded)), self._pyarrow.py_buffer(b"".join(encoded))

    def _offsets(self, lengths: Iterable[int]) -> Any:
        return self._pyarrow.py_buffer(array("i", accumulate(lengths, initial=0)))


def _columns(row_type: type) -> dict[str, str]:
    """The kind of each column."""
    hints = get_type_hints(row_type)
    return {one.name: _SPECIAL.get(one.name) or _KINDS[_plain_type(hints[one.name])] for one in fields(row_type)}


def _plain_type(hint: Any) -> type:
    """The type without its None."""
    plain = [kind for kind in getattr(hint, "__args__", (hint,)) if kind is not type(None)]
    found: type = plain[0]
    return found


def _arrow_type(pyarrow: Any, kind: str) -> Any:
    return {
        "int": pyarrow.int64(),
        "float": pyarrow.float64(),
        "string": pyarrow.string(),
        "strings": pyarrow.list_(pyarrow.string()),
        "time": pyarrow.timestamp("us", tz="UTC"),
        "day": pyarrow.date32(),
    }[kind]


def _utf8(text: str) -> bytes:
    try:
        return text.encode()
    except UnicodeEncodeError:  # half a character, which UTF-8 cannot hold
        return _HALF_CHARACTER.sub("\ufffd", text).encode()


def _topics(value: str | None) -> list[str]:
    return sorted(filter(None, (value or "").split(",")))


def _itself(value: Any) -> Any:
    return value


_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)
_KINDS = {int: "int", float: "float", str: "string", datetime: "time"}
_SPECIAL = {"topics": "strings", "day": "day"}
# the array's type code, and a value as the number that Arrow keeps
_NUMBERS: dict[str, tuple[str, Callable[[Any], Any]]] = {
    "int": ("q", _itself),
    "float": ("d", _itself),
    "time": ("q", lambda value: (value - _EPOCH) // timedelta(microseconds=1)),
    "day": ("i", lambda value: date.fromisoformat(value).toordinal() - _EPOCH.toordinal()),
}
