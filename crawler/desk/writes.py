"""What changes something, by POST alone: a label, a log-in, a log-out. The guard has checked the form's token before."""

from __future__ import annotations

import time
from threading import Lock
from typing import Literal

from argon2 import PasswordHasher
from argon2.exceptions import InvalidHashError, VerificationError
from starlette.concurrency import run_in_threadpool
from starlette.requests import Request
from starlette.responses import PlainTextResponse, RedirectResponse, Response

from crawler.desk.asking import number
from crawler.desk.guard import cookie_header, local_address
from crawler.desk.pages import page
from crawler.desk.sessions import WrongPasswords
from crawler.desk.views import desk_of, missing
from crawler.terminal import plain
from storage import labels
from storage.errors import UnknownEntry
from storage.text import many

LONGEST_PASSWORD = 1_000
_ONE_AT_A_TIME = Lock()  # a check takes 64 MB and a core: many at once would be an attack on the machine


async def label(request: Request) -> Response:
    """Label an entry."""
    form, desk = request.state.form, desk_of(request)
    entry_id, topic, value = number(form.get("entry", "")), form.get("topic", ""), form.get("value", "")
    if entry_id is None or topic not in desk.topics or value not in ("yes", "no"):
        return PlainTextResponse("a label needs an entry, a topic, and yes or no\n", 400)
    try:
        await run_in_threadpool(_write, request, entry_id, topic, "yes" if value == "yes" else "no")
    except UnknownEntry:
        return missing(request, f"There is no article {entry_id}.")
    if request.headers.get("hx-request"):
        back = local_address(form.get("to", "/"))
        return page(request, "labelled.html", entry_id=entry_id, topic=topic, held=value, back=back)
    return RedirectResponse(local_address(form.get("to", "/")), status_code=303)


def login_page(request: Request) -> Response:
    """The form that asks for name and password."""
    if request.state.session.who:
        return RedirectResponse("/", status_code=303)
    to = local_address(request.query_params.get("to", "/"))
    return page(request, "login.html", to=to, problem="")


async def login(request: Request) -> Response:
    """Check the password; a new session when it is right."""
    form, rules, wrong = request.state.form, request.state.rules, request.app.state.wrong
    if not rules.password_hash:
        return missing(request)
    address, now = request.client.host if request.client else "", time.time()
    to = local_address(form.get("to", "/"))
    if wait := wrong.wait(address, now):
        problem = f"Too many wrong passwords. Try again in {many(wait, 'second')}."
        answer: Response = page(request, "login.html", status=429, to=to, problem=problem)
        answer.headers["Retry-After"] = str(wait)
        return answer
    name, password = plain(form.get("name", ""))[:60], form.get("password", "")[:LONGEST_PASSWORD]
    if not await run_in_threadpool(is_right, rules.password_hash, password) or not name:
        wrong.add(address, now)
        return page(request, "login.html", status=403, to=to, problem="That is not the password." if name else "Give your name, too: it stands beside your labels.")  # fmt: skip
    rules.keeper.end(request.state.session)
    answer = RedirectResponse(to, status_code=303)
    answer.headers["set-cookie"] = cookie_header(rules, rules.keeper.begin(name, now))
    return answer


def logout(request: Request) -> Response:
    """End the session."""
    rules = request.state.rules
    rules.keeper.end(request.state.session)
    answer = RedirectResponse("/login" if rules.password_hash else "/", status_code=303)
    answer.headers["set-cookie"] = cookie_header(rules, None)
    return answer


def is_right(password_hash: str, password: str) -> bool:
    """Whether the password is the one of the hash."""
    with _ONE_AT_A_TIME:
        try:
            return PasswordHasher().verify(password_hash, password)
        except (VerificationError, InvalidHashError):
            return False


def hashed(password: str) -> str:
    """The argon2id hash of a password, for the setting web.password_hash."""
    return PasswordHasher().hash(password)


def new_limit() -> WrongPasswords:
    """The count of wrong passwords of one application."""
    return WrongPasswords()


def _write(request: Request, entry_id: int, topic: str, value: Literal["yes", "no"]) -> None:
    desk = desk_of(request)
    with desk.database.write() as session:
        labels.add(
            session, entry_id=entry_id, topic=topic, value=value, who=request.state.session.who, now=desk.clock()
        )
