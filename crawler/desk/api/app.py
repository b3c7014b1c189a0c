"""The API as an ASGI application: its questions, its errors, and its description as OpenAPI."""

from __future__ import annotations

import difflib
import logging
from collections import Counter
from functools import cache, partial
from typing import Any

from fastapi import Depends, FastAPI
from fastapi.exceptions import RequestValidationError
from starlette.exceptions import HTTPException
from starlette.requests import Request
from starlette.responses import Response

from crawler import __version__
from crawler.desk.api import endpoints
from crawler.desk.api.answers import answer
from crawler.desk.api.asked import NotAnswerableError
from crawler.desk.api.cursors import BadCursorError
from crawler.desk.api.description import described
from crawler.desk.api.problems import Mistake, of_status, problem
from crawler.desk.guard import API
from crawler.desk.views import Desk
from storage.errors import BadQuery, StorageError, UnknownEntry, UnknownStory
from storage.query import FIELDS

log = logging.getLogger(__name__)
LANGUAGE = (
    'words, "a phrase", beginnings*, -not, OR, ( ), and fields with their value right behind the colon: '
    f'{", ".join(name + ":" for name in FIELDS)}; @NAME is a saved search. Example: raqqa "air strike" -damascus title:sdf since:7d'
)

_FORMS = {
    "country": "is no country; write its two letters: SY, GB",
    "language": "is no language; write its code: en, ar, tr",
}


def create_api(desk: Desk) -> FastAPI:
    """The API of one database. No page comes with it: those of FastAPI load their script from another host."""
    api = FastAPI(
        title="levantwatch",
        version=__version__,
        openapi_url=None,
        docs_url=None,
        redoc_url=None,
        redirect_slashes=False,
        exception_handlers={
            HTTPException: _refused,
            RequestValidationError: _wrong_parameters,
            NotAnswerableError: _not_answerable,
            BadCursorError: _bad_cursor,
            BadQuery: _bad_query,
            UnknownEntry: _unknown,
            UnknownStory: _unknown,
            StorageError: _unavailable,
            Exception: _failed,
        },
    )
    api.include_router(endpoints.router, dependencies=[Depends(_each_once)])
    api.state.desk = desk
    api.openapi = cache(partial(described, api))  # type: ignore[method-assign]
    api.add_route(f"{API}/openapi.json", _description, include_in_schema=False)
    return api


async def _description(request: Request) -> Response:
    return answer(request, request.app.openapi())


async def _each_once(request: Request) -> None:
    """Of a parameter that is given twice one value would be passed over. NotAnswerableError."""
    names = Counter(name for name, _ in request.query_params.multi_items())
    twice = [Mistake(name, "it is given more than once; give it once") for name, times in names.items() if times > 1]
    if twice:
        raise NotAnswerableError(twice)


async def _refused(request: Request, error: HTTPException) -> Response:
    return of_status(error.status_code, error.headers)


async def _wrong_parameters(request: Request, error: RequestValidationError) -> Response:
    mistakes = [_mistake(request, one) for one in error.errors()]
    return _told("bad-parameter", mistakes)


def _mistake(request: Request, error: Any) -> Mistake:
    name, told = str(error["loc"][-1]), str(error["msg"])
    if error["type"] == "extra_forbidden":
        known = [one["name"] for one in _parameters(request)]
        close = difflib.get_close_matches(name, known, 1)
        there = f"there are {', '.join(known)}" if known else "this question takes none"
        told = f"there is no such parameter; {f'did you mean {close[0]}?' if close else there}"
    elif error["type"] == "string_pattern_mismatch":
        pattern = str(error.get("ctx", {}).get("pattern", ""))
        told = "it holds a control character" if "x00" in pattern else f"it is not of the form {pattern}"
        if name in _FORMS:
            told = f"{error['input']!r} {_FORMS[name]}"
    return Mistake(name, told)


def _parameters(request: Request) -> list[dict[str, Any]]:
    described = request.app.openapi()["paths"].get(request.scope["route"].path, {})
    return [one for one in described.get("get", {}).get("parameters", ()) if one["in"] == "query"]


async def _not_answerable(request: Request, error: NotAnswerableError) -> Response:
    return _told("bad-parameter", error.mistakes)


def _told(kind: str, mistakes: Any) -> Response:
    return problem(kind, "; ".join(f"{one.parameter}: {one.detail}" for one in mistakes), errors=mistakes)


async def _bad_cursor(request: Request, error: Exception) -> Response:
    return problem("bad-cursor", f"cursor: {error}", errors=[Mistake("cursor", str(error))])


async def _bad_query(request: Request, error: BadQuery) -> Response:
    mistake = Mistake("q", str(error), None if error.at is None else error.at + 1)
    return problem("bad-query", str(error), errors=[mistake], help=LANGUAGE)


async def _unknown(request: Request, error: Exception) -> Response:
    return problem("not-found", str(error))


async def _unavailable(request: Request, error: Exception) -> Response:
    log.warning("%s: %s", request.url.path, error)
    return problem("unavailable", str(error), headers={"Retry-After": "10"})


async def _failed(request: Request, error: Exception) -> Response:
    log.error("%s failed", request.url.path, exc_info=error)
    return problem("failed")
