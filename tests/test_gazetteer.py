"""The gazetteer: its data are whole and where they say, a wrong line is named, families and look-ups are what analysts mean."""

from __future__ import annotations

import math
import shutil
from collections.abc import Iterator
from datetime import date
from pathlib import Path

import pytest

from crawler.classify.gazetteer import FOLDER, Gazetteer, Place
from crawler.classify.lexicon import LexiconError

GAZETTEER = Gazetteer.load()
SYRIA = [place for place in GAZETTEER.places.values() if place.country == "SY"]
# the governorates as ISO 3166-2:SY lists them, with the farthest that a place of each may lie from its seat, in kilometres
FARTHEST = {
    "aleppo": 135, "damascus": 15, "daraa": 65, "deir-ez-zor": 135, "hama": 110, "hasakah": 160, "homs": 250, "idlib": 65,
    "latakia": 60, "quneitra": 45, "raqqa": 100, "rural-damascus": 110, "suwayda": 90, "tartus": 45,
}  # fmt: skip


def kilometres(one: Place, other: Place) -> float:
    """The distance on a sphere (haversine)."""
    phi, psi = math.radians(one.latitude), math.radians(other.latitude)
    turn = math.radians(one.longitude - other.longitude)
    half = math.sin((phi - psi) / 2) ** 2 + math.cos(phi) * math.cos(psi) * math.sin(turn / 2) ** 2
    return 2 * 6371 * math.asin(math.sqrt(half))


def above(place: Place) -> Iterator[Place]:
    while place.parent:
        place = GAZETTEER.places[place.parent]
        yield place


def test_the_governorates_of_syria_are_there() -> None:
    assert {place.id for place in SYRIA if place.kind == "governorate"} == set(FARTHEST)


def test_the_gazetteer_is_as_wide_as_the_watch() -> None:
    districts = [place for place in SYRIA if place.kind == "district"]
    assert len(districts) >= 60
    assert {place.parent for place in districts} == set(FARTHEST)
    assert len(SYRIA) >= 300
    assert sum(place.country == "IQ" for place in GAZETTEER.places.values()) >= 60
    assert sum(place.country not in ("SY", "IQ") for place in GAZETTEER.places.values()) >= 40
    assert len(GAZETTEER.actors) >= 80


@pytest.mark.parametrize("place", SYRIA, ids=lambda place: place.id)
def test_a_place_of_syria_lies_in_it_and_near_its_governorate(place: Place) -> None:
    assert 32.3 <= place.latitude <= 37.4
    assert 35.6 <= place.longitude <= 42.4
    governorate = next((one for one in (place, *above(place)) if one.kind == "governorate"), None)
    if governorate is not None and governorate.id != place.id:
        assert kilometres(place, governorate) <= FARTHEST[governorate.id]
    assert (place.kind in ("country", "region", "river", "mountain")) or governorate is not None


@pytest.mark.parametrize("place", GAZETTEER.places.values(), ids=lambda place: place.id)
def test_a_place_lies_in_the_country_of_its_parent(place: Place) -> None:
    assert all(one.country == place.country for one in above(place))
    if place.kind != "country" and place.country not in ("", "US"):
        assert any(one.kind == "country" for one in above(place))


@pytest.mark.parametrize(
    ("one", "other", "least", "most"),
    [
        ("aleppo", "damascus", 290, 330),  # as atlases give the distances
        ("deir-ez-zor", "raqqa", 110, 140),
        ("mosul", "sinjar", 105, 130),
        ("al-tanf", "tower-22", 15, 30),
        ("kobani", "jarabulus", 25, 40),
        ("abu-kamal", "al-qaim", 10, 25),
        ("sirte", "benghazi", 330, 380),
    ],
)
def test_distances_are_those_of_the_atlas(one: str, other: str, least: float, most: float) -> None:
    assert least <= kilometres(GAZETTEER.places[one], GAZETTEER.places[other]) <= most


def test_a_family_is_all_that_belongs_to_it() -> None:
    assert {"deir-ez-zor", "mayadin", "ashara", "baghouz", "al-omar-field"} <= set(GAZETTEER.family("deir-ez-zor"))
    assert "raqqa" not in GAZETTEER.family("deir-ez-zor")
    assert GAZETTEER.family("baghouz") == ("baghouz",)
    assert set(GAZETTEER.family("sdf")) == {"sdf", "ypg", "ypj", "manbij-council", "deir-ez-zor-council"}
    assert {"iskp", "iswap", "is-somalia"} <= set(GAZETTEER.family("islamic-state"))
    assert "hurras-al-din" not in GAZETTEER.family("islamic-state")
    assert set(GAZETTEER.family("israeli-government")) == {"israeli-government", "idf", "israel"}
    assert len(GAZETTEER.family("syria")) == len(SYRIA)


@pytest.mark.parametrize(
    ("name", "area"),
    [
        ("baghouz", "deir-ez-zor"),
        ("deir-ez-zor", "deir-ez-zor"),
        ("syria", "syria"),
        ("euphrates", "euphrates"),
        ("majdal-shams", "quneitra"),
        ("sheikh-maqsoud", "aleppo"),
        ("mosul", "nineveh"),
        ("sirte", "sirte"),
        ("ypg", "sdf"),
        ("sdf", "sdf"),
        ("iskp", "islamic-state"),
    ],
)
def test_an_area_is_the_governorate_or_the_whole(name: str, area: str) -> None:
    assert GAZETTEER.area(name) == area


@pytest.mark.parametrize(
    ("word", "kind", "found"),
    [
        ("deir-ez-zor", "place", "deir-ez-zor"),
        (" Deir-Ez-Zor ", "place", "deir-ez-zor"),
        ("Deir Ezzor", "place", "deir-ez-zor"),
        ("دير الزور", "place", "deir-ez-zor"),
        ("Halep", "place", "aleppo"),
        ("قسد", "actor", "sdf"),
        ("Tripoli", "place", None),  # which?
        ("sdf", "place", None),
        ("Atlantis", "place", None),
    ],
)
def test_an_analyst_may_write_an_id_or_a_name(word: str, kind: str, found: str | None) -> None:
    assert GAZETTEER.find(word, kind) == found


def test_what_is_close_to_a_slip_of_the_pen() -> None:
    assert "deir-ez-zor" in GAZETTEER.close_to("deir-ezor", "place")
    assert "tripoli-lebanon" in GAZETTEER.close_to("Tripoli", "place")
    assert "hezbollah" in GAZETTEER.close_to("hizbollah", "actor")
    assert GAZETTEER.close_to("zzzzqqq", "actor") == []


def test_an_actor_is_there_for_its_time() -> None:
    hts, rulers = GAZETTEER.actors["hts"], GAZETTEER.actors["syrian-government"]
    assert hts.then == "syrian-government"
    assert hts.acted(date(2018, 1, 1))
    assert hts.acted(date(2025, 1, 29))
    assert not hts.acted(date(2025, 1, 30))
    assert not hts.acted(None)
    assert rulers.acted(None)
    assert not rulers.acted(date(2024, 12, 7))


PLACE = "hajin,town,SY,abu-kamal,34.69,40.83,,Hajin,هجين,"
WRONG: dict[str, tuple[str, str, str, str]] = {
    # what: file, what stands there, what is written instead, the error
    "no number": ("places.csv", "34.69,40.83", "north,40.83", r"places.csv:\d+: latitude and longitude are decimal"),
    "off the Earth": ("places.csv", "34.69,40.83", "94.69,40.83", r"places.csv:\d+: .* no point on Earth"),
    "a column too few": ("places.csv", ",town,SY,abu-kamal,", ",town,SY,", r"places.csv:\d+: a place has 10 columns"),
    "an odd id": ("places.csv", "hajin,", "Hajin!,", r"places.csv:\d+: 'Hajin!' is no id"),
    "an id twice": ("places.csv", "hajin,", "baghouz,", r"places.csv:\d+: baghouz is there already"),
    "an unknown kind": ("places.csv", ",town,", ",hamlet,", r"places.csv:\d+: unknown kind 'hamlet'"),
    "an odd country": ("places.csv", ",SY,", ",Syria,", r"places.csv:\d+: 'Syria' is no country's code"),
    "an odd confidence": ("places.csv", "40.83,,", "40.83,high,", r"places.csv:\d+: confidence is low, or empty"),
    "no parent": ("places.csv", ",abu-kamal,", ",atlantis,", r"places.csv:\d+: parent 'atlantis' is not there"),
    "its own parent": ("places.csv", ",abu-kamal,", ",hajin,", r"places.csv:\d+: parent 'hajin' .* its own parent"),
    "no Arabic": ("places.csv", "هجين", "", r"places.csv:\d+: hajin needs an English and an Arabic name"),
    "no language": ("places.csv", "هجين,", "هجين,xx:Hajin", r"places.csv:\d+: unknown language 'xx'"),
    "a name of signs": ("places.csv", "Hajin,", "--,", r"places.csv:\d+: '--' is no name"),
    "a star inside": ("places.csv", "Hajin,", "Ha*jin,", r"places.csv:\d+: 'Ha\*jin' is no name"),
    "a star after two": ("places.csv", "Hajin,", "Ha*,", r"places.csv:\d+: 'Ha\*': a \* may only end"),
    "another's name": ("places.csv", "Hajin,", "Baghouz,", r"places.csv:\d+: 'baghouz' names hajin .* mark it"),
    "an actor's name": ("places.csv", "Hajin,", "Hezbollah,", r"actors.toml:\d+: 'hezbollah' names hajin .* hezbollah"),
    "no reason": ("actors.toml", 'why = "', 'reason = "', r"actors.toml:\d+: why must be a text"),
    "a kind of actor": ("actors.toml", '"armed-group"', '"gang"', r"actors.toml:\d+: kind is one of"),
    "a day": ("actors.toml", "until = 2025-01-29", 'until = "2025"', r"actors.toml:\d+: since and until are days"),
    "no successor": ("actors.toml", 'then = "syrian-army"', 'then = "x"', r"actors.toml:\d+: then = 'x' is no actor"),
    "no state": ("actors.toml", 'state = "iran"', 'state = "persia"', r"actors.toml:\d+: state = 'persia' is no place"),
    "no list": ("actors.toml", 'en = ["=SANA"', 'en = "SANA" # ["', r"actors.toml:\d+: en must be a list"),
    "no TOML": ("actors.toml", "[actor.sdf]", "[actor.sdf", r"actors.toml: "),
    "another table": ("actors.toml", "[actor.sdf]", "[faction.sdf]", r"actors.toml:1: unknown table 'faction'"),
    "a hint of no country": ("bearers.toml", "[hint.SY]", "[hint.syria]", r"bearers.toml:\d+: 'syria' is no country"),
    "of nothing": ("bearers.toml", 'of = ["palmyra"]', 'of = ["atlantis"]', r"bearers.toml:\d+: of is a list of ids"),
}


@pytest.mark.parametrize("what", WRONG)
def test_a_wrong_line_is_an_error_with_file_and_line(what: str, tmp_path: Path) -> None:
    name, old, new, error = WRONG[what]
    folder = tmp_path / "gazetteer"
    shutil.copytree(FOLDER, folder)
    text = (folder / name).read_text(encoding="utf-8")
    if name == "places.csv":
        at = next(line for line in text.splitlines() if line.startswith("hajin,"))
        changed = text.replace(at, PLACE.replace(old, new, 1))
    else:
        changed = text.replace(old, new, 1)
    assert changed != text
    (folder / name).write_text(changed, encoding="utf-8")
    with pytest.raises(LexiconError, match=error):
        Gazetteer.load(folder)


def test_the_line_of_an_error_is_its_line(tmp_path: Path) -> None:
    folder = tmp_path / "gazetteer"
    shutil.copytree(FOLDER, folder)
    lines = (folder / "places.csv").read_text(encoding="utf-8").splitlines()
    number = next(at for at, line in enumerate(lines, 1) if line.startswith("hajin,"))
    lines[number - 1] = PLACE.replace(",town,", ",hamlet,")
    (folder / "places.csv").write_text("\n".join(lines), encoding="utf-8")
    with pytest.raises(LexiconError, match=rf"^places.csv:{number}: unknown kind 'hamlet'"):
        Gazetteer.load(folder)


def test_a_folder_without_files_is_an_error(tmp_path: Path) -> None:
    with pytest.raises(LexiconError, match=r"places.csv: cannot be read"):
        Gazetteer.load(tmp_path)
