"""The killable worker processes that run feed.py and extract.py off the loop.

A feed or a page may be made to take minutes (FACTS: 100,000 attributes take feedparser over 40 s, 200,000
paragraphs take trafilatura 158 s). A thread cannot be killed; a process can. So bytes go to a worker process with
a limit on time and memory, and what comes back is a value or one of two exceptions.
"""

from __future__ import annotations

import asyncio
import ctypes
import gc
import importlib.util
import multiprocessing
import os
import resource
import signal
import sys
from collections.abc import Callable, Sequence
from concurrent.futures import TimeoutError as FutureTimeoutError
from concurrent.futures.process import BrokenProcessPool
from contextlib import AbstractAsyncContextManager, nullcontext
from multiprocessing import forkserver
from pathlib import Path
from typing import TYPE_CHECKING, Any, ParamSpec, TypeVar

from msgspec.structs import replace
from pebble import ProcessExpired, ProcessPool

from crawler.larder import LARDER, ORDINARY, Aside, Body

if TYPE_CHECKING:
    from multiprocessing.context import ForkServerContext

    from crawler.feed import ParsedFeed
    from crawler.judged import Judged, Words
    from crawler.listing import Listing
    from crawler.page import Page

_FRESH: dict[str, int] = {}  # what a worker held after its first document

P = ParamSpec("P")
R = TypeVar("R")

PR_SET_PDEATHSIG = 1  # linux/prctl.h
M_TRIM_THRESHOLD, M_MMAP_THRESHOLD, M_ARENA_MAX = -1, -3, -8  # malloc.h
TASKS_PER_WORKER = 60  # then it is forked anew, in milliseconds: the heap of one that met hostile pages stays large
MANY = 12_000  # tags, or pairs of attributes; of 662 real pages one has more
HEAVY = 4 * 1024 * 1024  # bytes that one document may leave behind before they are looked for
LAUNCHERS = ("levantwatch", "scrapy")  # scripts that begin a command and hold nothing that a worker needs
OUT_OF_MEMORY = 77  # exit code of a worker whose work did not fit: its heap is in pieces, a fresh one is better


class WorkTooHeavyError(Exception):
    """The document took more time or memory than a document may."""


class Workers:
    """A small pool of processes for parsing and extracting.

    `count` processes; each piece of work may take `seconds` of wall time and each process `memory_mb` MiB of address
    space. The processes start with the first piece of work, die with this one, and are replaced when killed.
    """

    def __init__(
        self, *, count: int, seconds: float, memory_mb: int, judges: bool = False, extracts: bool = True
    ) -> None:
        """`judges`: by the shipped judge, which then says of every entry of a document, too, whether its page is worth fetching.

        `extracts`: what reads pages is loaded before there are any.
        """
        self._count = count
        self._judges = judges
        self._extracts = extracts
        self._seconds = seconds
        self._memory_mb = memory_mb
        self._pool: ProcessPool | None = None
        self._starting = asyncio.Lock()
        self._closed = 0  # times
        self._large = asyncio.Semaphore(max(1, count // 2))

    async def parse_feed(self, body: Body, *, url: str, content_type: str | None) -> ParsedFeed:
        """`crawler.feed.parse_feed` in a worker. Raises WorkTooHeavyError."""
        with LARDER.waits(len(body)):
            async with self._turn(body):
                return await self.run(_parse_feed, body, url, content_type)

    async def list_feed(
        self, body: Body, *, url: str, content_type: str | None, feed_url: str, language: str | None
    ) -> tuple[ParsedFeed, Listing]:
        """A document of a feed without its entries, and these as `crawler.listing` lists them, made in a worker. Raises WorkTooHeavyError."""
        with LARDER.waits(len(body)):
            async with self._turn(body):
                return await self.run(_list_feed, body, url, content_type, feed_url, language, self._judges)

    async def extract_page(self, body: Body, *, url: str, content_type: str | None) -> Page:
        """`crawler.extract.extract_page` in a worker. Raises WorkTooHeavyError."""
        with LARDER.waits(len(body)):
            async with self._turn(body):
                return await self.run(_extract_page, body, url, content_type)

    async def judge(self, several: Sequence[Words]) -> list[Judged]:
        """`crawler.judged.judged` for each of these articles, by the shipped judge, in a worker. Raises WorkTooHeavyError."""
        return await self.run(_judge, several)

    async def run(self, function: Callable[P, R], *args: P.args, **kwargs: P.kwargs) -> R:
        """Any function that can be named, with arguments that can be pickled, in a worker. Raises WorkTooHeavyError.

        Cancelling the call kills the worker that is at it; what the function raises is raised here.
        """
        try:
            return await self._run(function, *args, **kwargs)
        except (
            BrokenProcessPool
        ):  # a worker was killed that had nothing in hand, by the kernel perhaps; it takes all work with it
            pass
        try:
            return await self._run(function, *args, **kwargs)
        except BrokenProcessPool as error:
            raise WorkTooHeavyError("the workers were killed") from error

    async def _run(self, function: Callable[P, R], *args: P.args, **kwargs: P.kwargs) -> R:
        pool = await self._running()
        future = pool.schedule(_in_bounds, args=[function, args, kwargs], timeout=self._seconds)
        try:
            result: R = await asyncio.wrap_future(future)
        except (FutureTimeoutError, TimeoutError) as error:
            raise WorkTooHeavyError(f"no result after {self._seconds:g} s") from error
        except ProcessExpired as error:
            if error.exitcode == OUT_OF_MEMORY:
                raise WorkTooHeavyError(f"needs more than {self._memory_mb} MiB") from error
            raise WorkTooHeavyError(f"the worker died (exit code {error.exitcode})") from error
        return result

    async def _running(self) -> ProcessPool:
        """The pool, started when it is first needed, or when its last one broke: in a thread, for it waits until the libraries are loaded."""
        async with self._starting:
            if self._pool is None or not self._pool.active:
                if self._pool is not None:
                    self._pool.stop()  # type: ignore[no-untyped-call]
                self._pool, closed = None, self._closed
                pool = await asyncio.to_thread(self._start)
                if self._closed != closed:  # meanwhile
                    _end(pool)
                    raise asyncio.CancelledError
                self._pool = pool
            return self._pool

    def _turn(self, body: Body) -> AbstractAsyncContextManager[None]:
        """Heavy documents take turns in half of the workers: they weigh less together, and the others pass them by."""
        return self._large if is_heavy(body) else nullcontext()

    def close(self) -> None:
        """Kill the processes; work in hand is lost and its entries stay claimed or due."""
        self._closed += 1
        if self._pool is not None:
            _end(self._pool)
            self._pool = None

    def prepare(self) -> None:
        """Let the server from which workers are forked load its libraries, a second beside our own start: there will be work."""
        self._context()
        forkserver.ensure_running()

    def _start(self) -> ProcessPool:
        pool = ProcessPool(
            max_workers=self._count,
            max_tasks=TASKS_PER_WORKER,
            initializer=_limit,
            initargs=[self._memory_mb],
            context=self._context(),
        )
        assert pool.active  # asking starts it
        return pool

    def _context(self) -> ForkServerContext:
        """forkserver: a fork of this process would hold its database locks and sockets after a kill -9; preloading makes a new
        worker a matter of milliseconds instead of a second of imports."""
        _forget_the_launcher()
        context = multiprocessing.get_context("forkserver")
        loaded = ["crawler.workers", "crawler.feed", "crawler.listing", "dateparser"]
        loaded += ["crawler.extract"] * self._extracts + ["crawler.shipped"] * self._judges
        context.set_forkserver_preload([*loaded, "crawler.frozen"])
        return context


def _forget_the_launcher() -> None:
    """Let multiprocessing take the program for `python -m crawler`, whose main module it leaves alone: it would import the launcher, and with it
    all commands, into every worker: 20 ms and 7 MB each."""
    main = sys.modules["__main__"]
    if main.__spec__ is None and Path(getattr(main, "__file__", None) or "").name in LAUNCHERS:
        main.__spec__ = importlib.util.find_spec("crawler.__main__")


def _end(pool: ProcessPool) -> None:
    pool.stop()  # type: ignore[no-untyped-call]
    pool.join(timeout=5)


def is_heavy(body: Body) -> bool:
    """Whether a document may become a large tree: it is large, or made of tags or attributes."""
    if isinstance(body, Aside) or len(body) > ORDINARY:
        return True
    return body.count(b"<") > MANY or body.count(b"=") > 2 * MANY


def _limit(memory_mb: int) -> None:
    """Runs first in each worker: die with the parent, leave Ctrl-C to it, and bound the memory."""
    _let_go_of_the_forkserver()
    if sys.platform == "linux":
        ctypes.CDLL(None).prctl(PR_SET_PDEATHSIG, signal.SIGKILL)
    signal.signal(signal.SIGINT, signal.SIG_IGN)
    signal.signal(signal.SIGTERM, signal.SIG_DFL)
    limit, most = memory_mb * 1024 * 1024, resource.getrlimit(resource.RLIMIT_AS)[1]
    if most != resource.RLIM_INFINITY:  # whoever started us may have set a lower one
        limit = min(limit, most)
    resource.setrlimit(resource.RLIMIT_AS, (limit, limit))
    give_memory_back()


def give_memory_back() -> None:
    """Let this process return large blocks of memory as soon as they are free: glibc keeps them, and ever larger ones."""
    if sys.platform == "linux" and hasattr(libc := ctypes.CDLL(None), "mallopt"):
        libc.mallopt(M_MMAP_THRESHOLD, 256 * 1024)
        libc.mallopt(M_TRIM_THRESHOLD, 256 * 1024)
        libc.mallopt(M_ARENA_MAX, 2)  # else every thread keeps an arena of its own


def _let_go_of_the_forkserver() -> None:
    """Close this worker's end of the pipe by which the forkserver sees that somebody still needs it.

    Python hands it to every child, so that after a kill -9 of the parent forkserver and workers kept each other alive.
    """
    kept = getattr(getattr(forkserver, "_forkserver", None), "_forkserver_alive_fd", None)
    if kept is not None:
        os.close(kept)


def _in_bounds(function: Callable[..., R], args: tuple[Any, ...], kwargs: dict[str, Any]) -> R:
    """The function's result; the end of the process when its work did not fit into the memory."""
    try:
        return function(*args, **kwargs)
    except MemoryError:
        os._exit(OUT_OF_MEMORY)
    finally:
        _tidy()


def _tidy() -> None:
    """Give back what a heavy document left behind: broken trees are cycles, and the heap keeps what was between them."""
    if sys.platform == "linux" and _resident() > _FRESH.setdefault("bytes", _resident()) + HEAVY:
        if "trafilatura" in sys.modules:
            from trafilatura.meta import reset_caches

            reset_caches()  # thousands of texts, however large each of them is
        gc.collect()
        ctypes.CDLL(None).malloc_trim(0)
        _FRESH["bytes"] = max(_FRESH["bytes"], _resident() - HEAVY // 2)  # what stays was loaded for all that follows


def _resident() -> int:
    with open("/proc/self/statm", encoding="ascii") as file:
        return int(file.read().split()[1]) * resource.getpagesize()


def _parse_feed(body: Body, url: str, content_type: str | None) -> ParsedFeed:
    from crawler.feed import parse_feed

    return parse_feed(bytes(body), url=url, content_type=content_type)


def _list_feed(
    body: Body, url: str, content_type: str | None, feed_url: str, language: str | None, judges: bool
) -> tuple[ParsedFeed, Listing]:
    from crawler.listing import listing_of

    parsed = _parse_feed(body, url, content_type)
    listing = listing_of(parsed, feed_url=feed_url, language=language)
    if judges:
        from crawler.shipped import JUDGE, triaged

        told = tuple(replace(entry, triage=triaged(JUDGE, entry)) for entry in listing.entries)
        listing = replace(listing, entries=told)
    return replace(parsed, entries=()), listing


def _judge(several: Sequence[Words]) -> list[Judged]:
    from crawler.shipped import JUDGE, judged

    return [judged(JUDGE, words) for words in several]


def _extract_page(body: Body, url: str, content_type: str | None) -> Page:
    from crawler.extract import extract_page

    return extract_page(bytes(body), url=url, content_type=content_type)
