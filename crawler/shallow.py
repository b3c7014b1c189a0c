"""Scrapy's start without its look around.

For the `__module__` of three names that it has given up, Scrapy 2.19 calls `inspect.stack()`, which reads the sources of every frame and
walks over every module: a tenth of the time of a command that polls.
"""

from __future__ import annotations

import inspect
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any


@contextmanager
def shallow_stack() -> Iterator[None]:
    """Within it `inspect.stack()[1][0]` is the module that called the caller, at once. For imports alone."""
    whole = inspect.stack

    def stack(context: int = 1) -> list[Any]:
        return [None, (sys.modules[sys._getframe(2).f_globals["__name__"]],)]

    inspect.stack = stack
    try:
        yield
    finally:
        inspect.stack = whole
