"""A small scriptable news site on loopback: what a test says, it answers; what it was asked, it remembers.

    with Site() as site:
        site.route("/feed.xml", rss(("one", "Title", "/a/one")))
        site.route("/a/one", page("Title", "Text of the article …"))
        site.route("/slow", Reply(delay=5))

A route is a Reply, bytes, or a callable (Request) -> Reply. Several sites on several loopback addresses are several hosts.
"""

from __future__ import annotations

import http.server
import threading
import time
from collections.abc import Callable
from dataclasses import dataclass, field
from html import escape
from typing import Any


@dataclass(frozen=True)
class Request:
    """One request as it came; `at` is a monotonic time."""

    path: str
    headers: dict[str, str]
    at: float


@dataclass(frozen=True)
class Reply:
    """What to answer. `hang` never answers, `reset` closes the connection, `delay` waits that many seconds before."""

    body: bytes = b""
    status: int = 200
    headers: dict[str, str] = field(default_factory=dict)
    content_type: str = "application/rss+xml"
    etag: str | None = None
    delay: float = 0.0
    hang: bool = False
    reset: bool = False


Route = Reply | bytes | Callable[[Request], Reply]


class _QuietServer(http.server.ThreadingHTTPServer):
    def handle_error(self, request: object, client_address: object) -> None:
        """A client that was killed is nobody's error."""


class Site:
    """A site at `address`; routes may be set and changed while it serves."""

    def __init__(self, address: str = "127.0.0.1", port: int = 0) -> None:
        self.requests: list[Request] = []
        self.fallback: Route = Reply(status=404, content_type="text/plain")  # for every path without a route
        self._routes: dict[str, Route] = {}
        self._stopping = threading.Event()
        self._server = _QuietServer((address, port), self._handler())
        self._server.daemon_threads = True
        self._server.block_on_close = False
        self._thread = threading.Thread(target=self._server.serve_forever, args=(0.02,), daemon=True)
        self.url = f"http://{address}:{self._server.server_port}"

    def __enter__(self) -> Site:
        self._thread.start()
        return self

    def __exit__(self, *_: object) -> None:
        self.stop()

    def stop(self) -> None:
        """Answer nobody any more, and give the port back."""
        self._stopping.set()
        self._server.shutdown()
        self._server.server_close()
        self._thread.join()

    def route(self, path: str, route: Route) -> str:
        """Answer `path` (query included) with this; the full URL."""
        self._routes[path] = route
        return self.url + path

    def asked(self, path: str) -> int:
        """How often a path was asked for."""
        return sum(request.path == path for request in self.requests)

    def _reply(self, request: Request) -> Reply:
        route = self._routes.get(request.path, self.fallback)
        reply = Reply(route) if isinstance(route, bytes) else route if isinstance(route, Reply) else route(request)
        if reply.etag and request.headers.get("if-none-match") == reply.etag:
            return Reply(status=304, etag=reply.etag)
        return reply

    def _handler(self) -> type[http.server.BaseHTTPRequestHandler]:
        site = self

        class Handler(http.server.BaseHTTPRequestHandler):
            protocol_version = "HTTP/1.1"

            def do_GET(self) -> None:
                headers = {name.lower(): value for name, value in self.headers.items()}
                request = Request(self.path, headers, time.monotonic())
                site.requests.append(request)
                reply = site._reply(request)
                if reply.hang or reply.delay:
                    site._stopping.wait(3600 if reply.hang else reply.delay)
                if reply.reset or reply.hang:
                    self.close_connection = True
                    return
                self._answer(reply)

            def _answer(self, reply: Reply) -> None:
                self.send_response(reply.status)
                fields = {"Content-Type": reply.content_type, "Content-Length": str(len(reply.body))}
                if reply.etag:
                    fields["ETag"] = reply.etag
                for name, value in (fields | reply.headers).items():
                    self.send_header(name, value)
                self.end_headers()
                if reply.status != 304:
                    self.wfile.write(reply.body)

            def log_message(self, *_: Any) -> None:
                return

        return Handler


def rss(*entries: tuple[str, str, str], title: str = "The Example Courier", summary: str = "") -> bytes:
    """An RSS document of (guid, title, link) entries, in this order, all with one summary."""
    items = "".join(
        f"<item><guid isPermaLink='false'>{escape(guid)}</guid><title>{escape(name)}</title><link>{escape(link)}</link>"
        f"<description>{escape(summary)}</description></item>"
        for guid, name, link in entries
    )
    return f"<?xml version='1.0'?><rss version='2.0'><channel><title>{title}</title>{items}</channel></rss>".encode()


def page(title: str, *paragraphs: str) -> Reply:
    """An article's page with some of the furniture of a real one."""
    text = "".join(f"<p>{escape(paragraph)}</p>" for paragraph in paragraphs)
    html = (
        f"<!doctype html><html lang='en'><head><meta charset='utf-8'><title>{escape(title)} | The Example Courier</title></head>"
        f"<body><nav><a href='/'>Home</a> <a href='/sport'>Sport</a></nav><main><article><h1>{escape(title)}</h1>{text}</article></main>"
        "<footer>All rights reserved</footer></body></html>"
    )
    return Reply(html.encode(), content_type="text/html; charset=utf-8")
