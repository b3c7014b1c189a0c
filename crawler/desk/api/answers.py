"""Answers: JSON with an ETag, and where the next page is."""

from __future__ import annotations

import base64
import hashlib
import re
from collections.abc import Mapping
from typing import Any
from urllib.parse import urlencode

from starlette.requests import Request
from starlette.responses import Response

from crawler.export import json_text, to_json

# Escaped in JSON although they need not be: what a terminal or a browser that is shown the raw answer might obey.
_UNSAFE = re.compile("[<>&\x7f-\x9f\u061c\u200e\u200f\u2028-\u202e\u2066-\u2069\ufeff]")
_TAGS = re.compile(r'(?:W/)?("[\x21\x23-\x7e\x80-\xff]*")')


def answer(request: Request, value: Any, *, next: str | None = None, ready: bool = False) -> Response:
    """A value as JSON; 304 without it for whoever has it already. `next` is the cursor of the following page; `ready` says that the
    value is made of what JSON has."""
    body = safe_json(value if ready else to_json(value))
    headers = {}
    if next is not None:
        pairs = [(name, given) for name, given in request.query_params.multi_items() if name != "cursor"]
        headers["Link"] = f'<{request.url.path}?{urlencode([*pairs, ("cursor", next)])}>; rel="next"'
    return tagged(request, body, "application/json", headers)


def tagged(request: Request, body: bytes, media_type: str, headers: Mapping[str, str] | None = None) -> Response:
    """A body with its ETag; 304 without it for whoever has it already."""
    headers = {"ETag": etag_of(body), **(headers or {})}
    if _has(request.headers.get("if-none-match", ""), headers["ETag"]):
        return Response(status_code=304, headers=headers)
    return Response(body, headers=headers, media_type=media_type)


def safe_json(value: Any) -> bytes:
    """JSON in which nothing is markup and nothing turns the direction of a line, for a program the same."""
    return _UNSAFE.sub(lambda one: f"\\u{ord(one.group()):04x}", json_text(value)).encode()


def etag_of(body: bytes) -> str:
    """The entity tag of a body."""
    return '"' + base64.urlsafe_b64encode(hashlib.sha256(body).digest()[:15]).decode() + '"'


def _has(header: str, tag: str) -> bool:
    return header.strip() == "*" or tag in _TAGS.findall(header)
