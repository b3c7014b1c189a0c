"""The simulation behind docs/scale.md: the document quotes what it prints, and the model keeps the manners that the crawler keeps."""

from __future__ import annotations

import random
import sys
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent
sys.path.insert(0, str(ROOT))

from bench.fleet import Costs, Crawler, Fleet, Kind, World  # noqa: E402
from bench.simulate import table  # noqa: E402

FREE = Costs(poll=0.0, record=0.0, parse=0.0, page=0.0, extract=0.0)
QUIET = [Kind(share=1.0, rate=1.0, interval=600.0, changed=0.0, new=0.0)]


def test_scale_md_quotes_what_the_simulation_prints() -> None:
    printed = "\n".join(table(10_000, seed=7, hours=1.0, crawlers=[1, 2, 4], of=Crawler()))
    assert printed in (ROOT / "docs" / "scale.md").read_text(encoding="utf-8")


def test_the_model_asks_no_host_sooner_than_its_delay() -> None:
    world = World(random.Random(1), [20, 5], QUIET, delay=2.0, response=0.1, spread=0.0)
    fleet = Fleet(world, FREE, crawlers=3, of=Crawler(), connections=2, reads=0.0, rng=random.Random(1))
    ran = fleet.run(0.0, once=True)
    assert ran.polls == 25
    assert max(ran.starts) == 19 * 2.0  # the larger host, one poll every two seconds, however many crawlers there are
    assert sum(start == 0.0 for start in ran.starts) == 2


def test_the_model_has_no_more_requests_at_once_than_places() -> None:
    world = World(random.Random(1), [1] * 10, QUIET, delay=0.0, response=1.0, spread=0.0)
    fleet = Fleet(world, FREE, crawlers=1, of=Crawler(places=5), connections=2, reads=0.0, rng=random.Random(1))
    assert sorted(fleet.run(0.0, once=True).starts) == [0.0] * 5 + [1.0] * 5
