"""What is asked of a connection is sent at once; what does not fit, or fails, is the loop's."""

from __future__ import annotations

import socket
from collections.abc import Iterator
from contextlib import closing
from typing import Any

import pytest
from twisted.internet.abstract import FileDescriptor
from twisted.internet.tcp import Client

from crawler.straight import sent_at_once


class Loop:
    """Remembers what it is to watch."""

    def __init__(self) -> None:
        self.watched: set[Any] = set()

    def addWriter(self, writer: Any) -> None:
        self.watched.add(writer)

    def removeWriter(self, writer: Any) -> None:
        self.watched.discard(writer)


@pytest.fixture
def ends() -> Iterator[tuple[socket.socket, socket.socket]]:
    ours, theirs = socket.socketpair()
    with closing(ours), closing(theirs):
        ours.setblocking(False)
        theirs.setblocking(False)
        yield ours, theirs


def connection(end: socket.socket) -> Any:
    """Twisted's end of a connection that stands."""
    client: Any = Client.__new__(Client)
    FileDescriptor.__init__(client, reactor=Loop())
    client.socket, client.connected, client.protocol = end, True, None
    return client


def test_a_request_is_sent_without_a_turn_of_the_loop(ends: tuple[socket.socket, socket.socket]) -> None:
    client = connection(ends[0])
    given = sent_at_once(client, lambda: client.writeSequence([b"GET / HTTP/1.1\r\n", b"\r\n"]) or "asked")
    assert (given, ends[1].recv(100), client.reactor.watched) == ("asked", b"GET / HTTP/1.1\r\n\r\n", set())


def test_what_does_not_fit_is_sent_when_the_loop_says_that_there_is_room(
    ends: tuple[socket.socket, socket.socket],
) -> None:
    client, sent, came = connection(ends[0]), bytes(range(256)) * 20_000, b""
    sent_at_once(client, lambda: client.write(sent))
    assert client.reactor.watched == {client}
    for _ in range(10_000):
        came += ends[1].recv(1_000_000)
        if not client.reactor.watched:
            break
        assert client.doWrite() is None
    assert came == sent


def test_a_connection_that_is_gone_is_told_to_the_loop(ends: tuple[socket.socket, socket.socket]) -> None:
    client = connection(ends[0])
    ends[1].close()
    sent_at_once(client, lambda: client.write(b"GET / HTTP/1.1\r\n\r\n"))
    assert client.reactor.watched == {client}
    assert client.doWrite() is not None


def test_a_write_that_raises_leaves_the_connection_as_it_was(ends: tuple[socket.socket, socket.socket]) -> None:
    client = connection(ends[0])
    with pytest.raises(ZeroDivisionError):
        sent_at_once(client, lambda: client.write(b"x" * (1 // 0)))
    client.write(b"later")
    assert client.reactor.watched == {client}
