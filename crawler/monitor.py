"""The watch under observation: its health as a report, as /healthz and /metrics on loopback, and for systemd's watchdog."""

from __future__ import annotations

import asyncio
import logging
import time
from collections.abc import AsyncIterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import asynccontextmanager, suppress
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import TYPE_CHECKING, Any

from crawler.export import iso, json_text, to_json
from crawler.listening import listen
from crawler.metrics import exposition
from crawler.notify import notify, watchdog_seconds
from storage.errors import StorageError
from storage.health import Facts, Problem, disk_beside, facts, is_stalled, problems
from storage.text import many

if TYPE_CHECKING:
    from collections.abc import Callable

    from crawler.config import Config
    from crawler.watch import Watch
    from storage.db import Database

logger = logging.getLogger(__name__)

ADDRESS = "127.0.0.1"  # the figures are for this machine's monitor; whoever wants them elsewhere puts a proxy before it
FRESH_SECONDS = 5.0  # a report is given to everybody who asks within this: asking often costs nothing
ANSWER_SECONDS = 10.0  # a database that does not answer a handful of look-ups in this is a problem


@dataclass(frozen=True, slots=True)
class Report:
    """How the watch is at one moment; without `figures` when the database could not be read."""

    at: datetime
    problems: tuple[Problem, ...]
    figures: Facts | None

    def as_json(self) -> dict[str, Any]:
        """The report for programs."""
        return {
            "healthy": not self.problems,
            "at": iso(self.at),
            "problems": to_json(self.problems),
            "figures": _plain(self.figures),
        }

    def lines(self) -> list[str]:
        """One line per problem, `name: what is wrong; what to do`, or one that says that there is none."""
        if self.problems:
            return [f"{problem.name}: {' '.join(problem.message.split())}" for problem in self.problems]
        figures = self.figures or Facts()
        last = f"last poll {figures.last_poll_at:%Y-%m-%d %H:%MZ}" if figures.last_poll_at else "nothing polled yet"
        failing = figures.feeds.get("failing", 0)
        return [
            f"healthy: {many(figures.polled, 'feed')}, {failing} failing, {last}, {many(figures.waiting, 'article waits', 'articles wait')}"
        ]


def check(database: Database, config: Config, *, now: datetime) -> Report:
    """Look at everything. A database that cannot be read is a problem like the others, never an exception."""
    disk = disk_beside(Path(database.name)) if database.dialect == "sqlite" else None
    try:
        database.check_schema()
        with database.read() as session:
            figures = facts(session, now=now, disk=disk)
    except StorageError as error:
        return Report(now, (Problem("database", str(error)),), None)
    return Report(now, problems(figures, now=now, look_every=look_every(config, now=now)), figures)


def look_every(config: Config, *, now: datetime) -> timedelta:
    """The longest time that may pass between two looks for due feeds, or between two requests to one host."""
    tick = timedelta(seconds=max(config.tick, config.host_delay))
    if config.schedule.poll is None:
        return tick
    from apscheduler.triggers.cron import CronTrigger

    trigger = CronTrigger.from_crontab(config.schedule.poll, timezone=UTC)
    previous, longest = trigger.get_next_fire_time(None, now), tick
    for _ in range(10):  # a schedule for working hours has one long pause in ten
        following = trigger.get_next_fire_time(previous, previous + timedelta(seconds=1)) if previous else None
        if previous is None or following is None:
            break
        longest, previous = max(longest, following - previous), following
    return longest


def _plain(figures: Facts | None) -> Any:
    if figures is None:
        return None
    told = to_json(figures)
    told["run_pause"] = figures.run_pause.total_seconds() if figures.run_pause else None
    return told


class Observer:
    """Reports on a watch to whoever asks, from a thread of its own, one look at a time."""

    def __init__(self, watch: Watch) -> None:
        self._watch = watch
        self._thread = ThreadPoolExecutor(1, thread_name_prefix="monitor")
        self._latest: tuple[float, asyncio.Future[Report]] | None = None

    async def report(self) -> Report:
        """How the watch is, or was FRESH_SECONDS ago at most."""
        now = self._watch.now()
        started = time.monotonic()
        if self._latest is None or (started - self._latest[0] > FRESH_SECONDS and self._latest[1].done()):
            looking = asyncio.get_running_loop().run_in_executor(
                self._thread, lambda: check(self._watch.database, self._watch.config, now=now)
            )
            self._latest = started, looking
        try:
            return await asyncio.wait_for(asyncio.shield(self._latest[1]), ANSWER_SECONDS)
        except TimeoutError:
            wrong = f"no answer within {ANSWER_SECONDS:g} s; look after its server"
        except Exception as error:  # a bug here must neither keep a monitor waiting nor end the watch
            logger.exception("the figures of the watch cannot be read")
            wrong = f"its figures cannot be read ({type(error).__name__}); the log says more"
        return Report(now, (Problem("database", wrong),), None)

    async def progresses(self) -> bool:
        """Whether the crawl goes on: False only when feeds are due for long and none was polled meanwhile.

        A database that cannot be read is waited for by the crawl itself; a restart would not bring it back.
        """
        report = await self.report()
        every = look_every(self._watch.config, now=report.at)
        return report.figures is None or not is_stalled(report.figures, now=report.at, look_every=every)

    def close(self) -> None:
        """Let the thread go."""
        self._thread.shutdown(wait=False, cancel_futures=True)


@asynccontextmanager
async def observed(watch: Watch, stop: asyncio.Event) -> AsyncIterator[None]:
    """While the block runs: the endpoint, if a port is set, and the service manager told what it wants to know.

    Raises ConfigError when the port cannot be had.
    """
    observer = Observer(watch)
    close = _serve(observer, watch.config.metrics_port) if watch.config.metrics_port else None
    tasks = [asyncio.create_task(_announce_stop(stop))]
    if every := watchdog_seconds():
        tasks.append(asyncio.create_task(_feed_watchdog(observer, every)))
    notify("READY=1")
    try:
        yield
    finally:
        notify("STOPPING=1")
        for task in tasks:
            task.cancel()
            with suppress(asyncio.CancelledError):
                await task
        if close is not None:
            close()
        observer.close()


async def _announce_stop(stop: asyncio.Event) -> None:
    await stop.wait()
    notify("STOPPING=1")


async def _feed_watchdog(observer: Observer, every: float) -> None:
    """Tell systemd that all is well while it is; when it is not, say so and let the watchdog do its work."""
    while True:
        await asyncio.sleep(every)
        if await observer.progresses():
            notify("WATCHDOG=1")
        else:
            logger.error("feeds are due and none is polled; the watchdog will restart the service")


def _serve(observer: Observer, port: int) -> Callable[[], Any]:
    """Listen on loopback; what ends it."""
    from twisted.web import server

    web: Any = server
    site = web.Site(_pages(observer))
    close = listen(site, ADDRESS, port, setting="metrics_port", instead="choose another, or 0 for none")
    logger.info("answering on http://%s:%d/healthz and /metrics", ADDRESS, port)
    return close


def _pages(observer: Observer) -> Any:
    from twisted.web import resource
    from twisted.web.server import NOT_DONE_YET

    twisted: Any = resource  # the half of it that has types contradicts itself
    sending: set[asyncio.Task[None]] = set()

    class Page(twisted.Resource):  # type: ignore[misc]
        """One address; `answer` makes status, type and text of a report."""

        isLeaf = True

        def __init__(self, answer: Callable[[Report], tuple[int, str, str]]) -> None:
            super().__init__()
            self.answer = answer

        def render_GET(self, request: Any) -> int:
            task = asyncio.ensure_future(self._send(request))
            sending.add(task)
            task.add_done_callback(sending.discard)
            return NOT_DONE_YET

        async def _send(self, request: Any) -> None:
            gone: list[Any] = []
            request.notifyFinish().addErrback(gone.append)
            status, kind, text = self.answer(await observer.report())
            if gone:  # whoever asked has not waited
                return
            request.setResponseCode(status)
            request.setHeader("Content-Type", kind)
            request.setHeader("Cache-Control", "no-store")
            request.write(b"" if request.method == b"HEAD" else text.encode())
            request.finish()

    root = twisted.Resource()
    root.putChild(b"healthz", Page(_healthz))
    root.putChild(b"metrics", Page(_metrics))
    return root


def _healthz(report: Report) -> tuple[int, str, str]:
    status = 503 if report.problems else 200
    return status, "application/json", json_text(report.as_json()) + "\n"


def _metrics(report: Report) -> tuple[int, str, str]:
    return 200, "text/plain; version=0.0.4; charset=utf-8", exposition(report.figures, report.problems, now=report.at)
