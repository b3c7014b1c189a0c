"""What every request passes: the Host check, the headers of every answer, the session, the token of every POST."""

from __future__ import annotations

import time
from collections.abc import Mapping
from dataclasses import dataclass, field
from urllib.parse import parse_qsl, quote, urlsplit

from starlette.requests import Request
from starlette.responses import PlainTextResponse, RedirectResponse, Response
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from crawler.desk.sessions import LIFE, Keeper, Session
from crawler.terminal import plain

COOKIE = "levantwatch_desk"
API, FEEDS = "/api/v1", "/feeds/"  # the page /feeds is another thing
LARGEST_FORM = 16 * 1024  # bytes: a label or a password is some hundred
LONGEST_ADDRESS = 8 * 1024  # bytes of path and query
HEADERS = {
    "Content-Security-Policy": (
        "default-src 'none'; script-src 'self'; style-src 'self'; img-src 'self'; connect-src 'self'; "
        "form-action 'self'; base-uri 'none'; frame-ancestors 'none'"
    ),
    "X-Content-Type-Options": "nosniff",
    "Referrer-Policy": "no-referrer",
    "X-Frame-Options": "DENY",
    "Cross-Origin-Opener-Policy": "same-origin",
    "Cross-Origin-Resource-Policy": "same-origin",
    "Permissions-Policy": "camera=(), geolocation=(), microphone=()",
}


@dataclass(frozen=True, slots=True)
class Rules:
    """Who may ask: the names in the Host header, and a password (its argon2 hash), a proxy's header, or neither for this machine;
    `tokens` are the hashes of those that open the API."""

    names: frozenset[str]
    password_hash: str = ""
    user_header: str = ""
    https: bool = False
    tokens: Mapping[str, str] = field(default_factory=dict)
    local_user: str = "desk"
    keeper: Keeper = field(default_factory=Keeper)


class Guard:
    """The middleware around the whole application; what is asked of `api` (and of the feeds in it) is left to that, which has a door of its own."""

    def __init__(self, app: ASGIApp, rules: Rules, api: ASGIApp) -> None:
        self._app = app
        self._rules = rules
        self._api = api

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Answer what may not go on, else let it on with `session`, `token` and, of a POST, `form` in its state."""
        if scope["type"] != "http":
            if scope["type"] == "lifespan":
                await self._app(scope, receive, send)
            return
        if is_api(scope["path"]) or scope["path"].startswith(FEEDS):
            await self._api(scope, receive, send)
            return
        request = Request(scope, receive)
        session, is_new = session_of(self._rules, request)
        state = scope.setdefault("state", {})
        state.update(session=session, token=self._rules.keeper.token(session), form={}, rules=self._rules)
        cookie = cookie_header(self._rules, session) if is_new and not _is_static(request) else None
        sending = with_headers(send, None if _is_static(request) else "no-store", cookie)
        refused = self._refused(request, session)
        if refused is None and request.method == "POST":
            form = await _form(request)
            if form is None:
                refused = _no("this form is too large", 413)
            elif not self._rules.keeper.is_token(session, form.get("csrf", "")):
                refused = _no("this form is out of date; reload the page and send it again", 403)
            else:
                state["form"] = form
        await (refused or self._app)(scope, receive, sending)

    def _refused(self, request: Request, session: Session) -> Response | None:
        if host_name(request.headers.get("host", "")) not in self._rules.names:
            return _no(
                "this desk does not answer to that name; the setting web.names lists those that it answers to", 400
            )
        if request.method not in ("GET", "HEAD", "POST"):
            return _no("only GET, HEAD and POST", 405)
        if len(request.url.path) + len(request.url.query) > LONGEST_ADDRESS:
            return _no("this address is too long", 414)
        if request.method == "POST" and is_foreign(request):
            return _no("this form comes from another site", 403)
        if session.who or _is_static(request) or request.url.path == "/login":
            return None
        if self._rules.user_header:
            return _no("the proxy did not say who you are", 403)
        if request.method == "POST":
            return _no("you are not logged in", 403)
        to = request.url.path + (f"?{request.url.query}" if request.url.query else "")
        login = "/login" if to == "/" else f"/login?to={quote(to, safe='')}"
        if request.headers.get("hx-request"):
            return Response(headers={"HX-Redirect": login})
        return RedirectResponse(login, status_code=303)


def session_of(rules: Rules, request: Request) -> tuple[Session, bool]:
    """The session of the cookie, else a new one, and whether it is new."""
    keeper, now = rules.keeper, time.time()
    found = keeper.read(request.cookies.get(COOKIE, ""), now)
    who = _known(rules, request)
    if found is not None and (who is None or found.who == who):
        return found, False
    return keeper.begin(who or "", now), True


def _known(rules: Rules, request: Request) -> str | None:
    """Who is asking, where no log-in decides it."""
    if rules.user_header:
        return plain(request.headers.get(rules.user_header, ""))[:80]
    return None if rules.password_hash else rules.local_user


def is_api(path: str) -> bool:
    """Whether an address is one of the API."""
    return path == API or path.startswith(API + "/")


def cookie_header(rules: Rules, session: Session | None) -> str:
    """The Set-Cookie header of a session; None deletes it."""
    value, age = (rules.keeper.cookie(session), LIFE) if session else ("", 0)
    secure = "; Secure" if rules.https else ""
    return f"{COOKIE}={value}; Path=/; Max-Age={age}; HttpOnly; SameSite=Strict{secure}"


def host_name(header: str) -> str:
    """The name of a Host header without its port, in small letters."""
    header = header.strip().lower()
    if header.startswith("["):
        return header.partition("]")[0] + "]"
    return header.partition(":")[0].rstrip(".")


def local_address(to: str) -> str:
    """The address if it is one of this desk, else the front page: never another site's."""
    is_ours = to.startswith("/") and not to.startswith(("//", "/\\")) and plain(to) == to
    return to if is_ours and not urlsplit(to).netloc else "/"


def _is_static(request: Request) -> bool:
    return request.url.path.startswith("/static/")


def is_foreign(request: Request) -> bool:
    """Whether a browser says that another site sent the form."""
    if request.headers.get("sec-fetch-site", "same-origin") not in ("same-origin", "none"):
        return True
    origin = request.headers.get("origin", "null")  # "null" from our own pages, for they send no referrer
    return origin != "null" and urlsplit(origin).netloc.lower() != request.headers.get("host", "").lower()


async def _form(request: Request) -> Mapping[str, str] | None:
    """The fields of a form, the last of each name; None when it is too large."""
    body = b""
    async for chunk in request.stream():
        body += chunk
        if len(body) > LARGEST_FORM:
            return None
    try:
        pairs = parse_qsl(body.decode("utf-8", "replace"), keep_blank_values=True, max_num_fields=50)
    except ValueError:  # too many fields
        return None
    return dict(pairs)


def _no(reason: str, status: int) -> Response:
    return PlainTextResponse(reason + "\n", status)


def with_headers(send: Send, caching: str | None, cookie: str | None = None) -> Send:
    """Sends every answer with the headers of the desk."""

    async def sending(message: Message) -> None:
        if message["type"] == "http.response.start":
            added = dict(HEADERS) | ({"Cache-Control": caching} if caching else {})
            given = {name.lower() for name, _ in message["headers"]}
            message["headers"] = [
                *message["headers"],
                *((name.lower().encode(), value.encode()) for name, value in added.items()),
                *([(b"set-cookie", cookie.encode())] if cookie and b"set-cookie" not in given else []),
            ]
        await send(message)

    return sending
