"""What a fuzzer once found stays mended; and its checks hold of our own data and of what hypothesis makes. (`./run.sh fuzz` looks for more.)"""

from __future__ import annotations

import sys
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

ROOT = Path(__file__).parent.parent
sys.path.insert(0, str(ROOT))

from bench import fuzz_checks  # noqa: E402
from bench.fuzz import seeds_of  # noqa: E402

FOUND = ROOT / "tests" / "data" / "fuzz"
CHECKS = {"feed": fuzz_checks.check_feed, "page": fuzz_checks.check_page, "url": fuzz_checks.check_url}


def holds(target: str, data: bytes) -> bool:
    """Whether all that must hold of any bytes holds of these; AssertionError says what does not."""
    CHECKS[target](data)
    return True


@pytest.mark.parametrize("file", sorted(FOUND.rglob("*.bin")), ids=lambda file: f"{file.parent.name}/{file.stem}")
def test_what_was_found_stays_mended(file: Path) -> None:
    assert holds(file.parent.name, file.read_bytes())


@pytest.mark.parametrize("target", CHECKS)
def test_the_checks_hold_of_our_own_data(target: str) -> None:
    seeds = list(seeds_of(target))
    assert len(seeds) > 10
    assert all(holds(target, seed) for seed in seeds)


@pytest.mark.parametrize("bad", ["a\x1b[31m", "a\u202eb", "two\nlines", "\ud800", "x" * 11])
def test_the_checks_find_what_is_not_safe(bad: str) -> None:
    with pytest.raises(AssertionError):
        fuzz_checks.line(bad, 10)


@given(
    st.binary(max_size=300) | st.text(max_size=200).map(lambda text: f"https://{text}".encode("utf-8", "surrogatepass"))
)
@settings(max_examples=300, deadline=None)
def test_a_url_in_any_bytes(data: bytes) -> None:
    assert holds("url", data)
