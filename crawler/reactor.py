"""The reactor that a crawl runs in: the address guard, signals and the time they leave, log lines, what the interpreter is told.

Scrapy's reactor cannot be started twice in a process, so what runs in it is the last thing that a process does.
"""

from __future__ import annotations

import asyncio
import gc
import logging
import os
import signal
import sys
import threading
from collections.abc import Callable, Coroutine
from typing import Any, TypeVar

from crawler.config import Config

R = TypeVar("R")

STOP_AT_MOST = 8.5  # seconds from a signal to the end of the process, whatever hangs: a locked database, say
LOOKUP_THREADS = 10  # Twisted's own number
SWITCH_SECONDS = 0.0005  # between the threads; measured: docs/decisions/0063
COLLECT_AFTER = (
    1_000  # new objects; with more, bodies of hostile pages wait in cycles: 10 MB with 2,000, 30 with 10,000
)


def run_in_reactor(config: Config, main: Callable[[asyncio.Event], Coroutine[Any, Any, R]]) -> R:
    """Run `main(stop)` in Twisted's asyncio reactor behind the address guard; the result of `main`.

    SIGINT and SIGTERM set `stop`; a second one ends the process at once, and so do STOP_AT_MOST seconds after the first.
    Call once per process.
    """
    reactor = _guarded_reactor(config)
    log_to_stderr(config)
    loop = asyncio.get_event_loop()
    stop = asyncio.Event()
    result: list[asyncio.Task[R]] = []

    def on_signal() -> None:
        if stop.is_set():
            os._exit(130)
        stop.set()
        late = threading.Timer(STOP_AT_MOST, give_up)  # a thread: nothing that hangs can hold it up
        late.daemon = True
        late.start()

    def start() -> None:
        for number in (signal.SIGINT, signal.SIGTERM):
            loop.add_signal_handler(number, on_signal)
        task = loop.create_task(main(stop))
        result.append(task)
        task.add_done_callback(lambda _: reactor.stop())

    _spare_the_collector()
    _take_turns()
    reactor.callWhenRunning(start)
    reactor.run(installSignalHandlers=False)
    return result[0].result()


def _guarded_reactor(config: Config) -> Any:
    """Twisted's asyncio reactor; its interfaces are zope's, which mypy cannot read."""
    from scrapy.utils.reactor import install_reactor

    install_reactor("twisted.internet.asyncioreactor.AsyncioSelectorReactor")
    from twisted.internet import reactor as installed

    from crawler.guard import install_guard

    reactor: Any = installed
    install_guard(reactor, config.networks)
    # all threads for look-ups from the start: Twisted adds them one by one over days, which looks like a leak
    reactor.getThreadPool().adjustPoolsize(LOOKUP_THREADS, LOOKUP_THREADS)
    return reactor


def _spare_the_collector() -> None:
    """What is loaded by now stays: the collector need not walk the judge's and Scrapy's objects again and again."""
    gc.freeze()
    gc.set_threshold(COLLECT_AFTER)


def _take_turns() -> None:
    """The storage thread lets go of the interpreter at every statement; with Python's 5 ms it would wait as long to go on."""
    sys.setswitchinterval(SWITCH_SECONDS)


def give_up() -> None:
    """As safe as a kill -9, which the next crawl makes good: what is committed stays, what was claimed is given back."""
    sys.stderr.write(
        "levantwatch: stopped without waiting for what hangs (is the database locked?);"
        " what is committed stays, the next run goes on from here\n"
    )
    sys.stderr.flush()
    os._exit(1)


def log_to_stderr(config: Config) -> None:
    """Log lines as `scrapy crawl` writes them, at the configured level."""
    from scrapy.utils.log import configure_logging

    from crawler import settings

    configure_logging(
        {"LOG_LEVEL": config.log_level, "LOG_FORMAT": settings.LOG_FORMAT, "LOG_DATEFORMAT": settings.LOG_DATEFORMAT}
    )
    logging.getLogger("crawler").setLevel(config.log_level)  # a line that nobody reads is not made
    # What no line says is not looked for (Python's logging HOWTO, Optimization): a third of what a line costs.
    logging._srcfile = None
    logging.logThreads = logging.logProcesses = logging.logMultiprocessing = False
    if config.log_level == "INFO":
        # one line per poll and per match; what the frameworks say of themselves is for DEBUG
        for name in ("scrapy", "apscheduler", "asyncio", "twisted", "trafilatura", "procrastinate", "psycopg"):
            logging.getLogger(name).setLevel(logging.WARNING)
