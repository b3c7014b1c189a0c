"""Signed sessions, the tokens of forms, and the limit on wrong passwords. PURE: time is an argument, in seconds."""

from __future__ import annotations

import base64
import binascii
import hashlib
import hmac
import secrets
from collections import deque
from dataclasses import dataclass

LIFE = 12 * 3600  # seconds: a working day
WRONG_PER_ADDRESS, WRONG_IN_ALL = 5, 50  # wrong passwords …
WRONG_WITHIN = 300  # … in so many seconds
ADDRESSES = 10_000  # remembered at once


@dataclass(frozen=True, slots=True)
class Session:
    """One visitor's session; `who` is '' until he has logged in."""

    id: str
    since: int
    who: str


class Keeper:
    """Makes and reads the cookie of sessions. The key lives as long as the process: a restart logs everybody out."""

    def __init__(self, key: bytes | None = None) -> None:
        self._key = key or secrets.token_bytes(32)
        self._ended: deque[str] = deque(maxlen=10_000)

    def begin(self, who: str, now: float) -> Session:
        """A new session."""
        return Session(secrets.token_urlsafe(18), int(now), who)

    def end(self, session: Session) -> None:
        """Let nobody use it any more."""
        self._ended.append(session.id)

    def cookie(self, session: Session) -> str:
        """The session as a signed value."""
        who = base64.urlsafe_b64encode(session.who.encode()).decode().rstrip("=")
        body = f"{session.id}.{session.since}.{who}"
        return f"{body}.{self._signed('session', body)}"

    def read(self, cookie: str, now: float) -> Session | None:
        """The session of a cookie that this process signed and that is not too old; else None."""
        body, _, signature = cookie.rpartition(".")
        if not hmac.compare_digest(signature.encode(), self._signed("session", body).encode()):
            return None
        id_, since, who = body.split(".")
        try:
            name = base64.urlsafe_b64decode(who + "=" * (-len(who) % 4)).decode()
        except (binascii.Error, UnicodeDecodeError):
            return None
        if not 0 <= now - int(since) < LIFE or id_ in self._ended:
            return None
        return Session(id_, int(since), name)

    def token(self, session: Session) -> str:
        """What every form of this session must send along."""
        return self._signed("form", f"{session.id}.{session.since}.{session.who}")

    def is_token(self, session: Session, given: str) -> bool:
        """Whether a form was made for this session."""
        return hmac.compare_digest(given.encode(), self.token(session).encode())

    def _signed(self, purpose: str, text: str) -> str:
        return hmac.new(self._key, f"{purpose}\0{text}".encode(), hashlib.sha256).hexdigest()


class WrongPasswords:
    """Counts wrong passwords by address and in all, and says how long to wait."""

    def __init__(self) -> None:
        self._by_address: dict[str, deque[float]] = {}
        self._all: deque[float] = deque(maxlen=WRONG_IN_ALL)

    def add(self, address: str, now: float) -> None:
        """One more."""
        if len(self._by_address) >= ADDRESSES:
            self._by_address.clear()  # the limit in all holds meanwhile
        self._by_address.setdefault(address, deque(maxlen=WRONG_PER_ADDRESS)).append(now)
        self._all.append(now)

    def wait(self, address: str, now: float) -> int:
        """Seconds until the address may try again; 0 for now."""
        kept = ((self._by_address.get(address), WRONG_PER_ADDRESS), (self._all, WRONG_IN_ALL))
        waits = [WRONG_WITHIN - (now - times[0]) for times, most in kept if times is not None and len(times) == most]
        return max(0, *(int(wait) + 1 for wait in waits if wait > 0)) if any(wait > 0 for wait in waits) else 0
