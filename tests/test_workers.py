"""`crawler.workers`: what is too heavy is killed, and the next piece of work goes on. Real processes, no fakes."""

from __future__ import annotations

import asyncio
import contextlib
import fcntl
import os
import pickle
import signal
import subprocess
import sys
import time
from collections.abc import Iterator
from pathlib import Path

import pytest

from crawler.extract import extract_page
from crawler.larder import ORDINARY, Aside
from crawler.workers import LAUNCHERS, Workers, WorkTooHeavyError, is_heavy

SLACK = 60.0  # seconds a loaded machine may take for what needs one


@contextlib.contextmanager
def pool(*, count: int = 1, seconds: float = SLACK, memory_mb: int = 2048) -> Iterator[Workers]:
    workers = Workers(count=count, seconds=seconds, memory_mb=memory_mb)
    try:
        yield workers
    finally:
        workers.close()


def whoami() -> int:
    return os.getpid()


def sleep_for_ever() -> None:
    while True:
        time.sleep(1)


def spin_for_ever() -> None:
    while True:
        pass


def eat_memory(mebibytes: int) -> int:
    return len(bytearray(mebibytes * 1024 * 1024))


def die(how: str) -> None:
    if how == "exit":
        os._exit(3)
    os.kill(os.getpid(), signal.SIGKILL)


def refuse() -> None:
    raise KeyError("no")


def open_files() -> list[str]:
    return [
        os.readlink(f"/proc/self/fd/{name}")
        for name in os.listdir("/proc/self/fd")
        if os.path.exists(f"/proc/self/fd/{name}")
    ]


@pytest.mark.parametrize("work", [sleep_for_ever, spin_for_ever])
def test_work_beyond_its_time_is_killed_and_the_next_goes_on(work) -> None:
    async def main() -> None:
        with pool(seconds=3.0) as workers:
            first = await workers.run(whoami)
            with pytest.raises(WorkTooHeavyError, match="no result after 3 s"):
                await workers.run(work)
            assert await workers.run(whoami) != first
            assert not _alive(first)

    asyncio.run(main())


def test_work_beyond_its_memory_is_refused_and_the_next_goes_on() -> None:
    async def main() -> None:
        with pool(memory_mb=700) as workers:
            with pytest.raises(WorkTooHeavyError, match="needs more than 700 MiB"):
                await workers.run(eat_memory, 900)
            assert await workers.run(eat_memory, 10) == 10 * 1024 * 1024

    asyncio.run(main())


@pytest.mark.parametrize(("how", "code"), [("exit", "3"), ("kill", "-9")])
def test_a_worker_that_dies_costs_only_its_work(how: str, code: str) -> None:
    async def main() -> None:
        with pool() as workers:
            with pytest.raises(WorkTooHeavyError, match=f"exit code {code}"):
                await workers.run(die, how)
            assert await workers.run(whoami) > 0

    asyncio.run(main())


def test_what_a_function_raises_is_raised() -> None:
    async def main() -> None:
        with pool() as workers, pytest.raises(KeyError):
            await workers.run(refuse)

    asyncio.run(main())


def test_cancelled_work_leaves_room_for_the_next() -> None:
    async def main() -> None:
        with pool() as workers:
            await workers.run(whoami)
            task = asyncio.ensure_future(workers.run(sleep_for_ever))
            await asyncio.sleep(0.2)
            task.cancel()
            with pytest.raises(asyncio.CancelledError):
                await task
            assert await asyncio.wait_for(workers.run(whoami), SLACK) > 0

    asyncio.run(main())


def test_a_large_feed_comes_back_whole() -> None:
    items = b"".join(b"<item><title>Story %d</title><guid isPermaLink='false'>%d</guid><description>%s</description></item>" % (n, n, b"word " * 60) for n in range(5000))  # fmt: skip

    async def main() -> None:
        with pool(count=2) as workers:
            body = b"<rss version='2.0'><channel>" + items + b"</channel></rss>"
            feeds = await asyncio.gather(
                *[workers.parse_feed(body, url="https://a.example/", content_type=None) for _ in range(2)]
            )
            assert [[entry.guid for entry in feed.entries] for feed in feeds] == [[str(n) for n in range(5000)]] * 2

    asyncio.run(main())


def test_a_page_comes_back() -> None:
    paragraph = "<p>" + "The lorries crossed the border after a long wait at the gate. " * 6 + "</p>"
    body = f"<html><head><title>Crossing</title></head><body><article><h1>Crossing</h1>{paragraph * 4}</article></body></html>"

    async def main() -> None:
        with pool() as workers:
            page = await workers.extract_page(body.encode(), url="https://a.example/1", content_type="text/html")
            assert page.status == "full"
            assert "The lorries crossed" in page.text

    asyncio.run(main())


def test_a_pool_that_was_closed_starts_again() -> None:
    async def main() -> None:
        with pool() as workers:
            first = await workers.run(whoami)
            workers.close()
            assert not _alive(first)
            assert await workers.run(whoami) != first

    asyncio.run(main())


PARENT = """
import asyncio, fcntl, sys
sys.path.insert(0, {tests!r})
from crawler.workers import Workers
import test_workers as work

async def main():
    lock = open({lock!r}, "w")
    fcntl.flock(lock, fcntl.LOCK_EX)
    workers = Workers(count=2, seconds=600, memory_mb=2048)
    pids = set()
    while len(pids) < 1:
        pids.add(await workers.run(work.whoami))
    files = await workers.run(work.open_files)
    print(*pids, flush=True)
    print({lock!r} in files, flush=True)
    try:
        await asyncio.gather(workers.run(work.sleep_for_ever), workers.run(work.spin_for_ever))
    finally:  # as a crawl does: a pool that is left to Python's end may start workers anew meanwhile
        workers.close()

if __name__ == "__main__":
    asyncio.run(main())
"""


@pytest.mark.parametrize("number", [signal.SIGKILL, signal.SIGINT, signal.SIGTERM])
def test_workers_die_with_their_parent_and_hold_no_lock(number: signal.Signals, tmp_path: Path) -> None:
    lock, script = tmp_path / "database.lock", tmp_path / "parent.py"
    script.write_text(PARENT.format(tests=str(Path(__file__).parent), lock=str(lock)))
    environment = os.environ | {"PYTHONPATH": str(Path(__file__).parent.parent)}
    parent = subprocess.Popen(
        [sys.executable, script], stdout=subprocess.PIPE, stderr=subprocess.DEVNULL, text=True, env=environment
    )
    assert parent.stdout is not None
    with parent.stdout:
        workers = [int(pid) for pid in parent.stdout.readline().split()]
        assert workers
        assert parent.stdout.readline().strip() == "False"
        children = _descendants(parent.pid)
        assert set(workers) <= children
        parent.send_signal(number)
        parent.wait(SLACK)
        with lock.open("w") as file:
            fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
        _wait_until(lambda: not any(_alive(pid) for pid in children))


UNSAID = """
import multiprocessing, os, sys
from multiprocessing import forkserver
multiprocessing.get_context("forkserver").set_forkserver_preload(["crawler.frozen"])
forkserver.ensure_running()
from_child, to_child = forkserver.connect_to_new_process([])
os.write(to_child, bytes.fromhex(sys.argv[1]))
os.close(to_child)
while os.read(from_child, 64):  # its number, then how it ended
    pass
"""


@pytest.mark.parametrize(
    ("said", "told"),
    [(b"", ""), (pickle.dumps({"name": "worker"})[:-4], ""), (pickle.dumps(1), "TypeError")],
    ids=["nothing", "half", "nonsense"],
)
def test_a_parent_that_was_killed_before_it_said_what_a_worker_is_for_leaves_no_traceback(
    said: bytes, told: str
) -> None:
    ended = subprocess.run(
        [sys.executable, "-c", UNSAID, said.hex()], capture_output=True, text=True, timeout=60, check=True
    )
    assert bool(ended.stderr) == bool(told)
    assert told in ended.stderr


def test_ctrl_c_is_left_to_the_parent() -> None:
    async def main() -> None:
        with pool() as workers:
            pid = await workers.run(whoami)
            os.kill(pid, signal.SIGINT)  # a terminal sends it to the whole group
            assert await workers.run(whoami) == pid

    asyncio.run(main())


def _descendants(pid: int) -> set[int]:
    parents = {}
    for entry in Path("/proc").iterdir():
        if entry.name.isdigit():
            with contextlib.suppress(OSError):
                parents[int(entry.name)] = int((entry / "stat").read_text().rpartition(")")[2].split()[1])
    found, fresh = set(), {pid}
    while fresh:
        fresh = {child for child, parent in parents.items() if parent in fresh} - found
        found |= fresh
    return found


def _alive(pid: int) -> bool:
    try:
        state = Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[0]
    except OSError:
        return False
    return state not in ("Z", "X")


def _wait_until(done) -> None:
    deadline = time.monotonic() + SLACK
    while not done():
        assert time.monotonic() < deadline, "it never happened"
        time.sleep(0.05)


def test_the_crawls_own_process_does_without_the_libraries_that_read_documents() -> None:
    """They are 60 MB; what comes from a worker needs none of them."""
    names = ("feedparser", "trafilatura", "htmldate", "dateparser", "tldextract", "requests", "bs4")
    page = pickle.dumps(extract_page(b"<html><body><p>A short page.</p></body></html>"))
    code = f"""
import pickle, sys
import crawler.daemon, crawler.cli, crawler.settings, crawler.pipelines
from crawler.spiders.feeds import FeedsSpider
for path in crawler.settings.DOWNLOADER_MIDDLEWARES_BASE:
    __import__(path.rpartition(".")[0])
pickle.loads({page!r})
print([name for name in {names!r} if name in sys.modules])
"""
    out = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, timeout=60, check=True).stdout
    assert out.strip() == "[]"


def test_a_large_body_takes_its_turn_on_the_disk_and_off_it() -> None:
    body = b" " * (ORDINARY + 1)
    assert is_heavy(body)  # the disk is full
    assert is_heavy(Aside.of(body))
    assert not is_heavy(body[:ORDINARY])


def test_workers_load_neither_database_nor_network() -> None:
    """SQLAlchemy alone is 30 MB, in the server from which all workers are forked."""
    asked = "import sys, crawler.frozen; print(sorted({'sqlalchemy', 'scrapy', 'twisted'} & sys.modules.keys()))"
    told = subprocess.run([sys.executable, "-c", asked], capture_output=True, text=True, check=True)
    assert told.stdout == "[]\n"


@pytest.mark.parametrize("name", LAUNCHERS)
def test_workers_load_no_command(name: str, tmp_path: Path) -> None:
    """Multiprocessing imports the main module of whoever starts a process into it, here the launcher with all commands."""
    launcher = tmp_path / name
    launcher.write_text(
        """
import asyncio
import crawler.cli
from crawler.workers import Workers

async def main():
    workers = Workers(count=1, seconds=60, memory_mb=1024)
    print(await workers.run(eval, "sorted({'crawler.cli', 'typer'} & __import__('sys').modules.keys())"))
    workers.close()

if __name__ == "__main__":
    asyncio.run(main())
""",
        encoding="utf-8",
    )
    told = subprocess.run([sys.executable, launcher], capture_output=True, text=True, timeout=60, check=True)
    assert told.stdout == "[]\n"
