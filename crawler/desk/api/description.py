"""The description of the API as OpenAPI 3.1: what FastAPI makes of the types, with what all answers have in common."""

from __future__ import annotations

from typing import Any

from fastapi import FastAPI
from fastapi.openapi.utils import get_openapi
from pydantic import TypeAdapter

from crawler.desk.api.problems import KINDS, MEDIA_TYPE, Problem

_REFERENCE = "#/components/schemas/"
_SAME = {
    "name": "If-None-Match",
    "in": "header",
    "required": False,
    "description": "The ETag of an answer that is held already: 304 without a body if it still holds.",
    "schema": {"type": "string"},
}
_HEADERS = {
    "ETag": {"description": "The tag of this answer, for If-None-Match.", "schema": {"type": "string"}},
    "Link": {"description": 'The address of the following page, rel="next".', "schema": {"type": "string"}},
}
_LISTS = "/matches", "/stories", "/feeds", "/counts"


def described(api: FastAPI) -> dict[str, Any]:
    """The description of these routes."""
    made: dict[str, Any] = get_openapi(
        title=api.title,
        version=api.version,
        description="What levantwatch holds, for programs. It only reads. docs/api.md has an example of each question.",
        routes=api.routes,
    )
    schemas = made["components"]["schemas"]
    for name in ("HTTPValidationError", "ValidationError"):
        schemas.pop(name, None)
    problem = TypeAdapter(Problem).json_schema(ref_template=_REFERENCE + "{model}")
    schemas |= problem.pop("$defs", {})
    schemas["Problem"] = problem
    made["components"]["securitySchemes"] = {"token": {"type": "http", "scheme": "bearer"}}
    made["security"] = [{}, {"token": []}]
    for path, operations in made["paths"].items():
        operation = operations["get"]
        operation["operationId"] = operation["operationId"].partition("_api_")[0]
        operation.setdefault("parameters", []).append(_SAME)
        answers = operation["responses"]
        headers = _HEADERS if path.endswith(_LISTS) else {"ETag": _HEADERS["ETag"]}
        answers["200"] |= {"description": "The answer.", "headers": headers}
        answers["304"] = {"description": "Nothing has changed since.", "headers": {"ETag": _HEADERS["ETag"]}}
        answers |= _problems()
    return made


def _problems() -> dict[str, Any]:
    content = {MEDIA_TYPE: {"schema": {"$ref": _REFERENCE + "Problem"}}}
    titles: dict[int, list[str]] = {}
    for status, title, _ in KINDS.values():
        titles.setdefault(status, []).append(title)
    return {f"{status}": {"description": "; or: ".join(named), "content": content} for status, named in titles.items()}
