"""Answers that are kept: at once within a minute, renewed aside, made anew when they are old; one at a time."""

from __future__ import annotations

import threading
import time
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor

import pytest

from crawler.desk import kept
from crawler.desk.kept import STALE, Kept
from storage.errors import StorageError


class Clock:
    """A steady clock that stands until it is moved."""

    now = 0.0

    def __call__(self) -> float:
        return self.now


class Maker:
    """Makes 1, 2, 3 …; fails when it is told to."""

    def __init__(self) -> None:
        self.made = 0
        self.fails = False

    def __call__(self) -> int:
        if self.fails:
            raise StorageError("no database")
        self.made += 1
        return self.made


def wait_for(condition: Callable[[], bool]) -> None:
    end = time.monotonic() + 60
    while not condition():
        assert time.monotonic() < end
        time.sleep(0.001)


def test_the_same_question_is_answered_once_a_minute() -> None:
    clock, make = Clock(), Maker()
    answers = Kept(60, steady=clock)
    assert [answers.get("a", make), answers.get("a", make), answers.get("b", make)] == [1, 1, 2]
    clock.now = 59.9
    assert answers.get("a", make) == 1


def test_an_answer_that_is_not_new_is_given_and_renewed_aside() -> None:
    clock, make = Clock(), Maker()
    answers = Kept(60, steady=clock)
    answers.get("a", make)
    clock.now = 61
    assert answers.get("a", make) == 1
    wait_for(lambda: make.made == 2)
    wait_for(lambda: answers.get("a", make) == 2)
    assert make.made == 2


def test_an_old_answer_is_never_given() -> None:
    clock, make = Clock(), Maker()
    answers = Kept(60, steady=clock)
    answers.get("a", make)
    clock.now = 60 * STALE
    assert answers.get("a", make) == 2


def test_what_fails_aside_is_tried_again_and_told_when_the_answer_is_old(caplog: pytest.LogCaptureFixture) -> None:
    clock, make = Clock(), Maker()
    answers = Kept(60, steady=clock)
    answers.get("a", make)
    make.fails, clock.now = True, 61
    assert answers.get("a", make) == 1
    wait_for(lambda: "could not be renewed" in caplog.text)
    clock.now = 60 * STALE
    with pytest.raises(StorageError, match="no database"):
        answers.get("a", make)
    make.fails = False
    assert answers.get("a", make) == 2


def test_many_that_ask_at_once_make_it_once() -> None:
    made, together = [], threading.Barrier(8)

    def make() -> int:
        time.sleep(0.05)
        made.append(1)
        return len(made)

    answers = Kept(60)

    def ask(_: int) -> int:
        together.wait()
        return answers.get("a", make)

    with ThreadPoolExecutor(8) as pool:
        assert set(pool.map(ask, range(8))) == {1}


def test_no_more_is_kept_than_there_is_room_for() -> None:
    answers, make = Kept(60), Maker()
    for number in range(kept.MOST + 1):
        answers.get(number, make)
    assert answers.get(kept.MOST, make) == kept.MOST + 1
    assert answers.get(0, make) == kept.MOST + 2


def test_with_no_time_nothing_is_kept() -> None:
    answers, make = Kept(0), Maker()
    assert [answers.get("a", make), answers.get("a", make)] == [1, 2]
