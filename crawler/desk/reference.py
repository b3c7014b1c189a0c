"""The page /api: what can be asked, made from the API's own description."""

from __future__ import annotations

from typing import Any

from starlette.requests import Request
from starlette.responses import Response

from crawler.desk.api.problems import KINDS
from crawler.desk.pages import page


def reference(request: Request) -> Response:
    """Every question with its parameters, and every error."""
    schema = request.app.state.schema()
    questions = [
        (path, operations["get"], [(one, _kind(one["schema"])) for one in _own(operations["get"])])
        for path, operations in schema["paths"].items()
    ]
    return page(request, "api.html", questions=questions, kinds=KINDS, version=schema["info"]["version"])


def _own(operation: dict[str, Any]) -> list[dict[str, Any]]:
    """The parameters of this question; what all questions take is told above them."""
    return [one for one in operation.get("parameters", ()) if one["in"] != "header"]


def _kind(schema: dict[str, Any]) -> str:
    """What may be written, in words."""
    options = [one for one in schema.get("anyOf", [schema]) if one.get("type") != "null"]
    return " or ".join(map(_one_kind, options))


def _one_kind(schema: dict[str, Any]) -> str:
    if "enum" in schema:
        return ", ".join(map(str, schema["enum"]))
    if schema.get("type") == "integer":
        most = schema.get("maximum")
        return f"a number from {schema.get('minimum', 1)} to {most:,}" if most and most < 10**9 else "a number"
    return {"boolean": "true or false"}.get(str(schema.get("type")), "text")
