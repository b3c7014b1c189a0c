"""The command in a process of its own, but not from nothing: forked from one that has loaded the program already, which takes a fifth of the time.

`run` starts that process when it is first called; it ends with ours. What a command is given (arguments, folder, environment, standard streams) is its
own; only what Python reads when it starts (PYTHON… in the environment) is not: for that a test starts the command itself.
"""

from __future__ import annotations

import atexit
import gc
import importlib
import json
import os
import signal
import socket
import subprocess
import sys
import threading
from collections.abc import Mapping, Sequence
from contextlib import ExitStack, suppress
from functools import cache
from pathlib import Path

MOST_BYTES = 1_000_000  # of arguments and environment
LOADED = (
    "scrapy.crawler",
    "crawler.crawl",
    "crawler.spiders.feeds",
    "storage.search",
    "alembic.command",
    "rich.console",
)


def run(
    arguments: Sequence[str], *, cwd: Path, env: Mapping[str, str], stdin: bytes | None = None, timeout: float
) -> subprocess.CompletedProcess[bytes]:
    """Run `levantwatch` with these arguments to its end, as subprocess.run would with captured output. Raises TimeoutExpired."""
    ours, theirs = socket.socketpair()
    request = json.dumps({"arguments": list(arguments), "cwd": str(cwd), "env": dict(env)}).encode()
    with ExitStack() as files, ours:
        fds = [os.memfd_create(name) for name in ("stdin", "stdout", "stderr")]
        for fd in fds:
            files.callback(os.close, fd)
        os.write(fds[0], stdin or b"")
        os.lseek(fds[0], 0, os.SEEK_SET)
        with theirs:
            _parent().ask(request, [*fds, theirs.fileno()])
        ours.settimeout(timeout)
        pid = int(ours.recv(20))
        try:
            status = int(ours.recv(20))
        except TimeoutError:
            os.kill(pid, signal.SIGKILL)
            raise subprocess.TimeoutExpired(list(arguments), timeout) from None
        output, errors = (_whole(fd) for fd in fds[1:])
    return subprocess.CompletedProcess(list(arguments), status, output, errors)


def _whole(fd: int) -> bytes:
    with os.fdopen(os.dup(fd), "rb") as file:
        file.seek(0)
        return file.read()


class _Parent:
    """The process from which commands are forked."""

    def __init__(self) -> None:
        self._socket, theirs = socket.socketpair(socket.AF_UNIX, socket.SOCK_SEQPACKET)
        self._socket.setsockopt(socket.SOL_SOCKET, socket.SO_SNDBUF, MOST_BYTES)
        self._lock = threading.Lock()
        with theirs:
            self._process = subprocess.Popen(
                [sys.executable, __file__, str(theirs.fileno())], cwd=Path(__file__).parent.parent,
                pass_fds=[theirs.fileno()], stdin=subprocess.DEVNULL,
            )  # fmt: skip
        atexit.register(self.close)

    def ask(self, request: bytes, fds: list[int]) -> None:
        """Have a command run; the last of the descriptors is told its process and its status."""
        with self._lock:
            socket.send_fds(self._socket, [request], fds)

    def close(self) -> None:
        """End it."""
        self._socket.close()
        self._process.wait()


@cache
def _parent() -> _Parent:
    return _Parent()


# --- the other side ---


def serve(requests: socket.socket) -> None:
    """Fork a command for each request, until nobody can ask any more."""
    from crawler.cli import main

    for module in LOADED:
        importlib.import_module(module)
    assert "twisted.internet.reactor" not in sys.modules
    gc.freeze()
    while True:
        request, fds, _, _ = socket.recv_fds(requests, MOST_BYTES, 4)
        with suppress(ChildProcessError):
            while os.waitpid(-1, os.WNOHANG)[0]:
                pass
        if not request:
            return
        if not os.fork():
            break
        for fd in fds:
            os.close(fd)
    requests.close()
    reply = socket.socket(fileno=fds.pop())
    if pid := os.fork():
        for fd in fds:
            os.close(fd)
        reply.send(b"%20d" % pid)
        _, status = os.waitpid(pid, 0)
        with suppress(OSError):
            reply.send(b"%20d" % os.waitstatus_to_exitcode(status))
        os._exit(0)
    reply.close()
    for number, fd in enumerate(fds):
        os.dup2(fd, number)
        os.close(fd)
    given = json.loads(request)
    os.environ.clear()
    os.environ.update(given["env"])
    os.chdir(given["cwd"])
    main(given["arguments"])


if __name__ == "__main__":
    serve(socket.socket(fileno=int(sys.argv[1])))
