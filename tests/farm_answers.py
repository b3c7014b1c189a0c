"""What servers say over HTTP and TLS, well or badly, and what must come of it. Data for `test_hostile`.

The document behind an answer is a good feed of three entries wherever the answer itself is what is odd.
"""

from __future__ import annotations

import asyncio
import functools
import gzip
import zlib

import brotli

from tests.farm import Behaviour, Case, Connection, answers, by_path, drips, filled, floods, head, leads, mute, says
from tests.site import rss

try:
    from compression import zstd  # type: ignore[import-not-found,unused-ignore]
except ImportError:
    from backports import zstd

FEED = rss(
    ("h1", "Harvest begins in the northern valleys", "https://courier.example/harvest"),
    ("h2", "Council votes on the new bridge", "https://courier.example/bridge"),
    ("h3", "Museum opens its doors at night", "https://courier.example/museum"),
)
MB = 1024 * 1024
GOOD = head(length=len(FEED)) + FEED
PADDED = FEED.replace(b"</rss>", b"<!--" + b"p" * (9 * MB) + b"--></rss>")  # large, and within the limit
TOO_LONG = FEED.replace(b"</rss>", b"<!--" + b"p" * (11 * MB) + b"--></rss>")


def chunked(*chunks: bytes, end: bytes = b"0\r\n\r\n") -> bytes:
    """Chunks as they are sent, with the end."""
    return b"".join(b"%x\r\n%s\r\n" % (len(chunk), chunk) for chunk in chunks) + end


def encoded(body: bytes, encoding: str) -> Behaviour:
    """A body that claims an encoding."""
    return answers(body, f"Content-Encoding: {encoding}")


def nested(body: bytes, layers: int) -> bytes:
    """A gzip stream in a gzip stream in a gzip stream."""
    return functools.reduce(lambda inner, _: gzip.compress(inner, 1), range(layers), body)


@functools.cache
def bomb(megabytes: int) -> bytes:
    """A gzip stream that unpacks to so many MB of zeros."""
    packer = zlib.compressobj(9, wbits=31)
    return b"".join(packer.compress(bytes(MB)) for _ in range(megabytes)) + packer.flush()


async def mute_after_reading(connection: Connection) -> None:
    """Read the request, and never answer."""
    await connection.asked()
    await connection.hang()


async def reset_at_once(connection: Connection) -> None:
    """Reset before anything was asked."""
    connection.reset()


async def closes_at_once(connection: Connection) -> None:
    """Close before anything was asked."""


async def reset_when_asked(connection: Connection) -> None:
    """Reset instead of an answer."""
    await connection.asked()
    connection.reset()


async def closes_when_asked(connection: Connection) -> None:
    """Close instead of an answer."""
    await connection.asked()


async def counts_down(connection: Connection) -> None:
    """A chain of redirects as long as the number in the query says, then the feed: /feed.xml?8."""
    while await connection.asked():
        left = int(connection.path.partition("?")[2] or connection.case.name.rpartition("-")[2])
        if left:
            target = filled("{self}/feed.xml?" + str(left - 1), connection).encode()
            await connection.say(b"HTTP/1.1 302 Found\r\nLocation: %s\r\nContent-Length: 0\r\n\r\n" % target)
        else:
            await connection.say(GOOD)


async def slow_hops(connection: Connection) -> None:
    """Each hop of a chain is well within the time of a request, the whole of it is not."""
    while await connection.asked():
        left = int(connection.path.partition("?")[2] or 8)
        await asyncio.sleep(3.5)
        target = filled("{self}/feed.xml?" + str(left - 1), connection).encode()
        await connection.say(b"HTTP/1.1 302 Found\r\nLocation: %s\r\nContent-Length: 0\r\n\r\n" % target)


SILENCE = (
    Case("mute", mute, "timeout", mute=True),
    Case("mute-after-reading", mute_after_reading, "timeout", mute=True),
    Case("mute-2", mute, "timeout", mute=True),
    Case("mute-3", mute, "timeout", mute=True),
    Case("drips-status-line", drips(b"", b"H"), "timeout", mute=True),
    Case("drips-headers", drips(head()[:-2], b"X-Drip: 1\r\n"), "timeout", mute=True),
    Case("drips-one-header", drips(head()[:-2] + b"X-Drip: ", b"d"), "timeout", mute=True),
    Case("drips-body", drips(head(length=10**6), b"<"), "timeout", mute=True),
    Case("drips-body-without-length", drips(head(), b"<"), "timeout", mute=True),
    Case("drips-chunks", drips(head("200 OK", "Transfer-Encoding: chunked"), b"1\r\n<\r\n"), "timeout", mute=True),
    Case("drips-100-continue", drips(b"", b"HTTP/1.1 100 Continue\r\n\r\n"), "timeout", mute=True),
    Case("half-headers-then-silence", says(head()[:-2], then="hang"), "timeout", mute=True),
    Case("half-body-then-silence", says(GOOD[:-200], then="hang"), "timeout", mute=True),
    Case("whole-body-without-end", says(head() + FEED, then="hang"), "timeout", mute=True),
    Case("too-short-for-its-length", says(head(length=len(FEED) + 1) + FEED, then="hang"), "timeout", mute=True),
    Case("redirect-then-silence", by_path(feed=leads("302 Found", "{site:mute}/feed.xml")), "timeout", mute=True),
    Case("slow-hops", slow_hops, "timeout", mute=True),
    Case("404-then-silence", says(head("404 Not Found", length=100), then="hang"), "timeout", mute=True),
)

BROKEN = (
    Case("reset-at-once", reset_at_once, "connection"),
    Case("closes-at-once", closes_at_once, "connection"),
    Case("reset-when-asked", reset_when_asked, "connection"),
    Case("closes-when-asked", closes_when_asked, "connection"),
    Case("reset-in-status-line", says(b"HTTP/1.1 2", then="reset"), "connection"),
    Case("reset-in-headers", says(head()[:-2], then="reset"), "connection"),
    Case("reset-in-body", says(GOOD[:-200], then="reset"), "connection"),
    Case("closes-in-status-line", says(b"HTTP/1.1 2"), "connection"),
    Case("closes-in-headers", says(head()[:-2]), "connection"),
    Case("closes-in-body", says(GOOD[:-200]), "connection"),
    Case("closes-in-chunk", says(head("200 OK", "Transfer-Encoding: chunked") + b"ff\r\n<rss"), "connection"),
    Case(
        "chunks-without-end", says(head("200 OK", "Transfer-Encoding: chunked") + chunked(FEED, end=b"")), "connection"
    ),
    Case("without-length", says(head() + FEED), seen=3),
    Case("http-1.0", says(head().replace(b"1.1", b"1.0") + FEED), seen=3),
)

HEADS = (
    Case("endless-headers", floods(head()[:-2], b"X-Flood: " + b"f" * 1000 + b"\r\n"), "too-large"),
    Case("endless-short-headers", floods(head()[:-2], b"a:b\r\n" * 1000), "too-large"),
    Case("endless-folded-header", floods(head()[:-2] + b"X-Folded: 1\r\n", b" folded\r\n" * 1000), "too-large"),
    Case("endless-100-continue", floods(b"", b"HTTP/1.1 100 Continue\r\n\r\n" * 1000), "too-large"),
    Case("endless-103-hints", floods(b"", b"HTTP/1.1 103 Early Hints\r\nLink: </a.css>\r\n\r\n" * 1000), "too-large"),
    Case("endless-header-line", floods(head()[:-2] + b"X-Flood: ", b"f" * 65536), "connection"),
    Case("endless-status-line", floods(b"HTTP/1.1 200 ", b"O" * 65536), "connection"),
    Case("header-line-of-100-kb", answers(FEED, "X-Long: " + "l" * 100_000), "connection"),
    Case("header-line-of-15-kb", answers(FEED, "X-Long: " + "l" * 15_000), seen=3),
    Case("thousand-headers", answers(FEED, *(f"X-{number}: v" for number in range(1_000))), seen=3),
    Case("100-continue-first", says(b"HTTP/1.1 100 Continue\r\n\r\n" + GOOD), seen=3),
    Case("100-continue-50-times", says(b"HTTP/1.1 100 Continue\r\n\r\n" * 50 + GOOD), seen=3),
    Case("103-early-hints-first", says(b"HTTP/1.1 103 Early Hints\r\nLink: </a.css>\r\n\r\n" + GOOD), seen=3),
    Case("header-without-colon", answers(FEED, "this line is no header"), seen=3),
    Case("header-without-name", answers(FEED, ": nameless"), seen=3),
    Case("header-with-nul", answers(FEED, "X-Nul: a\x00b"), seen=3),
    Case("header-with-controls", answers(FEED, "X-Control: \x1b[31mred\x07"), seen=3),
    Case("header-name-with-space", answers(FEED, "X Space : 1"), seen=3),
    Case("header-in-latin-1", answers(FEED, "X-Ort: Düsseldorf"), seen=3),
    Case("header-folded", answers(FEED, "X-Folded: one", "\ttwo", " three"), seen=3),
    Case("header-with-bare-cr", answers(FEED, "X-Bare: a\rSet-Cookie: b=c"), seen=3),
    Case("heads-with-bare-lf", says(GOOD.replace(b"\r\n", b"\n")), seen=3),
    Case("cookies", answers(FEED, *(f"Set-Cookie: c{number}={'v' * 200}" for number in range(100))), seen=3),
    Case("content-type-twice", answers(FEED, "Content-Type: text/html", "Content-Type: image/png"), seen=3),
    Case("content-type-nonsense", answers(FEED, kind=";;;charset===\x01"), seen=3),
    Case("content-type-of-10-kb", answers(FEED, kind="application/" + "x" * 10_000), seen=3),
    Case("content-type-charset-unknown", answers(FEED, kind="text/xml; charset=klingon"), seen=3),
    Case("status-without-reason", says(GOOD.replace(b"200 OK", b"200")), seen=3),
    Case("status-reason-of-10-kb", says(GOOD.replace(b"200 OK", b"200 " + b"O" * 10_000)), seen=3),
    Case("status-reason-with-bytes", says(GOOD.replace(b"200 OK", b"200 \xff\x00\x1b[2J")), seen=3),
    Case("status-of-http-3.7", says(GOOD.replace(b"HTTP/1.1", b"HTTP/3.7")), seen=3),
    Case("status-no-number", says(GOOD.replace(b"200 OK", b"abc OK")), "connection"),
    Case("status-negative", says(GOOD.replace(b"200 OK", b"-200 OK")), "connection"),
    Case("status-of-two-digits", says(GOOD.replace(b"200 OK", b"20 OK")), "connection"),
    Case("status-of-four-digits", says(GOOD.replace(b"200 OK", b"2000 OK")), "connection"),
    Case("status-beyond-all", says(GOOD.replace(b"200 OK", b"9" * 30 + b" OK")), "connection"),
    Case("status-of-5000-digits", says(GOOD.replace(b"200 OK", b"9" * 5000 + b" OK")), "connection"),
    Case("status-zero", says(GOOD.replace(b"200 OK", b"000 OK")), "connection"),
    Case("status-without-protocol", says(GOOD.replace(b"HTTP/1.1 ", b"")), "connection"),
    Case("status-of-shoutcast", says(GOOD.replace(b"HTTP/1.1", b"ICY")), "connection"),
    Case("status-after-empty-lines", says(b"\r\n\r\n" + GOOD), "connection"),
    Case("http-0.9", says(FEED), "connection"),
    Case("speaks-ssh", says(b"SSH-2.0-OpenSSH_9.2p1 Debian-2\r\n"), "connection"),
    Case("speaks-smtp", says(b"220 mail.courier.example ESMTP\r\n"), "connection"),
    Case("speaks-noise", says(bytes(range(256)) * 64), "connection"),
    Case("speaks-first", says(GOOD + GOOD + GOOD), seen=3),
)

LENGTHS = (
    Case("length-shorter-than-the-body", says(head(length=len(FEED) - 7) + FEED), seen=3),
    Case("length-longer-than-the-body", says(head(length=len(FEED) + 9) + FEED), "connection"),
    Case("length-negative", says(head("200 OK", "Content-Length: -5") + FEED), "connection"),
    Case("length-no-number", says(head("200 OK", "Content-Length: many") + FEED), "connection"),
    Case("length-signed", says(head("200 OK", f"Content-Length: +{len(FEED)}") + FEED), "connection"),
    Case(
        "length-twice-the-same", says(head("200 OK", f"Content-Length: {len(FEED)}", length=len(FEED)) + FEED), seen=3
    ),
    Case("length-twice-different", says(head("200 OK", "Content-Length: 5", length=len(FEED)) + FEED), "connection"),
    Case("length-beyond-all", says(head("200 OK", "Content-Length: " + "9" * 30) + FEED), "too-large"),
    Case("length-of-5000-digits", says(head("200 OK", "Content-Length: " + "9" * 5000) + FEED), "connection"),
    Case("length-0-with-a-body", says(head(length=0) + FEED), "not-a-feed"),
    Case("length-and-chunks", says(head("200 OK", "Transfer-Encoding: chunked", length=5) + chunked(FEED)), seen=3),
    Case("chunks", says(head("200 OK", "Transfer-Encoding: chunked") + chunked(FEED[:50], FEED[50:])), seen=3),
    Case(
        "chunks-of-one-byte",
        says(head("200 OK", "Transfer-Encoding: chunked") + chunked(*(FEED[i : i + 1] for i in range(len(FEED))))),
        seen=3,
    ),
    Case("chunks-in-capitals", says(head("200 OK", "Transfer-Encoding: CHUNKED") + chunked(FEED)), seen=3),
    Case(
        "chunks-with-trailers",
        says(head("200 OK", "Transfer-Encoding: chunked") + chunked(FEED, end=b"0\r\nX-Trailer: 1\r\n\r\n")),
        seen=3,
    ),
    Case(
        "chunks-with-extension",
        says(head("200 OK", "Transfer-Encoding: chunked") + b"%x;name=value\r\n%s\r\n0\r\n\r\n" % (len(FEED), FEED)),
        seen=3,
    ),
    Case(
        "chunks-with-long-extension",
        says(head("200 OK", "Transfer-Encoding: chunked") + b"5;" + b"e" * 100_000 + b"\r\n<rss>"),
        "connection",
    ),
    Case(
        "chunks-with-endless-extension",
        floods(head("200 OK", "Transfer-Encoding: chunked") + b"5;", b"e" * 65536),
        "connection",
    ),
    Case(
        "chunks-with-endless-trailers",
        floods(head("200 OK", "Transfer-Encoding: chunked") + b"0\r\n", b"X-Trailer: 1\r\n" * 1000),
        "connection",
    ),
    Case("chunk-size-no-number", says(head("200 OK", "Transfer-Encoding: chunked") + b"zz\r\n<rss>\r\n"), "connection"),
    Case("chunk-size-negative", says(head("200 OK", "Transfer-Encoding: chunked") + b"-5\r\n<rss>\r\n"), "connection"),
    Case(
        "chunk-size-beyond-all",
        says(head("200 OK", "Transfer-Encoding: chunked") + b"f" * 16 + b"\r\n<rss>"),
        "connection",
    ),
    Case(
        "chunk-longer-than-its-size",
        says(head("200 OK", "Transfer-Encoding: chunked") + b"3\r\n<rss>\r\n0\r\n\r\n"),
        "connection",
    ),
    Case(
        "endless-chunks",
        floods(head("200 OK", "Transfer-Encoding: chunked"), b"4000\r\n" + b"c" * 0x4000 + b"\r\n"),
        "too-large",
    ),
    Case(
        "endless-chunks-of-one-byte",
        floods(head("200 OK", "Transfer-Encoding: chunked"), b"1\r\nc\r\n" * 5000),
        "too-large",
    ),
    Case(
        "transfer-encoding-unknown",
        says(head("200 OK", "Transfer-Encoding: rot13", length=len(FEED)) + FEED),
        "connection",
    ),
    Case(
        "transfer-encoding-gzip", says(head("200 OK", "Transfer-Encoding: gzip, chunked") + chunked(FEED)), "connection"
    ),
    Case("endless-body", floods(head() + b"<rss>", b"<!-- more -->" * 5000), "too-large"),
    Case("endless-body-of-an-error", floods(head("503 Service Unavailable"), b"sorry " * 10_000), "too-large"),
    Case("endless-body-of-a-304", floods(head("304 Not Modified"), b"sorry " * 10_000), "server-error"),
    Case("11-mb-with-length", answers(TOO_LONG), "too-large"),
    Case("11-mb-without-length", says(head() + TOO_LONG), "too-large"),
    Case("11-mb-in-chunks", says(head("200 OK", "Transfer-Encoding: chunked") + chunked(TOO_LONG)), "too-large"),
    Case("9-mb", answers(PADDED), seen=3),
)

ENCODINGS = (
    Case("gzip", encoded(gzip.compress(FEED), "gzip"), seen=3),
    Case("gzip-x", encoded(gzip.compress(FEED), "x-gzip"), seen=3),
    Case("gzip-of-two-members", encoded(gzip.compress(FEED[:99]) + gzip.compress(FEED[99:]), "gzip"), seen=3),
    Case("gzip-cut", encoded(gzip.compress(FEED, 1)[:-30], "gzip")),
    Case("gzip-cut-in-its-head", encoded(gzip.compress(FEED)[:5], "gzip"), "connection"),
    Case("gzip-with-wrong-checksum", encoded(gzip.compress(FEED)[:-8] + bytes(8), "gzip"), seen=3),
    Case("gzip-with-junk-behind", encoded(gzip.compress(FEED) + b"junk", "gzip"), seen=3),
    Case("gzip-claimed-only", encoded(FEED, "gzip"), seen=3),
    Case("gzip-not-claimed", answers(gzip.compress(FEED)), seen=3),
    Case("gzip-in-gzip", encoded(gzip.compress(gzip.compress(FEED)), "gzip, gzip"), seen=3),
    Case("gzip-in-gzip-claimed-once", encoded(gzip.compress(gzip.compress(FEED)), "gzip"), seen=3),
    Case("gzip-empty", encoded(b"", "gzip"), "not-a-feed"),
    Case("gzip-of-nothing", encoded(gzip.compress(b""), "gzip"), "not-a-feed"),
    Case("gzip-bomb", encoded(bomb(40), "gzip"), "too-large"),
    Case("gzip-bomb-not-claimed", answers(bomb(40)), "not-a-feed"),
    Case("gzip-bomb-in-gzip", encoded(gzip.compress(bomb(40)), "gzip, gzip"), "too-large"),
    Case("gzip-bomb-in-gzip-claimed-once", encoded(gzip.compress(bomb(40)), "gzip"), "not-a-feed"),
    Case("gzip-just-within", encoded(gzip.compress(PADDED), "gzip"), seen=3),
    Case("gzip-just-beyond", encoded(gzip.compress(TOO_LONG), "gzip"), "too-large"),
    Case("gzip-in-four-layers", encoded(nested(FEED, 4), ", ".join(["gzip"] * 4)), "too-large"),
    Case("gzip-in-a-thousand-layers", encoded(nested(FEED, 1_000), ", ".join(["gzip"] * 1_000)), "too-large"),
    Case("gzip-of-400000-members", encoded(gzip.compress(b"") * 400_000, "gzip"), "too-large"),
    Case(
        "gzip-of-400000-members-packed", encoded(gzip.compress(gzip.compress(b"") * 400_000), "gzip, gzip"), "too-large"
    ),
    Case("deflate", encoded(zlib.compress(FEED), "deflate"), seen=3),
    Case("deflate-raw", encoded(zlib.compress(FEED)[2:-4], "deflate"), seen=3),
    Case("deflate-bomb", encoded(zlib.compress(bytes(40 * MB), 9), "deflate"), "too-large"),
    Case("deflate-claimed-only", encoded(FEED, "deflate"), "connection"),
    Case("brotli", encoded(brotli.compress(FEED), "br"), seen=3),
    Case("brotli-bomb", encoded(brotli.compress(bytes(40 * MB), quality=5), "br"), "too-large"),
    Case("brotli-cut", encoded(brotli.compress(FEED)[:-20], "br")),
    Case("brotli-claimed-only", encoded(FEED, "br"), "connection"),
    Case("zstd", encoded(zstd.compress(FEED), "zstd"), seen=3),
    Case("zstd-bomb", encoded(zstd.compress(bytes(40 * MB)), "zstd"), "too-large"),
    Case("zstd-of-400000-frames", encoded(zstd.compress(b"") * 400_000, "zstd"), "too-large"),
    Case("zstd-cut", encoded(zstd.compress(FEED)[:-20], "zstd"), "not-a-feed"),
    Case("zstd-claimed-only", encoded(FEED, "zstd"), seen=3),
    Case("encoding-unknown", encoded(FEED, "sdch"), seen=3),
    Case("encoding-identity", encoded(FEED, "identity"), seen=3),
    Case("encoding-empty", encoded(FEED, ""), seen=3),
    Case("encoding-utf-8", encoded(FEED, "UTF-8"), seen=3),
    Case("encoding-none", encoded(FEED, "none"), seen=3),
)

# every way to write an address that nobody may reach
INNER = (
    "127.0.0.2", "127.2", "127.0.2", "2130706434", "0x7f000002", "0x7f.0.0.2", "0177.0.0.2", "017700000002",
    "127.0.0.2.", "[::1]", "[::ffff:127.0.0.2]", "[::ffff:7f00:2]", "[0:0:0:0:0:0:0:1]", "[::127.0.0.2]", "[64:ff9b::7f00:2]", "0.0.0.0", "0",
    "localhost", "LOCALHOST", "localhost.", "sub.localhost", "ip6-localhost", "127.0.0.2%23", "%31%32%37.0.0.2", "①②⑦.⓪.⓪.②", "１２７.0.0.2",
)  # fmt: skip
FAR_INNER = (
    "169.254.169.254",
    "10.0.0.1",
    "192.168.0.1",
    "172.16.0.1",
    "100.64.0.1",
    "224.0.0.1",
    "255.255.255.255",
    "[fe80::1]",
    "[fd00::1]",
    "[ff02::1]",
)
REFUSALS = {  # what is none of these is refused by its address; these are no names at all, or names of nothing
    "127.0.0.2%23": "bad-url", "%31%32%37.0.0.2": "bad-url", "127.0.0.2.": "dns", "localhost.": "dns|refused-address", "sub.localhost": "dns|refused-address", "ip6-localhost": "dns|refused-address",
}  # fmt: skip

REDIRECTS = (
    *(
        Case(f"redirect-chain-of-{number}", counts_down, "ok" if number <= 8 else "redirect-loop")
        for number in (1, 5, 8)
    ),
    *(Case(f"redirect-chain-of-{number}", counts_down, "redirect-loop") for number in (9, 30)),
    Case("redirect-to-itself", leads("302 Found", "{self}/feed.xml"), "redirect-loop"),
    Case("redirect-to-itself-for-ever", leads("301 Moved Permanently", "{self}/feed.xml"), "redirect-loop"),
    Case("redirect-to-a-new-path-each-time", leads("302 Found", "deeper/feed.xml"), "redirect-loop"),
    *(
        Case(f"redirect-{status}", leads(status, "{site:http-1.0}/feed.xml"), seen=3)
        for status in ("301", "302", "303", "307", "308")
    ),
    Case("redirect-300", leads("300 Multiple Choices", "{site:http-1.0}/feed.xml"), "client-error", status=300),
    Case("redirect-304", leads("304 Not Modified", "{site:http-1.0}/feed.xml"), "server-error"),
    Case("redirect-305", leads("305 Use Proxy", "{site:http-1.0}/feed.xml"), "client-error", status=305),
    *(
        Case(
            f"redirect-{status}-without-location", answers(b"", status=f"{status} Moved"), "client-error", status=status
        )
        for status in (301, 302, 303, 307, 308)
    ),
    Case("redirect-location-empty", leads("302 Found", ""), "redirect-loop"),
    Case("redirect-location-fragment", leads("302 Found", "#top"), "redirect-loop"),
    Case("redirect-location-with-spaces", leads("302 Found", "  {site:http-1.0}/feed.xml  "), seen=3),
    Case("redirect-location-relative-scheme", leads("302 Found", b"//[/feed.xml"), "bad-url"),
    Case("redirect-location-bytes", leads("302 Found", b"/\xff\xfe\x00feed"), "redirect-loop"),
    Case("redirect-location-of-10-kb", leads("302 Found", "/" + "l" * 10_000), "redirect-loop"),
    Case(
        "redirect-location-twice",
        leads("302 Found", "{site:http-1.0}/feed.xml", "Location: http://127.0.0.2:9/"),
        "refused-address",
    ),
    Case("redirect-location-of-no-host", leads("302 Found", "http:///feed.xml"), "redirect-loop"),
    Case("redirect-location-half-an-address", leads("302 Found", "http://[::1/feed.xml"), "bad-url"),
    Case("redirect-location-port-none", leads("302 Found", "http://127.0.1.1:port/"), "bad-url"),
    Case("redirect-location-port-99999", leads("302 Found", "http://127.0.1.1:99999/"), "bad-url"),
    Case("redirect-location-port-0", leads("302 Found", "http://127.0.1.1:0/"), "connection"),
    Case("redirect-location-port-negative", leads("302 Found", "http://127.0.1.1:-80/"), "bad-url"),
    Case("redirect-location-long-label", leads("302 Found", f"http://{'l' * 64}.example/"), "dns"),
    Case("redirect-location-empty-label", leads("302 Found", "http://a..example/"), "dns"),
    Case("redirect-location-unknown-name", leads("302 Found", "http://no-such-host.invalid/"), "dns"),
    Case("redirect-location-wrong-name", leads("302 Found", "http://a<b>.example/"), "bad-url"),
    *(
        Case(
            f"redirect-to-{scheme}",
            leads("302 Found", f"{scheme}:{rest}"),
            "bad-url" if scheme in ("javascript", "mailto") else "client-error",
        )
        for scheme, rest in (
            ("file", "///etc/passwd"),
            ("ftp", "//127.0.0.2/feed.xml"),
            ("data", "text/xml,<rss/>"),
            ("javascript", "alert(1)"),
            ("gopher", "//127.0.0.2:70/_x"),
            ("s3", "//bucket/key"),
            ("mailto", "editor@courier.example"),
            ("about", "blank"),
            ("jar", "http://127.0.0.2!/x"),
            ("view-source", "http://127.0.0.2/"),
            ("HTTPS+unix", "//%2Fvar%2Frun%2Fd.sock/"),
        )
    ),
    Case("redirect-with-credentials", leads("302 Found", "http://editor:s3cret@127.0.1.1:1/feed.xml"), "bad-url"),
    Case("redirect-with-refused-port", leads("302 Found", "http://127.0.1.1:1/feed.xml"), "connection"),
    *(
        Case(
            f"redirect-to-inner-{number}",
            leads("302 Found", f"http://{host}:{{canary}}/feed.xml"),
            REFUSALS.get(host, "refused-address"),
        )
        for number, host in enumerate(INNER)
    ),
    *(
        Case(f"redirect-to-far-inner-{number}", leads("301 Moved", f"http://{host}/feed.xml"), "refused-address")
        for number, host in enumerate(FAR_INNER)
    ),
    Case("redirect-to-inner-by-https", leads("302 Found", "https://127.0.0.2:{canary}/feed.xml"), "refused-address"),
    Case("refresh-header", answers(FEED, "Refresh: 0; url=http://127.0.0.2/"), seen=3),
    Case(
        "refresh-in-page",
        answers(b"<html><meta http-equiv=refresh content='0;url=http://127.0.0.2/'>", kind="text/html"),
        "not-a-feed",
    ),
    Case("link-header-to-inner", answers(FEED, "Link: <http://127.0.0.2/hub>; rel=hub"), seen=3),
    Case("alt-svc-to-inner", answers(FEED, 'Alt-Svc: h3="127.0.0.2:443", h2="127.0.0.2:443"'), seen=3),
)


def refuses(status: int, *lines: str, body: bytes = b"<html><h1>Sorry</h1></html>") -> Behaviour:
    """A status with a page that says sorry."""
    return answers(body, *lines, status=f"{status} Sorry", kind="text/html")


STATUSES = (
    *(
        Case(f"status-{status}", refuses(status), outcome, status=status)
        for outcome, statuses in {
            "forbidden": (401, 403, 451),
            "not-found": (404,),
            "timeout": (408,),
            "gone": (410,),
            "rate-limited": (429,),
            "client-error": (
                300,
                305,
                306,
                400,
                402,
                405,
                406,
                407,
                409,
                411,
                412,
                413,
                414,
                415,
                416,
                418,
                421,
                422,
                425,
                426,
                428,
                431,
                444,
                499,
            ),
            "server-error": (
                500,
                501,
                502,
                503,
                504,
                505,
                507,
                508,
                511,
                520,
                521,
                522,
                523,
                524,
                525,
                526,
                527,
                530,
                598,
                999,
            ),
        }.items()
        for status in statuses
    ),
    Case("status-200-empty", answers(b""), "not-a-feed", status=200),
    Case("status-201", answers(FEED, status="201 Created"), seen=3, status=201),
    Case("status-202", answers(FEED, status="202 Accepted"), seen=3, status=202),
    Case("status-203", answers(FEED, status="203 Non-Authoritative"), seen=3, status=203),
    Case("status-204", says(b"HTTP/1.1 204 No Content\r\n\r\n"), "not-a-feed", status=204),
    Case("status-204-with-a-body", says(GOOD.replace(b"200 OK", b"204 No Content")), "not-a-feed", status=204),
    Case("status-205", answers(b"", status="205 Reset Content"), "not-a-feed", status=205),
    Case(
        "status-206", answers(FEED, "Content-Range: bytes 0-99/200", status="206 Partial Content"), seen=3, status=206
    ),
    Case("status-226", answers(FEED, "IM: feed", status="226 IM Used"), seen=3, status=226),
    Case("status-299", answers(FEED, status="299 Odd"), seen=3, status=299),
    Case(
        "status-304-never-asked-for",
        says(b'HTTP/1.1 304 Not Modified\r\nETag: "x"\r\n\r\n'),
        "server-error",
        status=304,
    ),
    Case("status-101", says(b"HTTP/1.1 101 Switching Protocols\r\nUpgrade: websocket\r\n\r\n" + GOOD), seen=3),
    Case("status-404-with-a-feed", answers(FEED, status="404 Not Found"), "not-found", status=404),
    Case("status-500-with-a-feed", answers(FEED, status="500 Oops"), "server-error", status=500),
    Case(
        "status-200-with-a-page",
        answers(b"<!doctype html><html><body><h1>Welcome</h1></body></html>", kind="text/html"),
        "not-a-feed",
    ),
    Case(
        "status-200-not-found-page",
        answers(b"<html><title>404 Not Found</title><h1>Not Found</h1></html>", kind="text/html"),
        "not-a-feed",
    ),
    *(
        Case(f"challenge-{name}", answers(body, *lines, status=status, kind="text/html"), "blocked")
        for name, status, lines, body in (
            (
                "cloudflare-403",
                "403 Forbidden",
                ("Server: cloudflare", "cf-mitigated: challenge"),
                b"<title>Just a moment...</title>",
            ),
            (
                "cloudflare-503",
                "503 Service Unavailable",
                ("Server: cloudflare", "cf-mitigated: challenge"),
                b"<title>Just a moment...</title>",
            ),
        )
    ),
)

RETRY_AFTER = {
    "seconds": "7200", "zero": "0", "negative": "-5", "float": "1.5", "huge": "9" * 60, "5000-digits": "9" * 5000, "word": "soon", "empty": "",
    "date": "Wed, 21 Oct 2099 07:28:00 GMT", "past": "Wed, 21 Oct 1998 07:28:00 GMT", "year-0": "Wed, 21 Oct 0000 07:28:00 GMT",
    "year-9999": "Fri, 31 Dec 9999 23:59:59 GMT", "zone": "Wed, 21 Oct 2099 07:28:00 +9999", "feb-30": "Wed, 30 Feb 2099 07:28:00 GMT",
    "superscript": "\xb2", "bytes": "\xff\xfe", "controls": "12\x0034", "two": "60, 120",
}  # fmt: skip
REFUSING = (
    *(
        Case(f"retry-after-{name}", refuses(429, f"Retry-After: {value}"), "rate-limited")
        for name, value in RETRY_AFTER.items()
    ),
    Case("retry-after-503", refuses(503, "Retry-After: 3600"), "server-error"),
    Case("retry-after-200", answers(FEED, "Retry-After: 3600"), seen=3),
    Case("retry-after-301", leads("301 Moved", "{site:http-1.0}/feed.xml", "Retry-After: 3600"), "rate-limited"),
)

VALIDATORS = (
    Case("etag-weak", answers(FEED, 'ETag: W/"1"'), seen=3),
    Case("etag-empty", answers(FEED, "ETag: "), seen=3),
    Case("etag-unquoted", answers(FEED, "ETag: abc"), seen=3),
    Case("etag-with-controls", answers(FEED, 'ETag: "a\x01\x1b\x7fb"'), seen=3),
    Case("etag-with-bytes", answers(FEED, 'ETag: "\xff\xfe"'), seen=3),
    Case("etag-with-nul", answers(FEED, 'ETag: "a\x00b"'), seen=3),
    Case("etag-of-10-kb", answers(FEED, f'ETag: "{"e" * 10_000}"'), seen=3),
    Case("etag-of-100-kb", answers(FEED, f'ETag: "{"e" * 100_000}"'), "connection"),
    Case("etag-100-times", answers(FEED, *(f'ETag: "{number}"' for number in range(100))), seen=3),
    Case("etag-with-a-line-break", answers(FEED, 'ETag: "a', ' X-Injected: b"'), seen=3),
    *(
        Case(f"last-modified-{name}", answers(FEED, f"Last-Modified: {value}"), seen=3)
        for name, value in (
            ("nonsense", "yesterday"),
            ("future", "Wed, 21 Oct 2099 07:28:00 GMT"),
            ("year-0", "Wed, 21 Oct 0000 07:28:00 GMT"),
            ("controls", "a\x01\x00b"),
            ("of-10-kb", "m" * 10_000),
            ("negative", "-1"),
        )
    ),
    *(
        Case(f"cache-control-{name}", answers(FEED, f"Cache-Control: {value}"), seen=3)
        for name, value in (
            ("huge", "max-age=" + "9" * 60),
            ("5000-digits", "max-age=" + "9" * 5000),
            ("negative", "max-age=-1"),
            ("word", "max-age=never"),
            ("many", ", ".join(["max-age=1"] * 500)),
        )
    ),
    Case("expires-nonsense", answers(FEED, "Expires: -1", "Date: never", "Age: many"), seen=3),
)

NOWHERE = (  # no server of the farm's at all
    Case("no-such-host", mute, "dns", url="http://no-such-host.invalid/feed.xml"),
    Case("localhost", mute, "refused-address", url="http://localhost:9/feed.xml"),
    Case("inner-address", mute, "refused-address", url="http://127.0.0.2:9/feed.xml"),
    Case("metadata-address", mute, "refused-address", url="http://169.254.169.254/latest/meta-data/"),
    Case("nobody-listens", mute, "connection", url="http://127.0.3.250:9/feed.xml"),
    Case("nobody-listens-by-tls", mute, "connection", url="https://127.0.3.250:9/feed.xml"),
)
ANSWERS = (*SILENCE, *BROKEN, *HEADS, *LENGTHS, *ENCODINGS, *REDIRECTS, *STATUSES, *REFUSING, *VALIDATORS, *NOWHERE)
