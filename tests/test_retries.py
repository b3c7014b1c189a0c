"""Pages that failed: how often they are asked for again, and how that ends."""

from __future__ import annotations

from datetime import timedelta

import pytest
from test_polling import DAY, HOUR, MINUTE, NOW

from crawler.polling import ArticleState, Outcome, article_after


def attempts(outcome: Outcome) -> tuple[list[timedelta], str]:
    """The waits between the attempts at a page that always answers so, and how it ends."""
    waits: list[timedelta] = []
    for number in range(1, 20):
        plan = article_after(ArticleState(number, NOW), outcome, now=NOW)
        assert plan.reason
        if plan.state != "pending":
            assert plan.retry_at is None
            return waits, plan.state
        assert plan.retry_at is not None
        waits.append(plan.retry_at - NOW)
    raise AssertionError("it never ends")


@pytest.mark.parametrize(
    ("outcomes", "tries", "end"),
    [
        ({"gone"}, 1, "gone"),
        (
            {"robots", "too-large", "parse-timeout", "bad-url", "refused-address", "redirect-loop", "paywalled"},
            1,
            "unreadable",
        ),
        ({"not-found"}, 4, "gone"),
        ({"not-an-article", "unreadable"}, 4, "unreadable"),
        (
            {
                "timeout",
                "dns",
                "tls",
                "connection",
                "server-error",
                "client-error",
                "forbidden",
                "rate-limited",
                "blocked",
            },
            8,
            "unreadable",
        ),
    ],
)
def test_how_often_a_page_is_tried(outcomes: set[str], tries: int, end: str) -> None:
    for outcome in outcomes:
        waits, state = attempts(Outcome(outcome))
        assert (len(waits) + 1, state) == (tries, end), outcome
        assert waits == sorted(waits)
        assert sum(waits, timedelta()) < 8 * DAY


def test_a_page_s_retry_after_is_obeyed_up_to_a_day_and_never_sooner() -> None:
    state = ArticleState(1, NOW)
    for asked, expected in ((MINUTE, 10 * MINUTE), (3 * HOUR, 3 * HOUR), (400 * DAY, DAY)):
        plan = article_after(state, Outcome.RATE_LIMITED, now=NOW, retry_after=NOW + asked)
        assert plan.retry_at == NOW + expected
