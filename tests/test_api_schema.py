"""The API against its own description, by schemathesis: what fits the schema, and what does not.

Its pytest plugin stays off (pyproject.toml) and it is imported by these tests alone, for it takes a second that every worker would
spend; its strategies are drawn from hypothesis as any other.
"""

from __future__ import annotations

from typing import Any

import pytest
from desk_server import desk_app
from hypothesis import HealthCheck, Phase, given, settings
from starlette.testclient import TestClient
from storage_samples import HOUR, NOW, add_feed, add_matches

from storage.db import Database

QUIET = settings(
    max_examples=5,
    deadline=None,
    database=None,
    derandomize=True,
    phases=(Phase.explicit, Phase.generate),
    suppress_health_check=list(HealthCheck),
)
# A well-formed parameter can still name no place, no day, or be no query: 422 is an answer to what fits the schema.
CHECKS = {"checks": {"positive_data_acceptance": {"expected-statuses": ["2xx", "304", "404", "422"]}}}


@pytest.fixture
def client(database: Database) -> TestClient:
    """Asks the API of a database with two stories."""
    add_matches(database, add_feed(database), {}, {"title": "سوريا: هدنة", "language": "ar"})
    return TestClient(desk_app(database, NOW + HOUR))


def operations(client: TestClient, **replaced: Any) -> list[Any]:
    """The questions of the API as it describes them, with some of its shapes `replaced`."""
    import schemathesis

    description = client.get("/api/v1/openapi.json").json()
    description["components"]["schemas"] |= replaced
    schema = schemathesis.openapi.from_dict(description, config=schemathesis.Config.from_dict(CHECKS))
    schema.app = client.app
    return [found.ok() for found in schema.get_all_operations()]


@pytest.mark.parametrize("mode", ["positive", "negative"])
def test_schemathesis_finds_no_fault(client: TestClient, mode: str) -> None:
    from schemathesis import GenerationMode

    asked: dict[str, set[int]] = {}
    for operation in operations(client):

        @QUIET
        @given(case=operation.as_strategy(generation_mode=GenerationMode(mode)))
        def ask(case: Any) -> None:
            answer = case.call_and_validate(headers={"Host": "testserver"})
            asked.setdefault(case.operation.path, set()).add(answer.status_code)

        ask()
    assert len(asked) == 7
    for path, statuses in asked.items():
        if mode == "positive":
            assert 200 in statuses or "{id}" in path, (path, statuses)
        else:
            assert statuses <= {200, 404, 405, 422}, (path, statuses)
            assert statuses & {404, 422}, (path, statuses)


def test_schemathesis_would_find_a_fault(client: TestClient) -> None:
    from schemathesis.core.failures import FailureGroup

    [feeds] = [one for one in operations(client, FeedsAnswer={"type": "array"}) if one.path == "/api/v1/feeds"]
    with pytest.raises(FailureGroup, match="is not of type"):
        feeds.Case().call_and_validate(headers={"Host": "testserver"})
