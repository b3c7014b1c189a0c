"""Two snapshots compared: which articles came, went and changed, and in what. Reads files only, and checks them first."""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any, BinaryIO, Literal

from crawler.snapshot import FORMAT, MANIFEST, SnapshotError, digest

_ROWS = "matches.jsonl"
# of the making: a change in the answer may come from a change in one of these
_MAKING = (("query",), ("program", "version"), ("models", "judge"), ("models", "verdicts"))


@dataclass(frozen=True, slots=True)
class Snapshot:
    """A snapshot whose files are what its manifest says."""

    folder: Path
    manifest: Mapping[str, Any]

    @property
    def columns(self) -> list[str]:
        """The columns of its rows."""
        return [str(name) for name in self.manifest["columns"]]


@dataclass(frozen=True, slots=True)
class Change:
    """An article that came, went, or differs in `columns`; `before` and `after` hold its values there."""

    change: Literal["added", "removed", "changed"]
    article_id: int
    title: str
    columns: tuple[str, ...] = ()
    before: Mapping[str, Any] | None = None
    after: Mapping[str, Any] | None = None


def open_snapshot(folder: Path) -> Snapshot:
    """A snapshot, once every file was read and found to be what its manifest says. SnapshotError says what is wrong."""
    manifest = _manifest(folder)
    wrong = [problem for file in manifest["files"] for problem in _problems(folder, file)]
    if wrong:
        raise SnapshotError(f"{folder} is not what its manifest says: {'; '.join(wrong)}")
    return Snapshot(folder, manifest)


def making(a: Snapshot, b: Snapshot) -> Iterator[str]:
    """In what the making of two snapshots differs, each on a line."""
    for path in _MAKING:
        before, after = (_at(one.manifest, path) for one in (a, b))
        if not isinstance(before, Mapping) or not isinstance(after, Mapping):
            before, after = {"": before}, {"": after}
        for name in {**before, **after}:
            if before.get(name) != after.get(name):
                shown = ".".join(filter(None, (*path, name)))
                yield f"{shown}: {_shown(before.get(name))} → {_shown(after.get(name))}"
    if a.columns != b.columns:
        yield f"columns: compared are those in both; {_names(a, b)} only in the first, {_names(b, a)} only in the second"


def differences(a: Snapshot, b: Snapshot) -> Iterator[Change]:
    """What came and changed, in the order of `b`, then what went, in the order of `a`. Memory: some 100 bytes an article of `a`."""
    shared = [name for name in a.columns if name in set(b.columns)]
    with (a.folder / _ROWS).open("rb") as old, (b.folder / _ROWS).open("rb") as new:
        places = {_id(row, a): place for place, _, row in _lines(old, a)}
        for _, line, row in _lines(new, b):
            number = _id(row, b)
            place = places.pop(number, None)
            if place is None:
                yield Change("added", number, str(row.get("title")))
                continue
            old.seek(place)
            before = old.readline()
            if before != line:
                yield from _changed(_row(before, a), row, shared, number)
        for place in places.values():
            old.seek(place)
            row = _row(old.readline(), a)
            yield Change("removed", _id(row, a), str(row.get("title")))


def _changed(before: Mapping[str, Any], after: Mapping[str, Any], shared: list[str], number: int) -> Iterator[Change]:
    names = tuple(name for name in shared if before.get(name) != after.get(name))
    if names:
        old, new = ({name: row.get(name) for name in names} for row in (before, after))
        yield Change("changed", number, str(after.get("title")), names, old, new)


def _lines(file: BinaryIO, snapshot: Snapshot) -> Iterator[tuple[int, bytes, dict[str, Any]]]:
    """Every line with where it begins and its row."""
    place = 0
    for line in iter(file.readline, b""):
        yield place, line, _row(line, snapshot)
        place += len(line)


def _row(line: bytes, snapshot: Snapshot) -> dict[str, Any]:
    row = _json(line, snapshot.folder / _ROWS)
    if not isinstance(row, dict):
        raise SnapshotError(f"{snapshot.folder / _ROWS} holds a line that is no article")
    return row


def _id(row: Mapping[str, Any], snapshot: Snapshot) -> int:
    number = row.get("article_id")
    if type(number) is not int:
        raise SnapshotError(f"{snapshot.folder / _ROWS} holds a row without an article_id")
    return number


def _manifest(folder: Path) -> dict[str, Any]:
    file = folder / MANIFEST
    try:
        digest(file)  # a pipe would be read for ever
        manifest = _json(file.read_bytes(), file)
    except OSError as error:
        raise SnapshotError(f"{folder} is no snapshot: {MANIFEST}: {error.strerror}") from None
    if not isinstance(manifest, dict) or manifest.get("format") != FORMAT:
        raise SnapshotError(f"{file} is no manifest of the form {FORMAT}")
    files, columns = manifest.get("files"), manifest.get("columns")
    named = [one.get("name") for one in files if isinstance(one, dict)] if isinstance(files, list) else []
    if _ROWS not in named or not isinstance(columns, list):
        raise SnapshotError(f"{file} names no {_ROWS} or no columns")
    return manifest


def _problems(folder: Path, described: Any) -> Iterator[str]:
    name = described.get("name") if isinstance(described, dict) else None
    if not isinstance(name, str) or name in ("", "..") or Path(name).name != name:
        yield f"{name!r} is no file of it"  # a manifest must not make anybody read elsewhere
        return
    try:
        found = digest(folder / name)
    except (OSError, ValueError) as error:
        yield f"{name}: {error.strerror if isinstance(error, OSError) else error}"
        return
    if found != described.get("sha256"):
        yield f"{name} has the SHA-256 {found}"


def _json(data: bytes, file: Path) -> Any:
    try:
        return json.loads(data)
    except (ValueError, RecursionError):
        raise SnapshotError(f"{file} holds something else than JSON") from None


def _at(manifest: Mapping[str, Any], path: tuple[str, ...]) -> Any:
    value: Any = manifest
    for name in path:
        value = value.get(name) if isinstance(value, Mapping) else None
    return value


def _shown(value: Any) -> str:
    return "nothing" if value in (None, "", []) else str(value)


def _names(a: Snapshot, b: Snapshot) -> str:
    return ", ".join(name for name in a.columns if name not in b.columns) or "none"
