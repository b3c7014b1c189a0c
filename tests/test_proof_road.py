"""Proof on the real road: what a raw server sent is in the archive byte by byte; the commands as an analyst runs them."""

from __future__ import annotations

import gzip
import hashlib
import json
import re
import socketserver
import subprocess
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import pytest
from warcio.archiveiterator import ArchiveIterator
from warcio.checker import Checker

from crawler import cli
from tests.command import Desk
from tests.site import page, rss
from tests.test_road import ABOUT_SYRIA

TITLE = "Air strikes hit market in Syria's Idlib"
BODY = gzip.compress(page(TITLE, *ABOUT_SYRIA).body, mtime=0)
CHUNKS = b"".join(b"%x;odd=extension\r\n%s\r\n" % (len(part), part) for part in (BODY[:100], BODY[100:101], BODY[101:]))
SENT = (
    b"HTTP/1.1 200 Fine\r\ncontent-TYPE:text/html; charset=utf-8\r\nX-Odd:  two  spaces \r\nX-Odd: again\r\n"
    b"Content-Encoding: gzip\r\nTransfer-Encoding: chunked\r\n\r\n" + CHUNKS + b"0\r\nX-Trailer: 1\r\n\r\n"
)
HINT = b"HTTP/1.1 103 Early Hints\r\nLink: </style.css>; rel=preload\r\n\r\n"


@contextmanager
def raw_server(answers: dict[str, bytes]) -> Iterator[tuple[str, list[bytes]]]:
    """Answers every path with these very bytes; its address, and what it was sent."""
    asked: list[bytes] = []

    class Handler(socketserver.StreamRequestHandler):
        def handle(self) -> None:
            while request := self.head():
                asked.append(request)
                none = b"HTTP/1.1 404 Not Found\r\nContent-Length: 0\r\n\r\n"
                self.wfile.write(answers.get(request.split()[1].decode(), none))

        def head(self) -> bytes:
            """A request up to its empty line; nothing when the client has gone, who may have said half of one."""
            head = b""
            while not head.endswith(b"\r\n\r\n"):
                line = self.rfile.readline()
                if not line:
                    return b""
                head += line
            return head

    class Server(socketserver.ThreadingTCPServer):
        daemon_threads = True
        block_on_close = False

        def handle_error(self, request: Any, client_address: Any) -> None:
            """Clients may leave."""

    with Server(("127.0.0.1", 0), Handler) as server:
        thread = threading.Thread(target=server.serve_forever, args=(0.02,), daemon=True)
        thread.start()
        try:
            yield f"http://127.0.0.1:{server.server_address[1]}", asked
        finally:
            server.shutdown()
            thread.join()


def answer(body: bytes, kind: str, head: bytes = b"") -> bytes:
    return b"HTTP/1.1 200 OK\r\nContent-Type: %s\r\n%sContent-Length: %d\r\n\r\n%s" % (
        kind.encode(),
        head,
        len(body),
        body,
    )


def blocks(path: Path) -> list[tuple[str, bytes]]:
    """Type and block of every record: the very bytes."""
    with path.open("rb") as file:
        return [(one.rec_type, one.raw_stream.read()) for one in ArchiveIterator(file, no_record_parse=True)]


@pytest.fixture
def inside(desk: Desk, monkeypatch: pytest.MonkeyPatch, capfd: pytest.CaptureFixture[str]) -> Callable[..., Any]:
    """The command within this process, in the desk's folder: its status, output and errors."""
    for name, value in desk.env.items():
        if name.startswith("LEVANTWATCH_"):
            monkeypatch.setenv(name, value)
    monkeypatch.chdir(desk.folder)

    def run(*arguments: str) -> tuple[int, str, str]:
        with pytest.raises(SystemExit) as ended:
            cli.main(arguments)
        said = capfd.readouterr()
        return int(ended.value.code or 0), said.out, said.err

    return run


@pytest.fixture
def desk(tmp_path: Path, database_url: str) -> Desk:
    return Desk(tmp_path, database_url, settings={"LEVANTWATCH_ARCHIVE": "on"})


@pytest.mark.parametrize("database_url", ["sqlite"], indirect=True)  # what is in the file does not depend on it
def test_the_archive_holds_what_went_over_the_wire(desk: Desk, inside: Callable[..., Any]) -> None:
    answers: dict[str, bytes] = {}
    with raw_server(answers) as (url, asked):
        feed = rss(
            ("1", TITLE, url + "/a/idlib"), ("2", "Rain expected", url + "/a/rain"), summary="More in our edition."
        )
        answers |= {"/feed": answer(feed, "application/rss+xml"), "/a/idlib": HINT + SENT}
        answers["/a/rain"] = answer(page("Rain", "Rain is expected.").body, "text/html")
        assert inside("feeds", "add", url + "/feed")[0] == 0
        done = desk.run("poll")
        assert done.returncode == 0
        assert b"seal lines=1 head=" in done.stderr
    [path] = (desk.folder / "archive").iterdir()
    [_, response, request] = blocks(path)
    assert response == ("response", SENT)
    assert request == ("request", next(one for one in asked if one.startswith(b"GET /a/idlib ")))
    assert Checker(type("Command", (), {"inputs": [str(path)], "verbose": False})).process_all() == 0
    with path.open("rb") as file:
        pages = [one.content_stream().read() for one in ArchiveIterator(file) if one.rec_type == "response"]
    assert pages == [gzip.decompress(BODY)]
    [stored] = desk.rows("select payload_sha256, http_status, url from captures")
    assert stored == (hashlib.sha256(BODY).hexdigest(), 200, url + "/a/idlib")


def test_an_empty_ledger_is_not_said_to_be_unchanged(desk: Desk, inside: Callable[..., Any]) -> None:
    assert inside("db", "upgrade")[0] == 0
    status, said, _ = inside("verify")
    assert (status, said.startswith("nothing is proven: the ledger is empty, for nothing was stored with the ")) == (
        0,
        True,
    )
    assert "0 lines, 0 articles, 0 records" in said


def test_an_analysts_day_with_proof(desk: Desk, inside: Callable[..., Any]) -> None:
    answers: dict[str, bytes] = {}
    with raw_server(answers) as (url, _):
        feed = rss(("1", TITLE, url + "/a/idlib"), summary="More in our edition.")
        secret = b"Set-Cookie: sid=a-secret-of-the-server\r\n"
        answers |= {
            "/feed": answer(feed, "application/rss+xml"),
            "/a/idlib": answer(BODY, "text/html", secret + b"Content-Encoding: gzip\r\n"),
        }
        assert inside("feeds", "add", url + "/feed")[0] == 0
        assert desk.run("poll").returncode == 0
        [path] = (desk.folder / "archive").iterdir()
        assert b"a-secret-of-the-server" not in b"".join(block for _, block in blocks(path))

        status, head, _ = inside("seal")
        assert (status, re.fullmatch(r"[0-9a-f]{64}\n", head) is not None) == (0, True)
        status, said, _ = inside("verify", "--head", head.strip())
        assert (status, said.startswith("nothing was changed: 1 line, 1 article, 1 record; head ")) == (0, True)
        assert inside("verify", "--head", "f" * 64)[0] == 1
        assert inside("verify", "--head", "no hash")[0] == 2
        assert inside("evidence", "1", "-o", "case")[0] == 0
        done = subprocess.run(["sha256sum", "--status", "-c", "SHA256SUMS"], cwd=desk.folder / "case", check=False)
        assert done.returncode == 0

        assert inside("hold", "1", "--reason", "case 7")[1] == "entry 1: held\n"
        status, _, problem = inside("forget", "1", "--reason", "court order")
        assert (status, "levantwatch hold 1 --release" in problem) == (1, True)
        assert inside("hold", "1", "--release")[1] == "entry 1: released\n"
        assert inside("forget", "1", "--reason", " ")[0] == 2
        assert inside("forget", "1", "--reason", "court order")[1] == "entry 1: forgotten\n"
        assert inside("evidence", "1", "-o", "case-2")[0] == 1

        assert desk.run("poll", "--force").returncode == 0
    report = json.loads(inside("verify", "--head", head.strip(), "--format", "json")[1])
    assert [one["what"] for one in report["findings"]] == [
        f"removed by rule on {report['findings'][0]['what'][19:29]}: court order"
    ]
    assert desk.rows("select count(*) as n from matches")[0].n == 0
    assert BODY not in path.read_bytes()
    assert (
        inside("why", "1")[1].splitlines()[0].strip()
        == "entry 1: removed for good: levantwatch verify tells when and why"
    )


def test_without_warcio_the_command_says_what_to_install(tmp_path: Path) -> None:
    """The current folder comes first on the path; its warcio cannot be imported, as where none is installed."""
    desk = Desk(tmp_path, f"sqlite:///{tmp_path}/x.db", settings={"LEVANTWATCH_ARCHIVE": "on"})
    (tmp_path / "warcio.py").write_text("raise ImportError")
    started = desk.start("poll")  # from nothing
    said = started.communicate(timeout=240)[1]
    assert started.returncode == 1
    assert said.decode() == (
        'levantwatch: archive is on, and warcio is not installed: pip install "levantwatch[archive]"\n'
    )
