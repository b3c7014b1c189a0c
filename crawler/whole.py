"""Folders that are there whole or not at all."""

from __future__ import annotations

import os
import secrets
import shutil
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path


@contextmanager
def whole_folder(folder: Path) -> Iterator[Path]:
    """A folder beside it to write to, which becomes `folder` when all went well, and is gone when it did not. Raises OSError.

    `folder` is not there yet, or empty; the folder in which it is to be is there.
    """
    folder = folder.resolve()
    # not by the process's number: in a container that is the same each time, and a killed one leaves its folder
    part = folder.with_name(f".{folder.name}.{secrets.token_hex(4)}.part")
    part.mkdir()
    try:
        yield part
        for file in part.iterdir():
            _on_disk(file)
        _on_disk(part)
        part.rename(folder)
    finally:
        shutil.rmtree(part, ignore_errors=True)


def _on_disk(path: Path) -> None:
    """Wait until it is on the disk: the name must never be there without what it names."""
    number = os.open(path, os.O_RDONLY)
    try:
        os.fsync(number)
    finally:
        os.close(number)
