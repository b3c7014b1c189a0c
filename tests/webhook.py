"""Channels on loopback: a webhook that answers as it is told to, and a mail server that takes what it is sent."""

from __future__ import annotations

import http.server
import json
import socketserver
import threading
from collections import deque
from email import message_from_bytes
from email.message import Message
from typing import Any, Self


class _Quiet(http.server.ThreadingHTTPServer):
    def handle_error(self, request: object, client_address: object) -> None:
        """A client that was killed is nobody's error."""


class Webhook:
    """Takes JSON by POST; `answers` are used up first (a status, "hang", "die", "endless" or "moved"), then every post is answered 200."""

    def __init__(self, *answers: int | str) -> None:
        self.answers = deque(answers)
        self.posts: list[Any] = []
        self.gets: list[str] = []
        self._stopping = threading.Event()
        self._server = _Quiet(("127.0.0.1", 0), self._handler())
        self._server.daemon_threads = True
        threading.Thread(target=self._server.serve_forever, kwargs={"poll_interval": 0.02}, daemon=True).start()

    def address(self, path: str = "hook", query: str = "") -> str:
        """Its apprise address."""
        return f"json://127.0.0.1:{self._server.server_port}/{path}{query}"

    @property
    def titles(self) -> list[str]:
        """The first lines of what it was posted, whatever it answered."""
        return [post["title"] for post in self.posts]

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self._stopping.set()
        self._server.shutdown()
        self._server.server_close()

    def _handler(self) -> type[http.server.BaseHTTPRequestHandler]:
        hook = self

        class Handler(http.server.BaseHTTPRequestHandler):
            def do_POST(self) -> None:
                body = self.rfile.read(int(self.headers["Content-Length"]))
                hook.posts.append(json.loads(body))
                answer = hook.answers.popleft() if hook.answers else 200
                if answer == "hang":
                    hook._stopping.wait(30)
                elif answer == "moved":
                    self.send_response(302)
                    self.send_header("Location", f"http://127.0.0.1:{hook._server.server_port}/log-in")
                    self.send_header("Content-Length", "0")
                    self.end_headers()
                elif answer == "endless":
                    self.send_response(200)
                    self.end_headers()
                    while not hook._stopping.is_set():
                        self.wfile.write(b"x" * 1_000_000)
                elif answer != "die":
                    self.send_response(int(answer), "no, says hook")
                    self.send_header("Content-Length", "0")
                    self.end_headers()

            def do_GET(self) -> None:
                hook.gets.append(self.path)
                self.send_response(200)
                self.send_header("Content-Length", "0")
                self.end_headers()

            def log_message(self, *_: Any) -> None:
                """Nothing."""

        return Handler


class MailServer:
    """An SMTP server that knows as much as is needed to be sent a mail."""

    def __init__(self) -> None:
        self.mails: list[Message] = []
        server = self

        class Handler(socketserver.StreamRequestHandler):
            def handle(self) -> None:
                self.wfile.write(b"220 mail.example\r\n")
                for line in self.rfile:
                    word = line.split()[0].upper() if line.split() else b""
                    if word == b"DATA":
                        self.wfile.write(b"354 go on\r\n")
                        data = b""
                        while not data.endswith(b"\r\n.\r\n"):
                            line = self.rfile.readline()
                            if not line:  # the client has gone
                                return
                            data += line
                        server.mails.append(message_from_bytes(data[:-3]))
                    if word == b"QUIT":
                        self.wfile.write(b"221 bye\r\n")
                        return
                    self.wfile.write(b"250 ok\r\n")

        self._server = socketserver.ThreadingTCPServer(("127.0.0.1", 0), Handler)
        self._server.daemon_threads = True
        threading.Thread(target=self._server.serve_forever, kwargs={"poll_interval": 0.02}, daemon=True).start()

    @property
    def address(self) -> str:
        """Its apprise address."""
        port = self._server.server_address[1]
        return f"mailto://127.0.0.1:{port}?from=watch@levant.example&to=desk@paper.example&mode=insecure"

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self._server.shutdown()
        self._server.server_close()
