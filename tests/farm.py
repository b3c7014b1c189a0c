"""A private farm of hostile and odd servers: each behaviour on a loopback address of its own, 127.0.1.1, 127.0.1.2 …

    with Farm(CASES) as farm:
        farm.url("endless-headers")        # http://127.0.1.17:40123/feed.xml
        farm.canary.connections            # what reached an address that nobody may reach: must stay 0

A behaviour is a coroutine over one connection: it may say any bytes at any speed, or nothing at all. Every loop ends with the connection or
at a bound. The tables of behaviours and of what must come of them are `farm_answers`, `farm_documents` and `farm_pages`.
"""

from __future__ import annotations

import asyncio
import contextlib
import socket
import ssl
import struct
import threading
import time
from collections.abc import Awaitable, Callable, Iterable
from dataclasses import dataclass, field, replace
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from typing import Self

NETWORKS = "127.0.1.0/24,127.0.2.0/24,127.0.3.0/24"
FOREVER = 600.0  # seconds that a mute server holds a connection; the client leaves long before
FLOOD = 256 * 1024 * 1024  # bytes after which an endless answer ends after all


@dataclass
class Connection:
    """One connection to a behaviour, and what was asked on it."""

    farm: Farm
    case: Case
    reader: asyncio.StreamReader
    writer: asyncio.StreamWriter
    path: str = ""
    headers: dict[str, str] = field(default_factory=dict)
    handed: bool | None = None  # whether a request that was read already is still to be answered; None: read them here

    async def asked(self) -> bool:
        """Read a request's head; False when there is none."""
        if self.handed is not None:
            handed, self.handed = self.handed, False
            return handed
        try:
            head = await self.reader.readuntil(b"\r\n\r\n")
        except (asyncio.IncompleteReadError, asyncio.LimitOverrunError):
            return False
        first, *lines = head.decode("latin-1").split("\r\n")
        self.path = first.split(" ")[1]
        self.headers = {
            name.lower(): value.strip() for name, _, value in (line.partition(":") for line in lines if line)
        }
        self.farm.requests.append((self.case.name, self.path))
        return True

    async def say(self, data: bytes) -> None:
        """Send bytes, and wait until the client has taken most of them."""
        self.writer.write(data)
        await self.writer.drain()

    async def flood(self, data: bytes) -> None:
        """Send the same bytes again and again, as fast as they are taken."""
        for _ in range(FLOOD // len(data)):
            await self.say(data)

    async def drip(self, data: bytes, every: float = 0.2) -> None:
        """Send the same bytes again and again, slowly."""
        for _ in range(int(FOREVER / every)):
            await self.say(data)
            await asyncio.sleep(every)

    async def hang(self) -> None:
        """Say nothing more."""
        await asyncio.sleep(FOREVER)

    def reset(self) -> None:
        """End the connection with a TCP reset."""
        sock: socket.socket = self.writer.get_extra_info("socket")
        sock.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
        self.writer.transport.abort()


Behaviour = Callable[[Connection], Awaitable[None]]


@dataclass(frozen=True)
class Case:
    """A server and what must come of asking it once.

    `outcome` is a polling.Outcome, or several with | where the machine's speed decides; `seen` the number of entries that its document gives, None where it does not matter; `titles` what the
    entries are called afterwards. `status` is the HTTP status that is stored. `url` stands for an address that is not the farm's.
    """

    name: str
    serve: Behaviour
    outcome: str = "ok"
    seen: int | None = None
    titles: tuple[str, ...] | None = None
    status: int | None = None
    tls: ssl.SSLContext | None = None
    scheme: str = "http"
    url: str | None = None
    mute: bool = False  # holds its connection until the client's time is over


class Canary:
    """Listens where nobody may connect: on 127.0.0.1, 127.0.0.2 and ::1, on one port."""

    def __init__(self) -> None:
        self.connections = 0
        self._sockets = [socket.create_server(("127.0.0.1", 0))]
        self.port: int = self._sockets[0].getsockname()[1]
        for address, family in (("127.0.0.2", socket.AF_INET), ("::1", socket.AF_INET6)):
            with contextlib.suppress(OSError):  # a machine without IPv6
                self._sockets.append(socket.create_server((address, self.port), family=family))

    async def listen(self) -> list[asyncio.Server]:
        """Begin to count connections."""
        return [await asyncio.start_server(self._count, sock=sock) for sock in self._sockets]

    async def _count(self, _: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        self.connections += 1
        writer.close()


class Farm:
    """All these behaviours, served from one thread while the farm is open."""

    def __init__(self, cases: Iterable[Case]) -> None:
        self.cases = {case.name: case for case in cases}
        self.canary = Canary()
        self.requests: list[tuple[str, str]] = []  # (behaviour, path) in order
        self.open: dict[str, int] = {}  # connections by behaviour, now
        self._sockets = {
            name: socket.create_server((_address(number), 0), backlog=64) for number, name in enumerate(self.cases)
        }
        self._loop = asyncio.new_event_loop()
        self._thread = threading.Thread(target=self._loop.run_forever, daemon=True)
        self._servers: list[asyncio.Server] = []

    def __enter__(self) -> Self:
        self._thread.start()
        asyncio.run_coroutine_threadsafe(self._listen(), self._loop).result(30)
        return self

    def __exit__(self, *_: object) -> None:
        asyncio.run_coroutine_threadsafe(self._leave(), self._loop).result(30)
        self._loop.call_soon_threadsafe(self._loop.stop)
        self._thread.join(30)
        self._loop.close()

    def site(self, name: str) -> str:
        """The base URL of a behaviour."""
        address, port = self._sockets[name].getsockname()[:2]
        return f"{self.cases[name].scheme}://{address}:{port}"

    def url(self, name: str) -> str:
        """A behaviour's feed."""
        return self.cases[name].url or self.site(name) + "/feed.xml"

    def asked(self, name: str) -> list[str]:
        """The paths that a behaviour was asked for, in order."""
        return [path for case, path in self.requests if case == name]

    async def _listen(self) -> None:
        self._servers = await self.canary.listen()
        for name, sock in self._sockets.items():
            self._servers.append(await asyncio.start_server(_serve(self, name), sock=sock, ssl=self.cases[name].tls))

    async def _leave(self) -> None:
        for server in self._servers:
            server.close()
        tasks = [task for task in asyncio.all_tasks() if task is not asyncio.current_task()]
        for task in tasks:
            task.cancel()
        await asyncio.wait(tasks, timeout=10) if tasks else None


def _serve(farm: Farm, name: str) -> Callable[[asyncio.StreamReader, asyncio.StreamWriter], Awaitable[None]]:
    async def connected(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        case = farm.cases[name]  # which may have been changed
        farm.open[name] = farm.open.get(name, 0) + 1
        try:
            await case.serve(Connection(farm, case, reader, writer))
        except (OSError, asyncio.CancelledError):  # the client left, or the farm closes
            pass
        finally:
            farm.open[name] -= 1
            writer.close()

    return connected


def _address(number: int) -> str:
    return f"127.0.{1 + number // 250}.{1 + number % 250}"


# --- behaviours, from which the tables are made ---


def head(status: str = "200 OK", *lines: str, length: int | None = None, kind: str = "application/rss+xml") -> bytes:
    """The head of an answer."""
    fields = [f"HTTP/1.1 {status}", f"Content-Type: {kind}", *lines]
    if length is not None:
        fields.append(f"Content-Length: {length}")
    return ("\r\n".join(fields) + "\r\n\r\n").encode("latin-1")


def answers(body: bytes, *lines: str, status: str = "200 OK", kind: str = "application/rss+xml") -> Behaviour:
    """Every request gets this document, on connections that are kept."""

    async def serve(connection: Connection) -> None:
        while await connection.asked():
            await connection.say(head(status, *lines, length=len(body), kind=kind) + body)

    return serve


def says(*pieces: bytes, then: str = "close", every: float = 0.0) -> Behaviour:
    """One request gets exactly these bytes; then the connection is closed, reset, or kept without another word (`hang`)."""

    async def serve(connection: Connection) -> None:
        if not await connection.asked():
            return
        for piece in pieces:
            await connection.say(piece)
            await asyncio.sleep(every)
        if then == "hang":
            await connection.hang()
        if then == "reset":
            await asyncio.sleep(0.05)  # a reset overtakes what was sent and not yet read
            connection.reset()

    return serve


def blurts(data: bytes, then: str = "close") -> Behaviour:
    """These bytes, whatever is asked and before it is."""

    async def serve(connection: Connection) -> None:
        await connection.say(data)
        await asyncio.sleep(0.2)
        if then == "reset":
            connection.reset()

    return serve


def floods(start: bytes, endless: bytes) -> Behaviour:
    """A beginning, and then the same bytes without end."""

    async def serve(connection: Connection) -> None:
        if await connection.asked():
            await connection.say(start)
            await connection.flood(endless)

    return serve


def drips(start: bytes, endless: bytes) -> Behaviour:
    """A beginning, and then the same bytes now and then, without end."""

    async def serve(connection: Connection) -> None:
        if await connection.asked():
            await connection.say(start)
            await connection.drip(endless)

    return serve


def leads(status: str, location: str | bytes, *lines: str, after: float = 0.0) -> Behaviour:
    """A redirect; {canary}, {self} and {site:NAME} in the location are filled in."""

    async def serve(connection: Connection) -> None:
        while await connection.asked():
            await asyncio.sleep(after)
            target = location if isinstance(location, bytes) else filled(location, connection).encode()
            fields = "".join(f"{line}\r\n" for line in lines).encode()
            await connection.say(
                b"HTTP/1.1 %s\r\nLocation: %s\r\n%sContent-Length: 0\r\n\r\n" % (status.encode(), target, fields)
            )

    return serve


def by_path(**routes: Behaviour) -> Behaviour:
    """Another behaviour for each path: `robots` for /robots.txt, `page` for /page, `feed` for everything else."""

    async def serve(connection: Connection) -> None:
        while await connection.asked():
            name = {"/robots.txt": "robots", "/page": "page"}.get(connection.path[:11].split("?")[0], "feed")
            route = routes.get(name, answers(b"", status="404 Not Found"))
            await route(replace(connection, handed=True))

    return serve


def filled(text: str, connection: Connection) -> str:
    """Text with the farm's addresses in it."""
    farm = connection.farm
    text = text.replace("{canary}", str(farm.canary.port)).replace("{self}", farm.site(connection.case.name))
    while "{site:" in text:
        name = text.partition("{site:")[2].partition("}")[0]
        text = text.replace("{site:" + name + "}", farm.site(name))
    return text


async def mute(connection: Connection) -> None:
    """Take the connection and never say a word, nor read one."""
    await connection.hang()


def wait_until(condition: Callable[[], bool], seconds: float) -> bool:
    """Whether something happened within the time."""
    end = time.monotonic() + seconds
    while not condition():
        if time.monotonic() > end:
            return False
        time.sleep(0.02)
    return True
