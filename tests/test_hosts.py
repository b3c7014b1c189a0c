"""The queue that keeps one host from starving the others."""

from __future__ import annotations

from scrapy import Request

from crawler.fair import FairQueue


def test_hosts_take_turns() -> None:
    queue: FairQueue[str] = FairQueue(per_host=1, total=10)
    for number in range(3):
        queue.put("a", f"a{number}")
    queue.put("b", "b0")
    assert [queue.take(), queue.take(), queue.take()] == ["a0", "b0", None]
    queue.done("a")
    assert queue.take() == "a1"


def test_a_hundred_feeds_of_one_host_never_starve_the_others() -> None:
    queue: FairQueue[str] = FairQueue(per_host=2, total=64)
    for number in range(100):
        queue.put("big", f"big{number}")
    for number in range(50):
        queue.put(f"small{number}", f"small{number}")
    out = list(iter(queue.take, None))
    assert len([item for item in out if item.startswith("big")]) == 2
    assert len(out) == 52
    assert len(queue) == 98


def test_no_more_than_total_are_out() -> None:
    queue: FairQueue[int] = FairQueue(per_host=2, total=3)
    for number in range(10):
        queue.put(f"host{number}", number)
    assert [queue.take() for _ in range(4)] == [0, 1, 2, None]
    queue.done("host1")
    assert queue.take() == 3


def test_every_item_leaves_once() -> None:
    queue: FairQueue[int] = FairQueue(per_host=2, total=5)
    for number in range(40):
        queue.put(f"host{number % 3}", number)
    seen = []
    while len(queue) or queue.out:
        while (item := queue.take()) is not None:
            seen.append(item)
        queue.done(f"host{seen[-queue.out] % 3}")
    assert sorted(seen) == list(range(40))


