"""The documentation is whole and true: every setting, command, option, outcome and reason, as the program has them."""

from __future__ import annotations

import re
import tomllib
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
import typer

from crawler.cli import app
from crawler.config import Config, load_config
from crawler.options import described, setting_names, variable
from crawler.polling import SOFT, WEIGHTS, Outcome

DOCS = Path(__file__).parents[1] / "docs"
CONFIGURATION = (DOCS / "configuration.md").read_text(encoding="utf-8")
COMMANDS = (DOCS / "commands.md").read_text(encoding="utf-8")


def table(text: str, heading: str) -> dict[str, list[str]]:
    """The rows of the table below a heading, by their first cell."""
    section = re.split(r"^## ", text, flags=re.MULTILINE)
    [found] = [part for part in section if part.startswith(heading + "\n")]
    rows = [
        [cell.strip() for cell in line.strip("|").split("|")] for line in found.splitlines() if line.startswith("| `")
    ]
    return {row[0].strip("`"): row[1:] for row in rows}


# --- settings ---


def test_every_setting_is_documented_in_the_order_of_options_py() -> None:
    assert list(table(CONFIGURATION, "Every setting")) == list(setting_names())


@pytest.mark.parametrize("name", setting_names())
def test_a_setting_is_documented_as_it_is(name: str) -> None:
    named, default, bounds, meaning = table(CONFIGURATION, "Every setting")[name]
    value: Any = Config()
    for part in name.split("."):
        value = getattr(value, part)
    assert named == f"`{variable(name)}`"
    assert default == f"`{value}`" if value or value == 0 else default.startswith("none")
    assert bounds == described(name)
    assert meaning


def test_the_example_file_is_valid() -> None:
    [example] = re.findall(r"^```toml\n(.*?)^```", CONFIGURATION, re.MULTILINE | re.DOTALL)
    file = Path("levantwatch.toml")
    file.write_text(example, encoding="utf-8")
    assert load_config({}, file) != Config()
    assert set(tomllib.loads(example)) >= {"database_url", "schedule", "retention"}


# --- commands ---


def commands(group: Any = None, path: str = "levantwatch") -> Iterator[tuple[str, Any]]:
    for name, command in (group or typer.main.get_command(app)).commands.items():
        if hasattr(command, "commands"):
            yield from commands(command, f"{path} {name}")
        else:
            yield f"{path} {name}", command


def sections() -> dict[str, str]:
    """What is said of each command; one heading may name several."""
    parts = re.split(r"^### ", COMMANDS, flags=re.MULTILINE)[1:]
    return {name: part.split("\n## ")[0] for part in parts for name in re.findall(r"`([^`]+)`", part.splitlines()[0])}


def synopsis(section: str, command: str) -> str:
    """The indented lines below the heading that call the command, with those that go on."""
    block = section.partition("\n\n")[2].split("\n\n")[0]
    assert block.startswith("    "), f"the section of {command} does not begin with its synopsis"
    calls = re.split(r"^    (?=levantwatch )", block, flags=re.MULTILINE)
    return " ".join(call for call in calls if call.startswith(command))


ALL = dict(commands())
SEARCHING = (
    "levantwatch export",
    "levantwatch snapshot make",
)  # their filters are those of search, named below the synopsis


def test_every_command_has_a_section_and_every_section_a_command() -> None:
    assert set(sections()) - {"scrapy crawl feeds", "scrapy crawl revisions", "scrapy crawl backfill"} == set(ALL)


@pytest.mark.parametrize("name", ALL)
def test_the_synopsis_has_every_option_and_argument(name: str) -> None:
    section = sections()[name]
    shown = synopsis(section, name)
    said = shown + section if name in SEARCHING else shown
    for parameter in ALL[name].params:
        if parameter.param_type_name == "argument":
            assert (parameter.metavar or parameter.name).strip("[].").split("|")[0] in shown, f"{name} {parameter.name}"
            continue
        for option in (*parameter.opts, *parameter.secondary_opts):
            if option != "--help":
                assert re.search(rf"(?<![\w-]){option}(?![\w-])", said), f"{name} {option}"


@pytest.mark.parametrize("name", ALL)
def test_the_synopsis_has_no_option_that_is_not_there(name: str) -> None:
    there = {option for parameter in ALL[name].params for option in (*parameter.opts, *parameter.secondary_opts)}
    assert set(re.findall(r"(?<![\w-])--?[a-z][\w-]*", synopsis(sections()[name], name))) <= there


def test_every_option_in_an_example_is_there() -> None:
    for line in re.findall(r"^    \$ (.*levantwatch .*)$", COMMANDS, re.MULTILINE):
        call = line[line.index("levantwatch ") :].split(" | ")[0]
        [name] = [name for name in ALL if call == name or call.startswith(name + " ")]
        options = {option for parameter in ALL[name].params for option in parameter.opts}
        given = re.findall(r"(?<=\s)--?[a-z][\w-]*", call.partition(" -- ")[0])
        assert set(given) <= options, line


# --- outcomes and reasons ---


def test_every_outcome_is_documented_with_its_weight() -> None:
    rows = table(COMMANDS, "Outcomes")
    assert list(rows) == [str(outcome) for outcome in Outcome]
    for outcome in Outcome:
        weight, meaning, _ = rows[outcome]
        assert weight == ("-" if outcome.is_success else f"{WEIGHTS.get(outcome, SOFT):g}"), outcome
        assert meaning


def test_every_reason_of_the_decider_is_documented() -> None:
    source = (DOCS.parent / "crawler" / "polling.py").read_text(encoding="utf-8")
    returned = set(
        re.findall(
            r'"(first-poll|quiet|keeps-overlap|observed-rate|asked-by-publisher|retry-after|[a-z]+-[a-z-]+)"', source
        )
    )
    reasons = returned - {str(outcome) for outcome in Outcome}
    documented = set(table(COMMANDS, "Reasons"))
    assert reasons <= documented
    assert documented - reasons == {"back-off after …", "enabled"}


# --- all pages ---


PAGES = ["README.md", *sorted(str(page.relative_to(DOCS.parent)) for page in DOCS.rglob("*.md"))]


@pytest.mark.parametrize("page", PAGES)
def test_links_lead_somewhere(page: str) -> None:
    text = re.sub(r"```.*?```|`[^`\n]*`", "", (DOCS.parent / page).read_text(encoding="utf-8"), flags=re.DOTALL)
    here = DOCS.parent / page
    for target, _, anchor in (link.partition("#") for link in re.findall(r"\]\(([^)\s]+)\)", text)):
        if target.startswith(("http:", "https:")):
            continue
        there = (here.parent / target) if target else here
        assert there.exists(), target
        if not anchor:
            continue
        headings = re.findall(r"^#+ (.+)$", there.read_text(encoding="utf-8"), re.MULTILINE)
        assert anchor in {re.sub(r"[^\w -]", "", heading.lower()).replace(" ", "-") for heading in headings}, anchor


@pytest.mark.parametrize("package", ["crawler", "storage"])
def test_every_module_has_its_place_in_the_architecture(package: str) -> None:
    text = (DOCS / "architecture.md").read_text(encoding="utf-8")
    named = set(re.findall(r"`(?:crawler/|storage/)?(\w+)(?:\.py|/)?`", text))
    modules = {file.stem for file in (DOCS.parent / package).glob("*.py") if not file.stem.startswith(("_", "models_"))}
    assert modules - named == set()
