"""Errors as RFC 9457 has them: application/problem+json with type, title, status and detail. PURE, but for the response.

A type is the address of its explanation on the page /api.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

from pydantic import ConfigDict
from starlette.responses import Response

from crawler.desk.api.answers import safe_json
from crawler.terminal import clipped, plain

MEDIA_TYPE = "application/problem+json"
_SHOWN = 600  # characters of a detail: what was asked may be long, and stands in it

# by the name in its type: status, title, and what it means
KINDS: Mapping[str, tuple[int, str, str]] = {
    "bad-parameter": (422, "A parameter is wrong", "A value that cannot be, or a name that no parameter has; `errors` says which."),
    "bad-query": (422, "The query has a mistake", "`q` cannot be read; `detail` says what is wrong and at which character, `help` what can be written."),
    "bad-cursor": (422, "The cursor is none of this question", "A cursor is taken from `next` as it is, and asked with the same parameters."),
    "unknown-host": (400, "This desk does not answer to that name", "The Host header names none of web.names."),
    "unauthorized": (401, "A token is needed", "Send `Authorization: Bearer TOKEN`; `levantwatch web --new-token NAME` makes one."),
    "forbidden": (403, "Not from another site", "A browser asks in the name of a page of another site."),
    "not-found": (404, "There is no such thing", "No such address, article, story or publisher."),
    "method-not-allowed": (405, "Only GET and HEAD", "The API reads; nothing is written through it."),
    "not-acceptable": (406, "Only JSON is to be had", "The Accept header excludes application/json."),
    "too-large": (413, "No body is read", "A request has no body here; this one has a large one."),
    "address-too-long": (414, "The address is too long", "More than 16 KiB of path and query."),
    "too-many": (429, "Too many wrong tokens", "Try again when Retry-After says; a right token is never refused."),
    "failed": (500, "The desk failed", "A fault of ours; the log of levantwatch web has it."),
    "unavailable": (503, "The database does not answer", "It is busy, is being restarted, or was made by another version; `detail` says which."),
}  # fmt: skip


@dataclass(frozen=True, slots=True)
class Mistake:
    """What is wrong with one parameter, and for a query at which character, counted from 1."""

    parameter: str
    detail: str
    at: int | None = None


@dataclass(frozen=True, slots=True)
class Problem:
    """Why there is no answer: `type` is the address of an explanation, `detail` is about this request."""

    __pydantic_config__ = ConfigDict(extra="forbid")

    type: str
    title: str
    status: int
    detail: str
    errors: tuple[Mistake, ...] = field(default=())
    help: str | None = None


def problem(
    kind: str,
    detail: str = "",
    *,
    errors: Sequence[Mistake] = (),
    help: str | None = None,
    headers: Mapping[str, str] | None = None,
) -> Response:
    """The response that says so."""
    status, title, meaning = KINDS[kind]
    body: dict[str, Any] = {
        "type": f"/api#{kind}",
        "title": title,
        "status": status,
        "detail": clipped(plain(detail or meaning), _SHOWN),
    }
    if errors:
        body["errors"] = [_as_json(one) for one in errors]
    if help:
        body["help"] = help
    return Response(safe_json(body), status, dict(headers or {}), MEDIA_TYPE)


def of_status(status: int, headers: Mapping[str, str] | None = None) -> Response:
    """The problem of a status that the framework found."""
    kind = next((name for name, one in KINDS.items() if one[0] == status), "failed")
    return problem(kind, headers=headers)


def _as_json(one: Mistake) -> dict[str, Any]:
    told: dict[str, Any] = {
        "parameter": clipped(plain(one.parameter), 60),
        "detail": clipped(plain(one.detail), _SHOWN),
    }
    return told if one.at is None else told | {"at": one.at}
