"""The desk over a database: for Starlette's test client, and on a port of loopback for a browser."""

from __future__ import annotations

import socket
import threading
import time
from collections.abc import Iterator
from contextlib import closing, contextmanager
from datetime import datetime
from typing import Any

import uvicorn
from starlette.applications import Starlette

from crawler.desk.app import create_app
from crawler.desk.guard import Rules
from crawler.desk.kept import Kept
from crawler.desk.views import Desk
from storage.db import Database, open_database

TOPICS = ("isis", "syria")
NAMES = frozenset({"localhost", "127.0.0.1", "testserver"})


def desk_app(database: Database, now: datetime, **rules: Any) -> Starlette:
    """The application, at a fixed time; nothing is kept, so that every answer is of what was just written."""
    return create_app(
        Desk(database, TOPICS, lambda: now, kept=Kept(0)), Rules(**({"names": NAMES, "local_user": "tester"} | rules))
    )


@contextmanager
def serving(url: str, now: datetime) -> Iterator[str]:
    """The address of a desk that answers on loopback until the block ends."""
    with closing(open_database(url)) as database, closing(socket.create_server(("127.0.0.1", 0))) as listening:
        settings = uvicorn.Config(desk_app(database, now), log_config=None, access_log=False, lifespan="off")
        server = uvicorn.Server(settings)
        thread = threading.Thread(target=server.run, kwargs={"sockets": [listening]})
        thread.start()
        try:
            end = time.monotonic() + 20
            while not server.started:
                assert time.monotonic() < end, "the desk does not answer"
                time.sleep(0.01)
            yield f"http://127.0.0.1:{listening.getsockname()[1]}"
        finally:
            server.should_exit = True
            thread.join(20)
