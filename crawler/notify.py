"""Talking to systemd: READY=1, WATCHDOG=1, STOPPING=1 over its socket, as sd_notify(3) says. No dependency.

The two variables that it reads are systemd's, not the user's: without them everything here does nothing.
"""

from __future__ import annotations

import os
import socket
from collections.abc import Mapping


def notify(state: str, environ: Mapping[str, str] = os.environ) -> bool:
    """Send `READY=1` or the like to the service manager; whether there was one to send it to.

    A manager that does not listen is no reason to stop watching.
    """
    address = environ.get("NOTIFY_SOCKET", "")
    if not address.startswith(("/", "@")):
        return False
    with socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM | socket.SOCK_CLOEXEC) as out:
        out.settimeout(1.0)
        try:
            out.connect("\0" + address[1:] if address[0] == "@" else address)
            out.sendall(state.encode())
        except OSError:
            return False
    return True


def watchdog_seconds(environ: Mapping[str, str] = os.environ, *, pid: int | None = None) -> float | None:
    """How often to send WATCHDOG=1: a third of the time after which systemd restarts the service. None: not asked for."""
    spoken_to = environ.get("WATCHDOG_PID")
    if spoken_to and spoken_to != str(os.getpid() if pid is None else pid):
        return None
    span = environ.get("WATCHDOG_USEC", "")
    return int(span) / 1_000_000 / 3 if span.isdigit() and int(span) > 0 else None
