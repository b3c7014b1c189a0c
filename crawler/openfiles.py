"""How many files this process may hold open, and how many connections that allows: they are files, too. And how many processes it may start, and where they meet."""

from __future__ import annotations

import os
import resource

from crawler.config import ConfigError

WANTED = 8_192  # what the unit in docs/operating.md gives; shells and services begin with 1,024
OURS = 40  # database, log, pipes, look-ups of names: 27 were counted, and ten threads that look up
OF_WORKER = 2
FEWEST = 4  # connections, below which there is no crawl
# Processes and threads beside the workers: this one, ten that look up names, six that wait, three that mind the workers, two that write,
# and two of which the workers are forked
TASKS = 24
SOCKET = 107  # bytes of a socket's name: unix(7)
NAME = len("/listener-12345678")  # what multiprocessing puts behind its folder
OWN = len("/pymp-12345678")  # and that behind the one for temporary files
MOST_KEPT = 1_000  # connections of a scheme for another request: a host's page is asked for soon after its feed


def open_files() -> int:
    """How many files may be open, after this process has asked for as many as it wants and may have."""
    soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    wanted = WANTED if hard == resource.RLIM_INFINITY else min(WANTED, hard)
    if soft != resource.RLIM_INFINITY and soft < wanted:
        resource.setrlimit(resource.RLIMIT_NOFILE, (wanted, hard))
        return wanted
    return WANTED if soft == resource.RLIM_INFINITY else soft


def kept(files: int) -> int:
    """How many connections of a scheme may wait for another request, where so many files may be open."""
    return min(MOST_KEPT, files // 8)


def in_use(files: int, *, wanted: int, workers: int) -> int:
    """How many connections may be in use at once, beside those of http and https that are kept. Raises ConfigError when it is too few to crawl."""
    ours = OURS + OF_WORKER * workers
    room = files - ours - 2 * kept(files)
    if room < FEWEST:
        raise ConfigError(
            f"only {files} files may be open at once (ulimit -n); a crawl with {workers} workers needs {(ours + FEWEST) * 4 // 3}, better 1024"
        )
    return min(wanted, room)


def most_tasks() -> int | None:
    """How many processes and threads the user may have at once; None: as many as there is room for, as root always may."""
    most = resource.getrlimit(resource.RLIMIT_NPROC)[0]
    return None if most == resource.RLIM_INFINITY or os.geteuid() == 0 else most


def require_tasks(most: int | None, *, workers: int) -> None:
    """Raises ConfigError when so few processes and threads are no crawl: a document that no worker reads would be blamed on its feed."""
    needed = TASKS + workers
    if most is not None and most < needed:
        raise ConfigError(
            f"only {most} processes and threads may run at once (ulimit -u); a crawl with {workers} workers needs {needed}, better 256"
        )


def require_short(folder: str) -> None:
    """Raises ConfigError when the socket by which workers are asked for cannot be in multiprocessing's folder: its name would be too long."""
    if len(os.fsencode(folder)) + NAME > SOCKET:
        raise ConfigError(
            f"{os.path.dirname(folder)} has too long a name for a socket in it: let TMPDIR name a folder of at most {SOCKET - NAME - OWN} bytes"
        )
