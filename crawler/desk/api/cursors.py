"""Where the next page begins, as one opaque word that belongs to its question. PURE."""

from __future__ import annotations

import base64
import binascii
import hashlib
import json
from collections.abc import Mapping
from typing import Any

_DIGEST = 12  # letters: enough to tell a mix-up; nothing is secret about a place in a list
LONGEST = 200
LARGEST = 2**63 - 1


class BadCursorError(ValueError):
    """The cursor is none, or that of another question."""


def written(question: Mapping[str, Any], place: tuple[int, ...]) -> str:
    """The cursor of a place in the answer to a question."""
    text = json.dumps([_digest(question), *place], separators=(",", ":"))
    return base64.urlsafe_b64encode(text.encode()).decode().rstrip("=")


def read(cursor: str, question: Mapping[str, Any], length: int) -> tuple[int, ...]:
    """The place, `length` numbers of it. BadCursorError."""
    try:
        given = json.loads(base64.b64decode(cursor + "=" * (-len(cursor) % 4), altchars=b"-_", validate=True))
    except (binascii.Error, ValueError):
        raise BadCursorError("it is no cursor") from None
    if not isinstance(given, list) or len(given) != length + 1 or not all(type(one) is int for one in given[1:]):
        raise BadCursorError("it is no cursor")
    if given[0] != _digest(question):
        raise BadCursorError("it is the cursor of another question")
    if not all(0 <= one <= LARGEST for one in given[1:]):
        raise BadCursorError("it is no cursor")
    return tuple(given[1:])


def _digest(question: Mapping[str, Any]) -> str:
    text = json.dumps(question, sort_keys=True, default=str)
    return hashlib.sha256(text.encode("utf-8", "replace")).hexdigest()[:_DIGEST]
