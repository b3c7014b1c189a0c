"""The documents are held to their word: every promise has a test that exists, runs and asserts; every figure its source."""

from __future__ import annotations

import ast
import re
import subprocess
import sys
from functools import cache
from pathlib import Path

import pytest

ROOT = Path(__file__).parent.parent
PROMISES = ROOT / "docs" / "promises.md"
MEASURED = ROOT / "docs" / "measured.md"
NODE = re.compile(r"`(tests/[\w/]+\.py)::(\w+)`")


def promised() -> list[tuple[str, str]]:
    """Every (file, function) that docs/promises.md names."""
    return NODE.findall(PROMISES.read_text(encoding="utf-8"))


def rows() -> list[str]:
    """The rows of the promise tables, without headings."""
    lines = PROMISES.read_text(encoding="utf-8").splitlines()
    return [line for line in lines if line.startswith("|") and not re.match(r"\|\s*(promise|-+)\s*\|", line)]


@cache
def functions(file: str) -> dict[str, ast.AST]:
    """The functions of a test file by name, those in classes included."""
    tree = ast.parse((ROOT / file).read_text(encoding="utf-8"))
    kinds = (ast.FunctionDef, ast.AsyncFunctionDef)
    return {node.name: node for node in ast.walk(tree) if isinstance(node, kinds)}


def asserts(file: str, name: str, seen: frozenset[str] = frozenset()) -> bool:
    """Whether a function asserts, expects an exception, or calls a function of its file that does."""
    for node in ast.walk(functions(file)[name]):
        if isinstance(node, ast.Assert):
            return True
        if isinstance(node, ast.Call):
            called = node.func.attr if isinstance(node.func, ast.Attribute) else getattr(node.func, "id", "")
            if called == "raises":
                return True
            if called in functions(file) and called not in seen | {name} and asserts(file, called, seen | {name}):
                return True
    return False


@pytest.fixture(scope="module")
def here(request: pytest.FixtureRequest) -> frozenset[str]:
    """What pytest has collected for this run, as file::function: mostly all tests, which another pytest would need 10 s for."""
    names = (item.nodeid.split("[")[0].rpartition("::")[2] for item in request.session.items)
    return frozenset(f"{item.location[0]}::{name}" for item, name in zip(request.session.items, names, strict=True))


@cache
def collected() -> frozenset[str]:
    """What pytest collects when it is asked for all tests."""
    done = subprocess.run(
        [sys.executable, "-m", "pytest", "--collect-only", "-q", "--no-header", "tests"],
        cwd=ROOT, capture_output=True, text=True, check=True,
    )  # fmt: skip
    lines = (line.split("[")[0] for line in done.stdout.splitlines() if "::" in line)
    return frozenset(f"{line.split('::')[0]}::{line.split('::')[-1]}" for line in lines)


def test_every_promise_names_a_test() -> None:
    without = [row for row in rows() if not NODE.search(row)]
    assert rows()
    assert not without


@pytest.mark.parametrize(("file", "name"), sorted(set(promised())))
def test_named_test_is_real(file: str, name: str, here: frozenset[str]) -> None:
    assert f"{file}::{name}" in here or f"{file}::{name}" in collected(), "not collected by pytest"
    decorators = [ast.unparse(item) for item in getattr(functions(file)[name], "decorator_list", [])]
    assert not [item for item in decorators if "skip" in item or "xfail" in item], "may be skipped"
    assert asserts(file, name), "asserts nothing"


def test_every_figure_has_command_commit_machine_and_raw_output() -> None:
    sections = re.split(r"^## ", MEASURED.read_text(encoding="utf-8"), flags=re.MULTILINE)[1:]
    assert sections
    for section in sections:
        title = section.splitlines()[0]
        for field in ("Command", "Commit", "Machine"):
            assert re.search(rf"^- {field}: \S", section, re.MULTILINE), f"{title}: no {field}"
        raw = re.findall(r"\(measured/([\w.-]+)\)", section)
        assert raw, f"{title}: no raw output"
        for name in raw:
            assert (MEASURED.parent / "measured" / name).stat().st_size > 0
