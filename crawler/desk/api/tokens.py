"""Bearer tokens: made once, shown once, kept as a SHA-256. PURE.

A token has 256 random bits, so that a plain hash of it cannot be turned round; a password would need a slow one.
"""

from __future__ import annotations

import hashlib
import hmac
import re
import secrets
from collections.abc import Mapping

_NAME = re.compile(r"[A-Za-z0-9_-]{1,40}")
_HASH = re.compile(r"[0-9a-f]{64}")


def new_token() -> str:
    """A new token, known to nobody."""
    return "lw_" + secrets.token_urlsafe(32)


def hashed(token: str) -> str:
    """What is kept of a token."""
    return hashlib.sha256(token.encode("utf-8", "replace")).hexdigest()


def is_name(name: str) -> bool:
    """Whether a token may be called so."""
    return bool(_NAME.fullmatch(name))


def read(setting: str) -> dict[str, str]:
    """The hashes of the setting web.tokens by name: `notebook:HASH, map:HASH`. ValueError says which part is wrong."""
    found: dict[str, str] = {}
    for number, part in enumerate(setting.replace(",", " ").split(), start=1):
        name, _, value = part.partition(":")
        if not is_name(name) or not _HASH.fullmatch(value):
            raise ValueError(f"part {number} is no NAME:HASH")
        if name in found:
            raise ValueError(f"{name} stands there twice")
        found[name] = value
    return found


def owner(tokens: Mapping[str, str], given: str) -> str | None:
    """The name of the token that was given, or None. Every hash is compared in the same time, whichever fits."""
    value, found = hashed(given), None
    for name, kept in tokens.items():
        if hmac.compare_digest(kept, value):
            found = name
    return found
