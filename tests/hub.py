"""A WebSub hub on loopback: it remembers what it was asked, confirms or refuses as the test says, and pushes what it is given."""

from __future__ import annotations

import hashlib
import hmac
import http.server
import threading
import time
import urllib.error
import urllib.parse
import urllib.request
from dataclasses import dataclass
from typing import Any


@dataclass(frozen=True)
class Asked:
    """One request of a subscriber: the path of the hub and the form's fields without `hub.`."""

    path: str
    form: dict[str, str]
    at: float


class Hub:
    """A hub for each path: `/hub` confirms at once, `/mute` accepts and never calls back, `/broken` closes two connections and then answers 500, `/no` denies, `/moved`
    redirects to a page that answers 202."""

    def __init__(self, *, lease_seconds: int = 864_000) -> None:
        self.lease_seconds = lease_seconds
        self.asked: list[Asked] = []
        self._to_close = 2
        self.confirmed: list[tuple[str, int, bool]] = []  # mode, status, whether the challenge came back
        self._server = http.server.ThreadingHTTPServer(("127.0.0.1", 0), self._handler())
        self._server.daemon_threads = True
        self._thread = threading.Thread(target=self._server.serve_forever, args=(0.02,), daemon=True)
        self.url = f"http://127.0.0.1:{self._server.server_port}"

    def __enter__(self) -> Hub:
        self._thread.start()
        return self

    def __exit__(self, *_: object) -> None:
        self._server.shutdown()
        self._server.server_close()
        self._thread.join()

    def forms(self, topic: str, mode: str = "subscribe") -> list[dict[str, str]]:
        """What was asked for a topic, in order."""
        return [one.form for one in self.asked if (one.form["topic"], one.form["mode"]) == (topic, mode)]

    def push(self, form: dict[str, str], body: bytes, *, method: str = "sha256", secret: str | None = None) -> int:
        """Push a document to a subscriber, signed with its secret or another; the status of its answer."""
        digest = hmac.new((secret or form["secret"]).encode(), body, getattr(hashlib, method)).hexdigest()
        return call(form["callback"], body, {"X-Hub-Signature": f"{method}={digest}"})[0]

    def verify(self, form: dict[str, str], **changed: str) -> tuple[int, str]:
        """Ask a subscriber whether it wants what it asked for: status and text."""
        intent = {
            "mode": form["mode"],
            "topic": form["topic"],
            "challenge": "c" * 40,
            "lease_seconds": str(self.lease_seconds),
        }
        return call(address(form, intent | changed))

    def _handler(self) -> type[http.server.BaseHTTPRequestHandler]:
        hub = self

        class Handler(http.server.BaseHTTPRequestHandler):
            protocol_version = "HTTP/1.1"
            timeout = 30

            def do_POST(self) -> None:
                body = self.rfile.read(int(self.headers["Content-Length"])).decode()
                if self.path == "/broken" and hub._to_close:
                    hub._to_close -= 1
                    self.close_connection = True
                    return
                form = {name.removeprefix("hub."): value for name, value in urllib.parse.parse_qsl(body)}
                hub.asked.append(Asked(self.path, form, time.monotonic()))
                if self.path == "/moved":
                    self.send_response(302)
                    self.send_header("Location", "/page")
                else:
                    self.send_response(500 if self.path == "/broken" else 202)
                self.send_header("Content-Length", "0")
                self.end_headers()
                if self.path in ("/hub", "/no"):
                    threading.Thread(target=self.confirm, args=(form, self.path == "/no"), daemon=True).start()

            def do_GET(self) -> None:
                self.send_response(202)
                self.send_header("Content-Length", "0")
                self.end_headers()

            def confirm(self, form: dict[str, str], denies: bool) -> None:
                if denies:
                    call(address(form, {"mode": "denied", "topic": form["topic"], "reason": "not\nfor\x1b you"}))
                    return
                status, text = hub.verify(form)
                hub.confirmed.append((form["mode"], status, text == "c" * 40))

            def log_message(self, *_: Any) -> None:
                return

        return Handler


def address(form: dict[str, str], intent: dict[str, str]) -> str:
    """A callback with an intent in its query."""
    return f"{form['callback']}?{urllib.parse.urlencode({f'hub.{name}': value for name, value in intent.items()})}"


def call(url: str, body: bytes | None = None, headers: dict[str, str] | None = None) -> tuple[int, str]:
    """Call a subscriber: GET without a body, else POST."""
    request = urllib.request.Request(url, body, {"Content-Type": "application/rss+xml", **(headers or {})})
    try:
        with urllib.request.urlopen(request, timeout=30) as answer:
            return answer.status, answer.read().decode()
    except urllib.error.HTTPError as error:
        with error:
            return error.code, error.read().decode()
