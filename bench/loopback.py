"""Feeds on many loopback addresses, each of which is a host of its own to the crawler; who asked when is kept. Used by simulate.py and cluster.py."""

from __future__ import annotations

import asyncio
import math
import random
import threading
import time
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from typing import Self

TITLES = (
    "Harvest festival returns to the river towns",
    "Museum opens its new wing",
    "Ferry timetable changes in spring",
)


@dataclass(frozen=True, slots=True)
class Asked:
    """One request: when (seconds of the steady clock), at which host, for what, and with which status it was answered."""

    at: float
    host: str
    path: str
    status: int


@dataclass
class Loopback:
    """Hosts with so many feeds each; `version` is what their documents are at, and two entries are new with each."""

    counts: list[int]
    response: float = (
        0.0  # seconds before an answer; the median of the hosts' where they `spread` log-normally by this sigma
    )
    spread: float = 0.0
    entries: int = 30
    version: int = 1
    answers: float = math.inf  # so many requests are answered, all further ones when this is raised
    asked: list[Asked] = field(default_factory=list)
    port: int = 0
    late: float = (
        0.0  # seconds by which this process, which notes the times, was late at most: others use the machine, too
    )

    def __enter__(self) -> Self:
        self._loop = asyncio.new_event_loop()
        began = threading.Event()
        self._thread = threading.Thread(target=self._serve, args=(began,), daemon=True)
        self._thread.start()
        began.wait()
        return self

    def __exit__(self, *_: object) -> None:
        self._loop.call_soon_threadsafe(self._loop.stop)
        self._thread.join()

    def urls(self) -> list[str]:
        """Every feed."""
        return [
            f"http://{_address(place)}:{self.port}/{feed}" for place, count in enumerate(self.counts) for feed in range(count)
        ]  # fmt: skip

    def _serve(self, began: threading.Event) -> None:
        asyncio.set_event_loop(self._loop)
        servers = []
        for place in range(len(self.counts)):
            server = self._loop.run_until_complete(asyncio.start_server(self._answer, _address(place), self.port))
            self.port = server.sockets[0].getsockname()[1]
            servers.append(server)
        began.set()
        watching = self._loop.create_task(self._watch_itself())
        self._loop.run_forever()
        watching.cancel()
        for server in servers:
            server.close()
        answering = asyncio.all_tasks(self._loop)
        for task in answering:
            task.cancel()
        self._loop.run_until_complete(asyncio.gather(*answering, return_exceptions=True))
        self._loop.close()

    async def _watch_itself(self) -> None:
        while True:
            before = time.monotonic()
            await asyncio.sleep(0.01)
            self.late = max(self.late, time.monotonic() - before - 0.01)

    async def _answer(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        host = writer.get_extra_info("sockname")[0]
        try:
            while head := await reader.readuntil(b"\r\n\r\n"):
                await self._answered(head.decode("latin-1"), host, writer)
        except (asyncio.IncompleteReadError, ConnectionError):
            pass
        finally:
            writer.close()

    async def _answered(self, head: str, host: str, writer: asyncio.StreamWriter) -> None:
        path, tag = head.split(" ", 2)[1], f'"{self.version}"'
        status = 304 if f"if-none-match: {tag}" in head.lower() else 200
        self.asked.append(Asked(time.monotonic(), host, path, status))
        number = len(self.asked)
        if self.response:
            await asyncio.sleep(
                self.response * (random.Random(host).lognormvariate(0, self.spread) if self.spread else 1.0)
            )
        while number > self.answers:
            await asyncio.sleep(0.02)
        body = b"" if status == 304 else self._document(f"{host}{path}")
        writer.write(
            f"HTTP/1.1 {status} OK\r\nETag: {tag}\r\nContent-Type: application/rss+xml\r\nContent-Length: {len(body)}\r\n\r\n".encode()
            + body
        )
        await writer.drain()

    def _document(self, name: str) -> bytes:
        first = 2 * (self.version - 1)
        items = "".join(
            f"<item><guid>http://{name}/{number}</guid><link>http://{name}/{number}</link>"
            f"<title>{TITLES[number % 3]}, part {number} of {name}</title><description>{'The council of the town met. ' * 25}</description></item>"
            for number in range(first + self.entries - 1, first - 1, -1)
        )
        return f'<rss version="2.0"><channel><title>{name}</title><link>http://{name}</link>{items}</channel></rss>'.encode()


def _address(place: int) -> str:
    return f"127.5.{place // 250}.{place % 250 + 1}"
