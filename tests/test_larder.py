"""The room that large bodies share: one is always read on, the others wait, and all come to their end."""

from __future__ import annotations

import hashlib
import os
import pickle
import tempfile
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from crawler.larder import ORDINARY, Aside, Larder
from crawler.workers import WorkTooHeavyError
from tests.command import Desk

MB = 1024 * 1024


class Server:
    """A body of so many bytes that comes in pieces, unless it is held back."""

    def __init__(self, size: int) -> None:
        self.left, self.came, self.is_paused = size, 0, False

    def pauseProducing(self) -> None:
        self.is_paused = True

    def resumeProducing(self) -> None:
        self.is_paused = False

    def send(self, larder: Larder, piece: int) -> None:
        piece = min(piece, self.left)
        self.left -= piece
        self.came += piece
        larder.took(self, self.came)
        if not self.left:
            larder.ended(self)


def crawl(servers: list[Server], larder: Larder, piece: int) -> int:
    """All of them to their ends, in turns; the most that lay there at once of what is not ordinary."""
    most = 0
    while waiting := [one for one in servers if one.left]:
        moving = [one for one in waiting if not one.is_paused]
        assert moving, "all are held back"
        for one in moving:
            if not one.is_paused:
                one.send(larder, piece)
        most = max(most, sum(one.came for one in servers if one.left and one.came > ORDINARY))
    return most


def test_while_too_much_waits_for_a_worker_nothing_large_is_read_and_then_it_goes_on() -> None:
    larder = Larder(room=4 * MB, most_waiting=8 * MB)
    first, ordinary = Server(9 * MB), Server(9 * MB)
    with larder.waits(9 * MB), larder.waits(ORDINARY):
        larder.took(first, 2 * MB)
        larder.took(ordinary, ORDINARY)
        assert (first.is_paused, ordinary.is_paused) == (True, False)
        with larder.waits(9 * MB):
            pass
        assert first.is_paused
    assert not first.is_paused


def test_what_fails_in_a_worker_waits_no_longer() -> None:
    larder = Larder(room=4 * MB, most_waiting=8 * MB)
    one = Server(9 * MB)

    def work() -> None:
        with larder.waits(9 * MB):
            larder.took(one, 3 * MB)
            raise WorkTooHeavyError

    with pytest.raises(WorkTooHeavyError):
        work()
    assert not one.is_paused


@given(st.lists(st.integers(1, 12 * MB), min_size=1, max_size=40), st.sampled_from([64 * 1024, 300_000, 2 * MB]))
def test_all_bodies_come_to_their_end_and_share_the_room(sizes: list[int], piece: int) -> None:
    larder = Larder(room=12 * MB)
    servers = [Server(size) for size in sizes]
    most = crawl(servers, larder, piece)
    # one piece more of each that was ordinary before, and the first of them to its end
    assert most <= 12 * MB + len(servers) * (piece + ORDINARY) + max(sizes)
    assert not any(one.is_paused for one in servers)
    assert not larder._held


def test_ordinary_bodies_never_wait() -> None:
    larder = Larder(room=0)
    servers = [Server(ORDINARY) for _ in range(100)]
    for one in servers:
        larder.took(one, ORDINARY)
    assert not any(one.is_paused for one in servers)


def test_whoever_came_first_is_read_on_and_a_lost_one_makes_room() -> None:
    larder = Larder(room=4 * MB)
    first, second, third = Server(9 * MB), Server(9 * MB), Server(9 * MB)
    for one in (first, second, third):
        larder.took(one, 3 * MB)
    assert (first.is_paused, second.is_paused, third.is_paused) == (False, True, True)
    larder.took(first, 8 * MB)
    assert not first.is_paused
    larder.ended(first)
    assert (second.is_paused, third.is_paused) == (False, True)
    larder.ended(third)
    larder.ended(third)
    assert not third.is_paused


def test_a_large_body_stands_in_a_file_for_as_long_as_it_is_wanted() -> None:
    body = bytes(range(256)) * 4096
    aside = Aside.of(body)
    file = Path(aside.path)
    assert (len(aside), bytes(aside), aside.sha256) == (len(body), body, hashlib.sha256(body).hexdigest())
    copy = pickle.loads(pickle.dumps(aside))  # as a worker has it
    assert bytes(copy) == body
    del copy
    assert file.exists()  # the crawl's own holds it
    del aside
    assert not file.exists()


def test_what_a_killed_crawl_left_is_cleared_away(short_folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(tempfile, "tempdir", str(short_folder))
    held = Aside.of(b"wanted")
    ours, fresh, other = (short_folder / name for name in ("levantwatch-body-old", "levantwatch-body-new", "theirs"))
    for file in (ours, fresh, other):
        file.write_bytes(b"x")
    for file in (ours, other):
        os.utime(file, (1, 1))
    Desk(short_folder, f"sqlite:///{short_folder / 'news.db'}", settings={"TMPDIR": str(short_folder)}).run("poll")
    assert not ours.exists()
    assert all(file.exists() for file in (fresh, other, Path(held.path)))
