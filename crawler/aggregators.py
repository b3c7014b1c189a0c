"""Links that lead through somebody else: the address that stands in an aggregator's, a search engine's or a network's link. PURE.

Only what stands in the link is read, by each service's own way of writing it; a link that says nothing of its target (a
shortener's, Google News since 2024) is left as it is, and its redirect tells when the page is fetched. docs/decisions/0064 gives the reasons.
"""

from __future__ import annotations

import base64
import binascii
import re
from collections.abc import Callable
from urllib.parse import parse_qsl, unquote, urlsplit

from crawler.urls import canonical_url

MOST_WRAPPED = 4  # a link in a link in a link; nobody writes more
_GOOGLE = r"(?:www\.|m\.)?google\.(?:com|co|[a-z]{2,3})(?:\.[a-z]{2})?"
# of a hundred links that feeds give ninety-nine are their publishers' own, and this says so in a microsecond
_MAYBE = re.compile(
    r"google\.|bing\.com|facebook\.com|instagram\.com|threads\.|messenger\.com|wl\.co/|youtube\.com|linkedin\.com|reddit\.com|umblr\.com|vk\.com"
    r"|duckduckgo\.com|getpocket\.com|medium\.com|outlook\.com|slack-redir|exit\.sc|href\.li|ampproject\.org|yahoo\.com|urldefense",
    re.IGNORECASE,
)
_SCHEME = re.compile(r"https?:/{1,2}(?=[^/])", re.IGNORECASE)

# host, path, names of the parameter that holds the target, in the order in which they are believed
_IN_QUERY: tuple[tuple[str, str, tuple[str, ...]], ...] = (
    (_GOOGLE, r"/url", ("q", "url")),
    (_GOOGLE, r"/imgres", ("imgrefurl",)),
    (r"news\.google\.[a-z.]{2,6}", r"/news/url", ("url", "q")),
    (r"(?:www\.)?bing\.com", r"/news/apiclick\.aspx", ("url",)),
    (r"(?:l|lm|www|m)\.facebook\.com", r"/(?:l|flx/warn)(?:\.php|/)?", ("u",)),
    (r"l\.instagram\.com|l\.threads\.(?:net|com)|l\.messenger\.com|l\.wl\.co", r"/(?:l\.php)?", ("u",)),
    (r"(?:www\.|m\.)?youtube\.com", r"/redirect", ("q",)),
    (r"(?:www\.)?linkedin\.com", r"/(?:redir/redirect|safety/go)", ("url",)),
    (r"out\.reddit\.com", r"/.*", ("url",)),
    (r"t\.umblr\.com", r"/redirect", ("z",)),
    (r"(?:m\.|www\.)?vk\.com", r"/away(?:\.php)?", ("to",)),
    (r"(?:html\.|lite\.)?duckduckgo\.com", r"/l/?", ("uddg",)),
    (r"(?:www\.)?getpocket\.com", r"/redirect", ("url",)),
    (r"(?:www\.)?medium\.com", r"/r/?", ("url",)),
    (r"[a-z0-9.-]+\.safelinks\.protection\.outlook\.com", r"/.*", ("url",)),
    (r"slack-redir\.net", r"/link", ("url",)),
    (r"exit\.sc", r"/?", ("url",)),
    (r"href\.li", r"/?", ("",)),
)


def target_of(url: str) -> str | None:
    """The address to which a link leads, as far as the link itself says it; None when it is no such link, or keeps it to itself."""
    if not _MAYBE.search(url):
        return None
    found: str | None = None
    for _ in range(MOST_WRAPPED):
        step = _unwrapped(found or url)
        if step is None:
            break
        found = step
    return found


def _unwrapped(url: str) -> str | None:
    canonical = canonical_url(url)
    if canonical is None:
        return None
    # the host as it is compared, the rest as it was written: a parameter that looks like tracking may be the target
    host = urlsplit(canonical).hostname or ""
    try:
        parts = urlsplit(url.strip())
    except ValueError:
        return None
    for pattern, path, names in _IN_QUERY:
        if re.fullmatch(pattern, host) and re.fullmatch(path, parts.path or "/"):
            return _from_query(parts.query, names)
    for pattern, read in _OTHERS:
        if re.fullmatch(pattern, host):
            return read(parts.path, parts.query)
    return None


def _from_query(query: str, names: tuple[str, ...]) -> str | None:
    if names == ("",):
        return _address(query) or _address(unquote(query))
    given = dict(reversed(parse_qsl(query, keep_blank_values=True)))  # of a repeated name the first
    return next((found for name in names if (found := _address(given.get(name, "")))), None)


def _address(text: str) -> str | None:
    """The text when it is an address that can be asked."""
    return text.strip() if _SCHEME.match(text.strip()) and canonical_url(text) else None


# --- services with a way of their own ---


def _google_news(path: str, query: str) -> str | None:
    """Ids up to 2024 hold the address: base64url of a protocol buffer, whose field 4 it is. Later ones hold a token of Google's."""
    found = re.fullmatch(r"(?:/rss|/__i/rss/rd)?/(?:articles|read)/([A-Za-z0-9_=-]{8,4000})", path)
    if found is None:
        return None
    text = found[1].rstrip("=")
    try:
        decoded = base64.urlsafe_b64decode(text + "=" * (-len(text) % 4))
    except (binascii.Error, ValueError):
        return None
    if not decoded.startswith(b"\x08\x13\x22"):
        return None
    length, start = _varint(decoded, 3)
    if start + length > len(decoded):  # cut
        return None
    return _address(decoded[start : start + length].decode("utf-8", "replace"))


def _varint(data: bytes, at: int) -> tuple[int, int]:
    """A number as protocol buffers write it, and where the next thing begins."""
    value = shift = 0
    for place in range(at, min(at + 3, len(data))):
        value |= (data[place] & 0x7F) << shift
        if data[place] < 0x80:
            return value, place + 1
        shift += 7
    return 0, at


def _google_amp(path: str, query: str) -> str | None:
    return _amp_path(path.removeprefix("/amp")) if path.startswith("/amp/") else None


def _amp_cache(path: str, query: str) -> str | None:
    """`/c/s/host/path` is https, `/c/host/path` http; v is the viewer's form of it."""
    found = re.fullmatch(r"/[cv](/.+)", path)
    return _amp_path(found[1]) if found else None


def _amp_path(path: str) -> str | None:
    secure = path.startswith("/s/")
    rest = path.removeprefix("/s").removeprefix("/")
    return _address(f"http{'s' if secure else ''}://{rest}") if "." in rest.partition("/")[0] else None


def _bing(path: str, query: str) -> str | None:
    """`u` is `a1` and the base64url of the address."""
    given = dict(parse_qsl(query)).get("u", "")
    if path != "/ck/a" or not given.startswith("a1"):
        return None
    text = given[2:]
    try:
        return _address(base64.urlsafe_b64decode(text + "=" * (-len(text) % 4)).decode("utf-8", "replace"))
    except (binascii.Error, ValueError):
        return None


def _yahoo(path: str, query: str) -> str | None:
    """`…/RU=https%3a%2f%2f…/RK=0/…` of its search, `…/*http://…` of its older feeds."""
    found = re.search(r"/RU=([^/]+)/", path + "/") or re.search(r"/\*{1,2}(http.+)", path, re.IGNORECASE)
    if found is None:
        return None
    text = unquote(found[1])
    return _address(f"{text}?{query}" if query and "/*" in path else text)


def _urldefense(path: str, query: str) -> str | None:
    """Mail gateways rewrite links of newsletters: v1 and v2 in `u`, v3 between underscores."""
    if found := re.fullmatch(r"/v3/__(.+?)__;.*", path + (f"?{query}" if query else "")):
        # characters that v3 took out stand elsewhere as *; with one of them missing the address is a guess
        return _address(found[1]) if "*" not in found[1] else None
    given = dict(parse_qsl(query)).get("u", "")
    if path.startswith("/v2/"):
        return _address(unquote(given.replace("-", "%").replace("_", "/")))
    return _address(given) if path.startswith("/v1/") else None


_OTHERS: tuple[tuple[str, Callable[[str, str], str | None]], ...] = (
    (r"news\.google\.[a-z.]{2,6}", _google_news),
    (_GOOGLE, _google_amp),
    (r"(?:[a-z0-9-]+\.)?cdn\.ampproject\.org", _amp_cache),
    (r"(?:www\.)?bing\.com", _bing),
    (r"(?:[a-z0-9-]+\.)*(?:search|rd|rds)\.yahoo\.com|(?:us|[a-z]{2})\.rd\.yahoo\.com", _yahoo),
    (r"urldefense(?:\.proofpoint)?\.com", _urldefense),
)
