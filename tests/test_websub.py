"""WebSub, as pure rules: signatures, intents, leases, Link headers."""

from __future__ import annotations

import hashlib
import hmac
from datetime import UTC, datetime, timedelta

import pytest
from hypothesis import given
from hypothesis import strategies as st

from crawler.websub import (
    LEASE,
    SIGNATURES,
    Allowance,
    Intent,
    is_signed,
    lease,
    linked,
    read_intent,
    subscription_form,
    token_in,
)

NOW = datetime(2026, 11, 24, 12, 0, tzinfo=UTC)
SECRET, BODY = "s3cret", "<rss>Deir ez-Zor دير الزور</rss>".encode()


def signature(method: str, *, body: bytes = BODY, secret: str = SECRET) -> str:
    return hmac.new(secret.encode(), body, getattr(hashlib, method)).hexdigest()


@pytest.mark.parametrize("method", SIGNATURES)
def test_the_hubs_own_signature_is_known_by_each_method(method: str) -> None:
    assert is_signed(BODY, f"{method}={signature(method)}", SECRET)
    assert is_signed(BODY, f" {method.upper()}={signature(method).upper()} ", SECRET)
    assert not is_signed(BODY + b" ", f"{method}={signature(method)}", SECRET)
    assert not is_signed(BODY, f"{method}={signature(method, secret='other')}", SECRET)
    assert not is_signed(BODY, f"{method}={signature(method)[:-1]}", SECRET)


@pytest.mark.parametrize(
    "header",
    [None, "", "=", "sha256", "sha256=", "md5=" + signature("md5"), signature("sha256"), "sha512=" + signature("sha256"), "new=1", "sha256=é\ud800"],
)  # fmt: skip
def test_what_is_no_signature_is_none(header: str | None) -> None:
    assert not is_signed(BODY, header, SECRET)


def test_the_known_answer_of_rfc_4231() -> None:
    digest = "5bdcc146bf60754e6a042426089575c75a003f089d2739839dec58b964ec3843"  # test case 2
    assert is_signed(b"what do ya want for nothing?", f"sha256={digest}", "Jefe")


def arguments(**values: str) -> dict[bytes, list[bytes]]:
    return {f"hub.{name}".encode(): [value.encode()] for name, value in values.items()}


@pytest.mark.parametrize(
    ("given_", "intent"),
    [
        (arguments(mode="subscribe", topic="t", challenge="c", lease_seconds="60"), Intent("subscribe", "t", "c", 60)),
        (arguments(mode="subscribe", topic="t", challenge="c"), Intent("subscribe", "t", "c", None)),
        (arguments(mode="subscribe", topic="t", challenge="c", lease_seconds="-1"), Intent("subscribe", "t", "c", None)),
        (arguments(mode="unsubscribe", topic="t", challenge="c"), Intent("unsubscribe", "t", "c")),
        (arguments(mode="denied", topic="t", reason="no\n\x1b[31m"), Intent("denied", "t", reason="no [31m")),
        (arguments(mode="denied", topic="t"), Intent("denied", "t", reason="no reason given")),
        (arguments(mode="subscribe", topic="t"), None),
        (arguments(mode="subscribe", topic="t", challenge="c" * 2_001), None),
        (arguments(mode="publish", topic="t", challenge="c"), None),
        ({}, None),
    ],
)  # fmt: skip
def test_an_intent_is_read(given_: dict[bytes, list[bytes]], intent: Intent | None) -> None:
    assert read_intent(given_) == intent


@given(st.dictionaries(st.binary(max_size=20) | st.sampled_from(list(arguments(mode="", topic="", challenge="", lease_seconds="", reason=""))), st.lists(st.binary(max_size=40), max_size=2)))  # fmt: skip
def test_no_arguments_raise(given_: dict[bytes, list[bytes]]) -> None:
    intent = read_intent(given_)
    assert intent is None or intent.mode in ("subscribe", "unsubscribe", "denied")


@given(st.none() | st.integers(0, 9_999_999_999))
def test_a_lease_is_renewed_before_it_ends(seconds: int | None) -> None:
    until, renew_at = lease(seconds, now=NOW)
    assert NOW < renew_at < until
    assert until - renew_at >= min(timedelta(hours=6), (until - NOW) / 10)
    assert timedelta(minutes=5) <= until - NOW <= timedelta(days=90)


def test_a_lease_that_is_not_told_is_the_one_asked_for() -> None:
    assert lease(None, now=NOW)[0] == NOW + LEASE


@pytest.mark.parametrize(
    ("header", "found"),
    [
        ('<https://hub.example/>; rel="hub", <https://news.example/f>; rel="self"', ("https://hub.example/", "https://news.example/f")),
        ("</hub>;rel=hub,</f>;rel=self", ("https://news.example/hub", "https://news.example/f")),
        ('<https://hub.example/>; title="a, b"; rel="nofollow HUB self"', ("https://hub.example/", "https://hub.example/")),
        ('<https://one.example/>; rel=hub, <https://two.example/>; rel=hub', ("https://one.example/", None)),
        ('<https://news.example/>; rel="alternate"', (None, None)),
        ('<javascript:alert(1)>; rel=hub, <file:///etc/passwd>; rel=self', (None, None)),
        ("<https://hub.example/>", (None, None)),
        (None, (None, None)),
        ("<" * 100_000, (None, None)),
    ],
)  # fmt: skip
def test_a_link_header(header: str | None, found: tuple[str | None, str | None]) -> None:
    links = linked(header, url="https://news.example/feed/")
    assert (links.get("hub"), links.get("self")) == found


def test_a_token_is_the_end_of_a_path_behind_any_proxy() -> None:
    token = "A-_9" * 10 + "abc"
    assert token_in(f"/websub/{token}") == token_in(f"/{token}/") == token
    assert token_in("/") is token_in(f"/{token}x") is token_in(f"/{token[:-1]}%41") is None


def test_leaving_tells_no_secret() -> None:
    form = subscription_form("unsubscribe", topic="t", callback="c", secret=SECRET)
    assert SECRET not in form.values()


def test_a_feed_may_push_in_its_pause_what_a_poll_might_bring() -> None:
    allowance = Allowance(300, 1_000_000)
    assert sum(allowance.take(1, 5_000, at=0) for _ in range(1_000)) == 200
    assert allowance.take(2, 1_000_000, at=0), "each feed for itself"
    assert not allowance.take(2, 1, at=0)
    assert allowance.take(2, 1_000_000, at=1), "a little has come back"
    assert not allowance.take(2, 1, at=299), "and is paid for"
    assert not allowance.take(1, 1, at=0)
    assert sum(allowance.take(1, 5_000, at=30) for _ in range(1_000)) == 20
    assert sum(allowance.take(3, 1, at=0) for _ in range(1_000)) == 500, "very small ones are counted, too"
    for _ in range(2):
        allowance.exhaust(4, at=0)
    assert not allowance.take(4, 1, at=299)
    assert allowance.take(4, 1, at=301)
