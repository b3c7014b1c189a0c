"""The newsroom on loopback: one HTTP server per outlet, each on an address of its own where the system has more than one.

with Newsroom() as room:
    urls = [feed.url for feed in room.feeds()]
    …                # poll them
    room.advance()   # the second round: new articles, a correction, a page that failed works
"""

from __future__ import annotations

import hashlib
import http.server
import threading
from dataclasses import dataclass
from datetime import UTC, datetime
from email.utils import format_datetime, parsedate_to_datetime

from crawler.newsroom.articles import load_articles
from crawler.newsroom.outlets import OUTLETS, Outlet
from crawler.newsroom.sites import Answer, OutletSite

LAST_ROUND = 2
_FIRST_ADDRESS = 2  # 127.0.0.2 and on, as many hosts as outlets
_SHUTDOWN_POLL = 0.02  # seconds; the standard half second would be waited for eight times


@dataclass(frozen=True, slots=True)
class NewsroomFeed:
    """A feed of the newsroom as `feeds add` takes it."""

    url: str
    title: str
    publisher: str
    country: str
    language: str
    kind: str
    tags: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class Truth:
    """What is true of an article, by reading it: `topics` is empty when it is relevant to none.

    `title` is what it is called in the present round, `first_title` what it was called when it came out; `url` is None for
    an entry without a page; `page` says how its page behaves and `case` what it stands for.
    """

    article_id: int
    publisher: str
    url: str | None
    title: str
    first_title: str
    topics: tuple[str, ...]
    page: str
    case: str


@dataclass(frozen=True, slots=True)
class Asked:
    """A request that came in and the status that it got."""

    url: str
    status: int


class Newsroom:
    """Serves every outlet while the `with` block runs; `now` is when its articles' hours count from."""

    def __init__(self, *, now: datetime | None = None) -> None:
        self.started_at = (now or datetime.now(UTC)).replace(microsecond=0)
        self.round = 1
        self.asked: list[Asked] = []
        self._servers: list[_Server] = []

    def __enter__(self) -> Newsroom:
        try:
            for number, outlet in enumerate(OUTLETS):
                self._servers.append(_Server(self, outlet, number))
        except BaseException:
            self.__exit__()
            raise
        return self

    def __exit__(self, *_: object) -> None:
        for server in self._servers:
            server.stop()
        self._servers.clear()

    @property
    def url(self) -> str:
        """The front page of the first outlet."""
        return f"{self._servers[0].site.home}/"

    def feeds(self) -> tuple[NewsroomFeed, ...]:
        """Every feed of every outlet."""
        return tuple(
            NewsroomFeed(
                url=site.home + feed.path,
                title=feed.title,
                publisher=site.outlet.name,
                country=site.outlet.country,
                language=site.outlet.language,
                kind=site.outlet.kind,
                tags=site.outlet.tags,
            )
            for site in self.sites()
            for feed in site.outlet.feeds
        )

    def sites(self) -> tuple[OutletSite, ...]:
        """What the outlets' sites say, without HTTP."""
        return tuple(server.site for server in self._servers)

    def advance(self) -> None:
        """Go on to the second round."""
        self.round = min(self.round + 1, LAST_ROUND)

    @property
    def truth(self) -> tuple[Truth, ...]:
        """What is true of every article that has come out by the present round."""
        return tuple(
            Truth(
                article_id=article.id,
                publisher=site.outlet.name,
                url=site.url(article),
                title=article.version(self.round).title,
                first_title=article.first.title,
                topics=article.topics,
                page=article.page,
                case=article.case,
            )
            for site in self.sites()
            for article in site.articles
            if article.round <= self.round
        )

    def answer(self, site: OutletSite, target: str) -> Answer:
        """What a site answers now; remembered in `asked`."""
        answer = site.answer(target, self.round)
        self.asked.append(Asked(site.home + target, answer.status))
        return answer


class _Server:
    """One outlet's HTTP server in a thread."""

    def __init__(self, room: Newsroom, outlet: Outlet, number: int) -> None:
        self._http = bound(f"127.0.0.{_FIRST_ADDRESS + number}")
        host, port = self._http.server_address[:2]
        articles = tuple(article for article in load_articles() if article.outlet == outlet.key)
        self.site = OutletSite(outlet, articles, f"http://{host!s}:{port}", room.started_at)
        self._http.RequestHandlerClass = _handler(room, self.site)
        self._thread = threading.Thread(target=self._http.serve_forever, args=(_SHUTDOWN_POLL,), daemon=True)
        self._thread.start()

    def stop(self) -> None:
        """Stop answering and give the port back."""
        self._http.shutdown()
        self._http.server_close()
        self._thread.join()


class _QuietServer(http.server.ThreadingHTTPServer):
    daemon_threads = True
    block_on_close = False

    def handle_error(self, request: object, client_address: object) -> None:
        """A reader that hangs up early is nobody's error."""


def bound(address: str) -> _QuietServer:
    """A server at this address on a free port; at 127.0.0.1 where the system has no other (macOS)."""
    try:
        return _QuietServer((address, 0), http.server.BaseHTTPRequestHandler)
    except OSError:
        return _QuietServer(("127.0.0.1", 0), http.server.BaseHTTPRequestHandler)


def _handler(room: Newsroom, site: OutletSite) -> type[http.server.BaseHTTPRequestHandler]:
    class Handler(http.server.BaseHTTPRequestHandler):
        protocol_version = "HTTP/1.1"
        timeout = 30

        def do_GET(self) -> None:
            self._send(room.answer(site, self.path))

        do_HEAD = do_GET

        def _send(self, answer: Answer) -> None:
            etag = f'"{hashlib.sha256(answer.body).hexdigest()[:20]}"'
            fresh = answer.status == 200 and self._is_fresh(etag, answer.modified)
            self.send_response(304 if fresh else answer.status)
            if answer.status == 200:
                self.send_header("ETag", etag)
            if answer.modified is not None:
                self.send_header("Last-Modified", format_datetime(answer.modified, usegmt=True))
            if not fresh:
                self.send_header("Content-Type", answer.content_type)
                self.send_header("Content-Length", str(len(answer.body)))
            self.end_headers()
            if not fresh and self.command != "HEAD":
                self.wfile.write(answer.body)

        def _is_fresh(self, etag: str, modified: datetime | None) -> bool:
            """RFC 9110 section 13.2.2: the entity tag decides when there is one, else the date."""
            if (tags := self.headers.get("If-None-Match")) is not None:
                return tags.strip() == "*" or etag in [tag.strip().removeprefix("W/") for tag in tags.split(",")]
            if modified is None or (since := self.headers.get("If-Modified-Since")) is None:
                return False
            try:
                return modified <= parsedate_to_datetime(since)
            except (ValueError, TypeError):
                return False

        def log_message(self, *_: object) -> None:
            """Nothing: the reader of a demo did not ask for an access log."""

    return Handler
