"""Scrapy's responses and exceptions as plain values: one row per answer that the web gives, with Scrapy's real objects."""

from __future__ import annotations

import hashlib
import ssl
from contextlib import closing
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st
from scrapy import Request
from scrapy import exceptions as scrapy_errors
from scrapy.http import HtmlResponse, Response, TextResponse, XmlResponse
from twisted.internet import error as twisted_errors
from twisted.python.failure import Failure
from twisted.web.client import ResponseFailed

from crawler.answers import HttpAnswer, read_failure, read_response
from crawler.polling import Outcome
from storage import feeds
from storage.db import open_database
from tests.command import Desk
from tests.site import Reply, Site, rss

NOW = datetime(2026, 11, 24, 12, 0, tzinfo=UTC)
URL = "https://news.example/feed.xml"


def answered(
    status: int = 200, body: bytes = b"<rss/>", kind: type[Response] = XmlResponse, **headers: Any
) -> HttpAnswer:
    meta = headers.pop("meta", {})
    named = {name.replace("_", "-"): value for name, value in headers.items()}
    response = kind(URL, status=status, body=body, headers=named, request=Request(URL, meta=meta))
    return read_response(response, at=NOW)


# --- responses ---


def test_a_good_answer_is_kept_whole() -> None:
    found = answered(
        ETag=b'W/"v1"', Last_Modified=b"Tue, 24 Nov 2026 11:00:00 GMT", Content_Type=b"application/rss+xml; charset=utf-8",
        Cache_Control=b"public, max-age=600", meta={"download_latency": 0.25},
    )  # fmt: skip
    assert found == HttpAnswer(
        outcome=Outcome.OK, at=NOW, seconds=0.25, http_status=200, body=b"<rss/>", content_type="application/rss+xml; charset=utf-8",
        etag='W/"v1"', last_modified="Tue, 24 Nov 2026 11:00:00 GMT", max_age=timedelta(minutes=10), final_url=URL,
    )  # fmt: skip
    assert found.body_hash == hashlib.sha256(b"<rss/>").hexdigest()


def test_an_answer_that_was_read_keeps_size_and_hash_of_its_body() -> None:
    whole = answered(body=b"<rss></rss>")
    read = whole.read()
    assert (read.body, read.size, read.body_hash) == (b"", 11, whole.body_hash)
    assert (read.read(), replace(read, body=whole.body, was=None)) == (read, whole)
    empty = answered(body=b"")
    assert (empty.read(), empty.size) == (empty, 0)


@pytest.mark.parametrize("kind", [Response, TextResponse, HtmlResponse, XmlResponse])
def test_the_body_is_its_bytes_whatever_scrapy_takes_it_for(kind: type[Response]) -> None:
    assert answered(body=b"\xff\xfe\x00", kind=kind).body == b"\xff\xfe\x00"


@pytest.mark.parametrize("status", [304, 400, 401, 403, 404, 410, 429, 451, 500, 503, 999])
def test_the_body_and_validators_of_another_answer_are_not_those_of_the_feed(status: int) -> None:
    found = answered(
        status,
        b"<html>an error page</html>",
        ETag=b'"of the error page"',
        Last_Modified=b"Tue, 24 Nov 2026 11:00:00 GMT",
    )
    assert (found.body, found.etag, found.last_modified) == (b"", None, None)
    assert found.outcome != Outcome.OK
    assert (found.error or "").startswith(f"HTTP {status}"), "a 304 that nobody asked for is no answer either"


@pytest.mark.parametrize(
    ("reasons", "moved"),
    [
        ([], False),
        ([301], True),
        ([308], True),
        ([301, 308, 301], True),
        ([302], False),
        ([303], False),
        ([307], False),
        ([301, 302], False),
        ([302, 301], False),
        (["meta refresh"], False),
        ([301, "meta refresh"], False),
    ],
)
def test_only_a_wholly_permanent_chain_says_where_the_feed_lives(reasons: list[Any], moved: bool) -> None:
    found = answered(meta={"redirect_reasons": reasons})
    assert found.permanent_url == (URL if moved else None)
    assert found.final_url == URL


@pytest.mark.parametrize(
    ("header", "seconds"),
    [
        (b"max-age=600", 600), (b"Max-Age=600", 600), (b'max-age="600"', 600), (b"public,max-age=600,must-revalidate", 600),
        (b"max-age=0", 0), (b"max-age=99999999999999999999", 86_400), (b"s-maxage=600", None), (b"no-store", None), (b"", None),
        (b"max-age", None), (b"max-age=", None), (b"max-age=-1", None), (b"max-age=1.5", None), (b"max-age=\xb2", None),
        (b"max-age=\xff\x00", None), (b",,;==,", None),
    ],
)  # fmt: skip
def test_max_age(header: bytes, seconds: int | None) -> None:
    assert answered(Cache_Control=header).max_age == (None if seconds is None else timedelta(seconds=seconds))


@pytest.mark.parametrize(
    ("header", "seconds"), [(b"120", 120), (b"Tue, 24 Nov 2026 12:02:00 GMT", 120), (b"\xb2", None), (b"\xff", None)]
)
def test_retry_after(header: bytes, seconds: int | None) -> None:
    found = answered(429, Retry_After=header)
    assert found.retry_after == (None if seconds is None else NOW + timedelta(seconds=seconds))
    assert found.outcome == Outcome.RATE_LIMITED


@pytest.mark.parametrize(
    ("header", "text"),
    [
        (b'"v1"', '"v1"'),
        (b'  "v1"  ', '"v1"'),
        (b'"caf\xe9"', '"café"'),
        (b'"a\x00b\x1b[31m\x85\r\nX-Forged: 1"', '"ab[31mX-Forged: 1"'),
        (b"\x00", None),
        (b"", None),
        (b"x" * 5_000, "x" * 1_000),
    ],
)
def test_headers_of_any_bytes(header: bytes, text: str | None) -> None:
    assert answered(ETag=header).etag == text


@given(
    names=st.lists(st.sampled_from(["ETag", "Last-Modified", "Cache-Control", "Retry-After", "Content-Type"]), unique=True),
    value=st.binary() | st.binary().map(b"max-age=".__add__),
    status=st.integers(200, 999),
)  # fmt: skip
def test_no_header_raises(names: list[str], value: bytes, status: int) -> None:
    found = answered(status, **{name.replace("-", "_"): value for name in names})
    assert found.max_age is None or timedelta(0) <= found.max_age <= timedelta(days=1)
    assert found.etag is None or found.etag.isprintable()


# --- what went wrong ---


def failed(error: Exception) -> HttpAnswer:
    return read_failure(error, at=NOW)


def caused(error: Exception, cause: Exception) -> Exception:
    error.__cause__ = cause
    return error


def tls(kind: str) -> Exception:
    from OpenSSL import SSL
    from service_identity import VerificationError

    inner: Exception = (
        SSL.Error([("SSL routines", "", "certificate verify failed")])
        if kind == "openssl"
        else VerificationError(errors=["x"])
    )
    return caused(scrapy_errors.DownloadFailedError("failed"), ResponseFailed([Failure(inner)]))


E = scrapy_errors
FAILURES: list[tuple[Exception, str]] = [
    (E.DownloadTimeoutError("Getting x took longer than 20 seconds"), "timeout"),
    (twisted_errors.TCPTimedOutError(110, "timed out"), "timeout"),
    (E.CannotResolveHostError("DNS lookup failed"), "dns"),
    (E.DownloadCancelledError("Expected response size larger than download max size"), "too-large"),
    (E.DownloadConnectionRefusedError("refused"), "connection"),
    (twisted_errors.ConnectError("no route"), "connection"),
    (twisted_errors.ConnectionLost("lost"), "connection"),
    (E.ResponseDataLossError("cut short"), "connection"),
    (caused(E.DownloadFailedError("failed"), ResponseFailed([Failure(twisted_errors.ConnectionLost())])), "connection"),
    (E.DownloadFailedError("failed"), "connection"),
    (tls("openssl"), "tls"),
    (tls("identity"), "tls"),
    (E.UnsupportedURLSchemeError("ftp"), "bad-url"),
    (E.NotSupported("Unsupported URL scheme 'file'"), "bad-url"),
    (ValueError("invalid hostname: "), "bad-url"),
    (UnicodeError("label too long"), "bad-url"),
    (OSError(101, "Network is unreachable"), "connection"),
    (E.IgnoreRequest("Forbidden by robots.txt"), "robots"),
    (E.IgnoreRequest("max redirections reached"), "redirect-loop"),
    (E.IgnoreRequest("Ignored response larger than download max size when decompressed"), "too-large"),
    (RuntimeError("something new"), "connection"),
]  # fmt: skip


@pytest.mark.parametrize(
    ("error", "outcome"), FAILURES, ids=[f"{type(error).__name__}-{outcome}" for error, outcome in FAILURES]
)
def test_every_failure_has_its_class_and_words(error: Exception, outcome: str) -> None:
    found = failed(error)
    assert found.outcome == outcome
    assert found.error
    assert (found.body, found.http_status, found.seconds, found.at) == (b"", None, 0.0, NOW)


def test_a_failure_without_words_is_named() -> None:
    assert failed(E.DownloadTimeoutError()).error == "DownloadTimeoutError"


def test_words_are_one_short_line_without_credentials() -> None:
    found = failed(
        ValueError(
            "invalid hostname: reader:secret@news.example\nfor https://reader:secret@news.example/" + "x" * 1_000
        )
    )
    assert found.error is not None
    assert "secret" not in found.error
    assert "\n" not in found.error
    assert len(found.error) <= 300


# --- on the wire ---


@pytest.fixture
def desk(tmp_path: Path) -> Desk:
    return Desk(
        tmp_path,
        f"sqlite:///{tmp_path}/watch.db",
        settings={"LEVANTWATCH_FEED_MAX_BYTES": "60000", "LEVANTWATCH_REQUEST_TIMEOUT": "4"},
    )


def watch(desk: Desk, *urls: str) -> None:
    """Add feeds without a process for each."""
    with closing(open_database(desk.url)) as database:
        database.ensure_schema(upgrade=False)
        with database.write() as session:
            for url in urls:
                feeds.add(session, url=url, now=NOW)


def outcomes(desk: Desk) -> dict[str, tuple[str, str]]:
    rows = desk.rows("select f.url, p.outcome, p.error from polls p join feeds f on f.id = p.feed_id")
    return {row.url.rpartition("/")[2]: (row.outcome, row.error or "") for row in rows}


def test_real_answers_are_recognised(desk: Desk) -> None:
    import gzip

    good = rss(("1", "Rain", "https://news.example/1"))
    with Site() as site, Site("127.0.0.2") as other:
        routes = {
            "fine": Reply(good),
            "large": Reply(good + b" " * 70_000),
            "bomb": Reply(gzip.compress(good + b" " * 70_000), headers={"Content-Encoding": "gzip"}),
            "slow": Reply(hang=True),
            "reset": Reply(reset=True),
            "loop": Reply(status=302, headers={"Location": "/loop"}),
            "to-file": Reply(status=302, headers={"Location": "file:///etc/hosts"}),
            "to-ftp": Reply(status=301, headers={"Location": "ftp://127.0.0.1/feed"}),
            "to-nothing": Reply(status=302),
            "to-nowhere": Reply(status=302, headers={"Location": f"http://{'x' * 64}.example/"}),
            "moved": Reply(status=301, headers={"Location": other.route("/new", good)}),
            "odd-headers": Reply(
                good, headers={"Cache-Control": "max-age=\xb2", "Retry-After": "\xb2", "ETag": "\xff"}
            ),
            "empty": Reply(b""),
            "nothing": Reply(status=204),
        }
        watch(desk, *(site.route(f"/{name}", route) for name, route in routes.items()))
        said = desk.run("poll").stderr.decode()
        urls = {
            row.final_url: row.moved_to
            for row in desk.rows("select p.final_url, f.moved_to from polls p join feeds f on f.id = p.feed_id")
        }
        assert urls[other.url + "/new"] == other.url + "/new"
    assert "Traceback" not in said, said
    assert {name: outcome for name, (outcome, _) in outcomes(desk).items()} == {
        "fine": "ok", "large": "too-large", "bomb": "too-large", "slow": "timeout", "reset": "connection", "loop": "redirect-loop",
        "to-file": "client-error", "to-ftp": "client-error", "to-nothing": "client-error", "to-nowhere": "dns", "moved": "ok",
        "odd-headers": "ok", "empty": "not-a-feed", "nothing": "not-a-feed",
    }  # fmt: skip


def test_a_certificate_that_nobody_vouches_for_is_no_answer(desk: Desk, tmp_path: Path) -> None:
    with Site() as site:
        context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
        context.load_cert_chain(self_signed(tmp_path))
        site._server.socket = context.wrap_socket(site._server.socket, server_side=True)
        url = site.route("/feed", rss(("1", "Rain", "https://news.example/1"))).replace("http:", "https:")
        watch(desk, url)
        done = desk.run("poll")
        assert done.returncode == 0
        assert "Traceback" not in done.stderr.decode()
        assert site.requests == []
    assert outcomes(desk)["feed"][0] == "tls"


def self_signed(folder: Path) -> Path:
    """A certificate for 127.0.0.1 with its key, in one file."""
    import ipaddress

    from cryptography import x509
    from cryptography.hazmat.primitives import hashes, serialization
    from cryptography.hazmat.primitives.asymmetric import ec

    key = ec.generate_private_key(ec.SECP256R1())
    name = x509.Name([x509.NameAttribute(x509.NameOID.COMMON_NAME, "127.0.0.1")])
    begin = datetime(2020, 1, 1, tzinfo=UTC)
    certificate = (
        x509.CertificateBuilder().subject_name(name).issuer_name(name).public_key(key.public_key()).serial_number(1)
        .not_valid_before(begin).not_valid_after(begin + timedelta(days=36_500))
        .add_extension(x509.SubjectAlternativeName([x509.IPAddress(ipaddress.ip_address("127.0.0.1"))]), critical=False)
        .sign(key, hashes.SHA256())
    )  # fmt: skip
    file = folder / "certificate.pem"
    plain = serialization.NoEncryption()
    file.write_bytes(
        key.private_bytes(serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, plain)
        + certificate.public_bytes(serialization.Encoding.PEM)
    )
    return file


BAD_LINKS = [
    "http://127.0.0.1:99999/a", "http://127.0.0.1:0/a", "http://127.0.0.1:port/a", "http://ne ws.example/a", "http://[::1/a", "http://a..b/a",
    "http:///a", f"http://{'é' * 80}.example/a", f"http://{'x' * 300}.example/a", "http://%31/a", "http://\u202e.example/a", "http://.example/a",
    "javascript:void(0)", "/" + "a" * 5_000, "http://127.0.0.1/" + "a" * 30_000, "http://127.0.0.1/?utm_source=" + "a" * 5_000, "\u200b", "",
]  # fmt: skip


def test_a_link_that_is_none_costs_only_itself(desk: Desk) -> None:
    with Site() as site:
        items = [(str(number), f"Syria and Idlib, part {number}", link) for number, link in enumerate(BAD_LINKS)]
        watch(desk, site.route("/feed", rss(*items, ("good", "Rain", site.url + "/rain"))))
        done = desk.run("poll")
    assert done.returncode == 0
    assert "Traceback" not in done.stderr.decode()
    states = {row.title: row.state for row in desk.rows("select title, state from entries")}
    assert len(states) == len(BAD_LINKS) + 1
    assert "CRITICAL" not in done.stderr.decode()
    [claimed] = desk.rows("select count(*) as number from entries where claimed_at is not null")
    assert claimed.number == 0, "nothing was left in hand"
