"""The timeline and the map as plain numbers for SVG. PURE: counts in, coordinates out.

The map is an equirectangular projection, true in shape at 34.5 degrees north. The outlines are simplified after Natural Earth's
1:110m boundaries (public domain); they are there for orientation and settle nothing.
"""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import date, timedelta

from crawler.classify.gazetteer import Place
from crawler.spikes import usual

WIDTH, HEIGHT, BASE = 960, 150, 130  # of one topic's timeline, in units of the drawing

WEST, EAST, SOUTH, NORTH = 34.2, 48.2, 29.6, 38.0
SCALE = 68.0  # units per degree of latitude
_SQUEEZE = math.cos(math.radians(34.5))
MAP_WIDTH, MAP_HEIGHT = round((EAST - WEST) * SCALE * _SQUEEZE), round((NORTH - SOUTH) * SCALE)
SMALLEST, LARGEST = 3.5, 19  # units: the radius of a dot
LABELS = 14  # places named on the map, the most frequent first; the table below has all
LETTER, LINE = 7.4, 15  # what a letter of a label takes at most, and a line

_SYRIA_IRAQ = ((38.79, 33.38), (41.01, 34.42), (41.38, 35.63), (41.29, 36.36), (41.84, 36.61), (42.35, 37.23))
_LEBANON_SYRIA = ((36.00, 34.64), (36.45, 34.59), (36.61, 34.20), (36.07, 33.82), (35.82, 33.28))
OUTLINES: Mapping[str, tuple[tuple[float, float], ...]] = {
    "Syria": (
        *_SYRIA_IRAQ, (41.21, 37.07), (40.67, 37.09), (39.52, 36.72), (38.70, 36.71), (38.17, 36.90), (37.07, 36.62), (36.74, 36.82),
        (36.69, 36.26), (36.42, 36.04), (36.15, 35.82), (35.91, 35.41), *_LEBANON_SYRIA, (35.84, 32.87), (35.70, 32.72),
        (35.72, 32.71), (36.83, 32.31), (38.79, 33.38),
    ),
    "Iraq": (
        (39.20, 32.16), *_SYRIA_IRAQ, (42.78, 37.39), (43.94, 37.26), (44.29, 37.00), (44.77, 37.17), (45.42, 35.98), (46.08, 35.68),
        (46.15, 35.09), (45.65, 34.75), (45.42, 33.97), (46.11, 33.02), (47.33, 32.47), (47.85, 31.71), (47.69, 30.98), (48.00, 30.99),
        (48.01, 30.45), (48.57, 29.93), (47.97, 29.98), (47.30, 30.06), (46.57, 29.10), (44.71, 29.18), (41.89, 31.19), (40.40, 31.89),
        (39.20, 32.16),
    ),
    "Lebanon": (*_LEBANON_SYRIA, (35.55, 33.26), (35.46, 33.09), (35.13, 33.09), (35.48, 33.91), (35.98, 34.61), (36.00, 34.64)),
    "Jordan": (
        (35.55, 32.39), (35.72, 32.71), (36.83, 32.31), (38.79, 33.38), (39.20, 32.16), (39.00, 32.01), (37.00, 31.51), (38.00, 30.51),
        (37.67, 30.34), (37.50, 30.00), (36.74, 29.87), (36.50, 29.51), (36.07, 29.20), (34.96, 29.36), (34.92, 29.50), (35.42, 31.10),
        (35.40, 31.49), (35.55, 31.78), (35.55, 32.39),
    ),
}  # fmt: skip
NAMES = (
    ("Syria", 38.3, 35.05),
    ("Iraq", 43.1, 32.8),
    ("Türkiye", 39.0, 37.6),
    ("Jordan", 36.7, 31.3),
    ("Lebanon", 35.1, 34.25),
)


@dataclass(frozen=True, slots=True)
class Bar:
    """One day: its rectangle, its count, and the mean before it when it stands out."""

    day: date
    matches: int
    x: float
    y: float
    width: float
    height: float
    usual: float | None


@dataclass(frozen=True, slots=True)
class Timeline:
    """One topic's days; `ticks` are heights with their count, `dates` places with their day."""

    topic: str
    bars: tuple[Bar, ...]
    total: int
    ticks: tuple[tuple[float, int], ...]
    dates: tuple[tuple[float, date], ...]

    @property
    def spikes(self) -> tuple[Bar, ...]:
        """The days that stand out."""
        return tuple(bar for bar in self.bars if bar.usual is not None)


@dataclass(frozen=True, slots=True)
class Dot:
    """A place on the map. `label` is '' where the name would cover another; `anchor` says on which side it stands."""

    id: str
    name: str
    matches: int
    x: float
    y: float
    radius: float
    label: str
    anchor: str
    sure: bool


def timeline(topic: str, counts: Mapping[date, int], *, since: date, until: date) -> Timeline:
    """The days from `since` to `until`; `counts` should begin BASELINE days earlier, so that spikes can be told."""
    days = [since + timedelta(days=number) for number in range((until - since).days + 1)]
    top = _round_up(max([counts.get(day, 0) for day in days], default=0))
    step = WIDTH / len(days)
    began = min(counts, default=since)
    bars = []
    for number, day in enumerate(days):
        matches = counts.get(day, 0)
        height = matches / top * BASE
        gap = 0.18 * step
        bar = Bar(day, matches, number * step + gap / 2, BASE - height, step - gap, height, usual(counts, day, began))
        bars.append(bar)
    every = max(1, math.ceil(len(days) / 8))
    dates = tuple((bars[number].x, bars[number].day) for number in range(0, len(days), every))
    ticks = tuple((BASE - BASE * part / 2, top * part // 2) for part in (1, 2))
    return Timeline(topic, tuple(bars), sum(bar.matches for bar in bars), ticks, dates)


def point(longitude: float, latitude: float) -> tuple[float, float]:
    """Degrees to units of the drawing."""
    return round((longitude - WEST) * SCALE * _SQUEEZE, 1), round((NORTH - latitude) * SCALE, 1)


def outline(name: str) -> str:
    """A country's outline as a path."""
    return "M" + "L".join("{} {}".format(*point(*one)) for one in OUTLINES[name]) + "Z"


def dots(counts: Sequence[tuple[str, int]], places: Mapping[str, Place], names: Mapping[str, str]) -> list[Dot]:
    """The places inside the frame, most frequent first. Countries and regions have no point of their own and are left out."""
    inside = [
        (places[id_], number)
        for id_, number in counts
        if id_ in places
        and places[id_].kind not in ("country", "region", "river", "mountain")
        and WEST < places[id_].longitude < EAST
        and SOUTH < places[id_].latitude < NORTH
    ]
    most = max((number for _, number in inside), default=1)
    found: list[Dot] = []
    taken: list[tuple[float, float, float, float]] = []
    for place, number in inside:
        x, y = point(place.longitude, place.latitude)
        radius = max(SMALLEST, LARGEST * math.sqrt(number / most))
        name = names.get(place.id, place.id)
        label, anchor = "", "start"
        if sum(bool(dot.label) for dot in found) < LABELS:
            label, anchor = _placed(name, x, y, radius, taken)
        found.append(Dot(place.id, name, number, x, y, round(radius, 1), label, anchor, place.sure))
        taken.append((x - radius / 2, y - radius / 2, x + radius / 2, y + radius / 2))
    return found


def _placed(
    name: str, x: float, y: float, radius: float, taken: list[tuple[float, float, float, float]]
) -> tuple[str, str]:
    """The label with its side, if there is room to the right or to the left of the dot."""
    long = len(name) * LETTER
    for anchor, left in (("start", x + radius + 3), ("end", x - radius - 3 - long)):
        box = (left, y - LINE / 2, left + long, y + LINE / 2)
        if box[0] > 0 and box[2] < MAP_WIDTH and not any(_overlap(box, other) for other in taken):
            taken.append(box)
            return name, anchor
    return "", "start"


def _overlap(one: tuple[float, float, float, float], other: tuple[float, float, float, float]) -> bool:
    return one[0] < other[2] and other[0] < one[2] and one[1] < other[3] and other[1] < one[3]


def _round_up(number: int) -> int:
    """An even number for the top of a scale."""
    if number <= 2:
        return 2
    unit = 10 ** max(0, int(math.log10(number)) - 1)
    rounded = math.ceil(number / (2 * unit)) * 2 * unit
    return int(rounded)
