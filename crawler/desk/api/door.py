"""What every request to the API and to a feed must pass: Host, method, size, origin, token, Accept. Answers leave with the desk's headers."""

from __future__ import annotations

import time

from starlette.datastructures import Headers
from starlette.requests import Request
from starlette.responses import Response
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from crawler.desk.api import tokens
from crawler.desk.api.problems import problem
from crawler.desk.guard import Rules, host_name, is_api, is_foreign, session_of, with_headers
from crawler.desk.sessions import WrongPasswords

LONGEST_ADDRESS = 16 * 1024  # bytes: a query of 2,000 Arabic letters takes 12,000
LARGEST_BODY = 16 * 1024  # bytes, and none of them is read
_CACHING = "private, no-cache"  # may be kept by whoever asked, who asks with its ETag whether it still holds
_VARY = (b"vary", b"Accept, Authorization, Cookie")


class Door:
    """The middleware around the API; the one way to it."""

    def __init__(self, app: ASGIApp, rules: Rules) -> None:
        self._app = app
        self._rules = rules
        self._wrong = WrongPasswords()

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Answer what may not go on, else let it on. HEAD is GET without its body."""
        request = Request(scope, receive)
        sending = with_headers(_varying(send), _CACHING)
        if request.method == "HEAD":
            sending = _without_body(sending)
        refused = self._refused(request)
        if refused is None:
            state = {**scope.get("state", {}), "rules": self._rules}
            await self._app({**scope, "method": "GET", "state": state}, receive, sending)
        else:
            await refused(scope, receive, sending)

    def _refused(self, request: Request) -> Response | None:
        headers = request.headers
        if host_name(headers.get("host", "")) not in self._rules.names:
            return problem("unknown-host")
        if request.method not in ("GET", "HEAD"):
            return problem("method-not-allowed", headers={"Allow": "GET, HEAD"})
        if len(request.scope.get("raw_path") or b"") + len(request.scope["query_string"]) > LONGEST_ADDRESS:
            return problem("address-too-long")
        if _length(headers) > LARGEST_BODY:
            return problem("too-large", headers={"Connection": "close"})
        if is_foreign(request) and headers.get("sec-fetch-mode") != "navigate":
            return problem("forbidden")
        takes_it = not is_api(request.scope["path"]) or _takes_json(headers)  # readers of feeds name all sorts of types
        return self._unknown(request) or (None if takes_it else problem("not-acceptable"))

    def _unknown(self, request: Request) -> Response | None:
        """The refusal of somebody who is neither logged in on the page nor has a token."""
        session, _ = session_of(self._rules, request)
        if session.who:
            return None
        scheme, _, given = request.headers.get("authorization", "").partition(" ")
        if scheme.lower() != "bearer" or not given.strip():
            return problem("unauthorized", headers={"WWW-Authenticate": 'Bearer realm="levantwatch"'})
        if tokens.owner(self._rules.tokens, given.strip()):
            return None
        address, now = request.client.host if request.client else "", time.time()
        if wait := self._wrong.wait(address, now):
            return problem("too-many", headers={"Retry-After": str(wait)})
        self._wrong.add(address, now)
        return problem(
            "unauthorized",
            "this token opens nothing; web.tokens of the desk lists those that do",
            headers={"WWW-Authenticate": 'Bearer realm="levantwatch", error="invalid_token"'},
        )


def _length(headers: Headers) -> int:
    given = headers.get("content-length", "0")
    return int(given) if given.isascii() and given.isdecimal() and len(given) < 20 else LARGEST_BODY + 1


def _takes_json(headers: Headers) -> bool:
    """Whether the Accept header admits JSON: by the most precise range that names it, unless that has q=0."""
    given = headers.get("accept", "").strip()
    if not given:
        return True
    admitted: dict[str, bool] = {}
    for part in given.lower().split(","):
        kind, *parameters = (piece.strip() for piece in part.split(";"))
        admitted[kind] = not any(_is_zero(one) for one in parameters)
    ranges = ("application/json", "application/*", "*/*")
    return next((admitted[one] for one in ranges if one in admitted), False)


def _is_zero(parameter: str) -> bool:
    name, _, value = parameter.partition("=")
    return name.strip() == "q" and value.strip().rstrip("0") in ("", "0.", ".")


def _varying(send: Send) -> Send:
    async def sending(message: Message) -> None:
        if message["type"] == "http.response.start":
            message["headers"] = [*message["headers"], _VARY]
        await send(message)

    return sending


def _without_body(send: Send) -> Send:
    async def sending(message: Message) -> None:
        if message["type"] == "http.response.body":
            message = {**message, "body": b""}
        await send(message)

    return sending
