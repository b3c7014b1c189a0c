"""Links through aggregators: tables of cases under data/urls, and what the road makes of such links."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from crawler.aggregators import target_of
from crawler.urls import canonical_url

DATA = Path(__file__).parent / "data" / "urls"
CASES = [json.loads(line) for line in (DATA / "aggregators.jsonl").read_text(encoding="utf-8").splitlines()]
PIECES = st.sampled_from(
    ["https://", "www.google.com", "/url", "?q=", "&url=", "http%3A%2F%2F", "news.google.com", "/rss/articles/", "CBMi", "r.search.yahoo.com",
     "/RU=", "/RK=", "urldefense.com", "/v3/__", "__;", "/v2/url?u=", "/amp/s/", "cdn.ampproject.org/c/", "[", "]", "%", "\\", "\ud800", "\x00", "é", "*"]
)  # fmt: skip


@pytest.mark.parametrize("case", [pytest.param(case, id=case["why"]) for case in CASES])
def test_the_target_that_stands_in_a_link_is_read(case: dict[str, Any]) -> None:
    assert target_of(case["url"]) == case["target"]


@given(url=st.text() | st.lists(PIECES, max_size=10).map("".join))
def test_whatever_the_link_its_target_is_an_address_or_nothing(url: str) -> None:
    found = target_of(url)
    assert found is None or canonical_url(found) is not None
