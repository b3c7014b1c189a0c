"""URLs: a lossless canonical form that is stored, an aggressive match key that only finds candidates. PURE.

What the canonical form changes is what RFC 3986 section 6.2 calls equivalent, plus tracking parameters that are known by
name. An unknown parameter is never dropped, path case is kept, the order of parameters is kept: `?b=1&a=2` may be another
page than `?a=2&b=1`, and a double that remains is cheaper than two articles that became one.
"""

from __future__ import annotations

import hashlib
import ipaddress
import re
from functools import lru_cache
from urllib.parse import SplitResult, quote, unquote, urljoin, urlsplit, urlunsplit

from publicsuffixlist import PublicSuffixList

LONGEST_URL = 2_000  # what storage keeps; longer ones are traps or data: in disguise
_LONGEST_TYPED = 20_000  # before tracking parameters and dots are taken out; nothing longer is looked at
WORDS_OF_PATH = 60
_DEFAULT_PORTS = {"http": 80, "https": 443}
_SPACE_AND_CONTROLS = re.compile(
    r"[\x00-\x20\x7f-\xa0\u061c\u200b-\u200f\u2028-\u202e\u2060-\u2069\ufeff\ud800-\udfff]"
)
# once or more: what stands before the slashes of a broken address may hide a password behind them
_CREDENTIALS = re.compile(r"^([a-zA-Z][a-zA-Z0-9+.-]*:[/\\]*)(?:[^/\\?#]*@[/\\]*)+")
_UNRESERVED = frozenset(b"ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-._~")
_PERCENT = re.compile(r"%([0-9A-Fa-f]{2})?")
_HOST = re.compile(r"[a-z0-9_](?:[a-z0-9._-]*[a-z0-9_])?")

# Parameters that only say how the reader came. Prefixes: Urchin and Matomo, BBC and other publishers' campaign tags.
_TRACKING_PREFIXES = ("utm_", "pk_", "mtm_", "piwik_", "at_custom", "at_link_", "hsa_")
# Click ids of ad networks and mail services, campaign tags of publishers, by their own documentation.
_TRACKING_NAMES = """
    at_medium at_campaign at_format ns_mchannel ns_source ns_campaign ns_linkname ns_fee wt.mc_id wt.mc_ev
    stm_source stm_medium stm_campaign fbclid gclid gclsrc dclid gbraid wbraid msclkid yclid twclid ttclid igshid
    igsh mc_cid mc_eid mkt_tok oly_anon_id oly_enc_id vero_id vero_conv _hsenc _hsmi ocid cmpid icid ito xtor cvid
    ncid smid smtyp sr_share soc_src soc_trk ftag ftcamp __twitter_impression srsltid _gl _ga li_fat_id mibextid
    guccounter guce_referrer guce_referrer_sig ref_src ref_url traffic_source feedname feedtype
"""
_TRACKING = frozenset(_TRACKING_NAMES.split())
_TRACKING_VALUES = frozenset(
    {("ref", "rss"), ("source", "rss"), ("src", "rss"), ("from", "rss"), ("campaign_id", "rss"), ("amp", "1")}
)
_MOBILE = re.compile(r"^(?:www|m|mobile|amp|wap)\d?\.")
_AMP_PAIR = re.compile(r"amp(?:=.*)?|outputType=amp")
# An address as most are written: already canonical, and left as it is by urljoin, urlsplit and Scrapy's `safe_url_string`, if a query
# that it may have is. tests/test_urls.py holds them to that.
_PLAIN = re.compile(
    r"https?://(?=[^:/]{1,63}[:/])([a-z0-9]+(?:[.-][a-z0-9]+)*)(?::[1-9][0-9]{3})?(?:/(?!\.)[A-Za-z0-9._~:@!$&()*+,=-]*)+"
    r"(\?[A-Za-z0-9._~/:@!$()*+,;=&?-]+)?"
)
_INDEX = re.compile(r"/(?:index|default)\.(?:html?|php|aspx?)$", re.IGNORECASE)


def is_plain(url: str) -> bool:
    """Whether nothing that takes an absolute URL apart and puts it together again would change it."""
    return len(url) <= LONGEST_URL and _PLAIN.fullmatch(url) is not None


def canonical_url(url: str, *, base: str | None = None) -> str | None:
    """The canonical form of an http or https URL, resolved against `base`; None for anything else.

    Idempotent: the canonical form of a canonical form is itself. Credentials are removed.
    """
    if base is None and "?" not in url and is_plain(url):
        return url
    parts = _split(url, base)
    if parts is None:
        return None
    host = _host(parts)
    if host is None:
        return None
    scheme = parts.scheme.lower()
    port = parts.port
    netloc = host if port in (None, _DEFAULT_PORTS[scheme]) else f"{host}:{port}"
    fragment = parts.fragment if parts.fragment.startswith("!") else ""
    path = _dots_removed(_escaped(parts.path)) or "/"
    result = urlunsplit((scheme, netloc, path, _query(parts.query), _escaped(fragment)))
    return result if len(result) <= LONGEST_URL else None


def match_key(url: str) -> str:
    """A key that articles at different addresses of one page share: only for finding candidates, never for identity.

    Forgets scheme, www, mobile and AMP hosts, ports, `amp` in path and query, index files, a slash at the end, case, and the order of
    parameters. A text that is no URL is its own key.
    """
    canonical = canonical_url(url)
    if canonical is None:
        return url.strip().lower()
    parts = urlsplit(canonical)
    host = _MOBILE.sub("", parts.hostname or "")
    path = _INDEX.sub("/", parts.path)
    path = re.sub(r"/amp(?=/|$)|\.amp(?=\.html$|$)", "", path).rstrip("/").removesuffix(".html")
    query = "&".join(sorted(pair for pair in parts.query.split("&") if pair and not _AMP_PAIR.fullmatch(pair)))
    return f"{host}{path}{'?' + query if query else ''}".lower()


@lru_cache(maxsize=1_000)  # asked four times of every poll
def registered_domain(url: str) -> str:
    """The domain that somebody registered: `example.co.uk` of any URL below it.

    An IP address is itself; a host without a known suffix is itself; a text that is no URL is ''. Never asks the network.
    """
    if found := _PLAIN.fullmatch(url):
        return _domain_of(found[1])
    try:
        host = (urlsplit(url).hostname or "").rstrip(".")
    except ValueError:
        return ""
    return _domain_of(host if host.isascii() else _ascii(host) or host)


@lru_cache(maxsize=20_000)
def _domain_of(host: str) -> str:
    try:
        return ipaddress.ip_address(host.partition("%")[0]).compressed
    except ValueError:
        return (_suffixes().privatesuffix(host) or host).lower()


@lru_cache(maxsize=1)
def _suffixes() -> PublicSuffixList:
    # the list that came with it; a host of a suffix that it does not know has no domain above itself
    return PublicSuffixList(accept_unknown=False, only_icann=True)


def entry_key(
    *,
    feed_url: str,
    url: str | None,
    guid: str | None,
    title: str,
    published_raw: str | None,
    link_is_shared: bool = False,
    summary: str = "",
) -> str:
    """The identity of an entry in the ledger (DESIGN section 3).

    The canonical URL. Without a link, or when one document lists the link under different guids and titles: the feed with the guid, else
    the feed with a hash of title and claimed date; of an entry without a title its summary stands for it (RSS 2.0 asks for one of the two).
    `url` must be canonical.
    """
    if url is not None and not link_is_shared:
        return url
    if guid:
        return f"{feed_url} guid {guid}" if len(guid) < 500 else f"{feed_url} guid# {_hash(guid)}"
    return f"{feed_url} item# {_hash(title or summary, published_raw or '', url or '')}"


def path_words(url: str) -> str:
    """What an address says in words: `world syria rebels enter aleppo` of `/world/syria/1234-rebels-enter-aleppo.html`."""
    try:
        path = unquote(urlsplit(url[:_LONGEST_TYPED]).path)
    except ValueError:
        return ""
    words = re.findall(r"[^\W\d_]{2,}", re.sub(r"\.\w{2,5}$", "", path))
    return " ".join(words[:WORDS_OF_PATH])


def redact(url: str) -> str:
    """The URL without user and password, on one line, for logs and messages."""
    cleaned = _SPACE_AND_CONTROLS.sub("", url[:_LONGEST_TYPED])
    return _CREDENTIALS.sub(r"\1", cleaned)[:LONGEST_URL]


def _hash(*pieces: str) -> str:
    digest = hashlib.sha256("\x00".join(pieces).encode("utf-8", "surrogatepass"))
    return digest.hexdigest()[:32]


def _split(url: str, base: str | None) -> SplitResult | None:
    if len(url) > _LONGEST_TYPED:
        return None
    text = url.strip().strip("\ufeff").replace("\\", "/")
    text = re.sub(r"[\t\r\n]", "", text)  # browsers drop them wherever they stand (WHATWG URL)
    try:
        joined = urljoin(base, text) if base else text
        parts = urlsplit(re.sub(r"[\ud800-\udfff]", "\ufffd", joined))  # half a character has no UTF-8 form
        port = parts.port
    except ValueError:
        return None
    if parts.scheme.lower() not in _DEFAULT_PORTS or not parts.hostname or port == 0:
        return None
    return parts


def _host(parts: SplitResult) -> str | None:
    """The host in lower case and ASCII; None when it is none."""
    host = (parts.hostname or "").rstrip(".")
    place = parts.netloc.rpartition("@")[2]
    if ("[" in place or "]" in place) and not re.fullmatch(r"\[[^\[\]]*\](?::\d*)?", place):
        return None
    if ":" in host:
        try:
            return f"[{ipaddress.IPv6Address(host).compressed}]" if host.isascii() else None  # a zone may be any text
        except ValueError:
            return None
    if not host.isascii():
        host = (_ascii(host) or "").rstrip(".")
    host = host.lower()
    return host if _HOST.fullmatch(host) and is_dns_name(host) else None


def is_dns_name(host: str) -> bool:
    """Whether the lengths of a name and its labels are those that DNS allows (RFC 1035 section 2.3.4)."""
    return len(host) <= 253 and all(0 < len(label) <= 63 for label in host.split("."))


def _ascii(host: str) -> str | None:
    """An international name as DNS knows it, as browsers write it (UTS 46): `straße` is not `strasse`, ZWNJ counts."""
    import idna

    try:
        return idna.encode(host, uts46=True, std3_rules=False).decode("ascii")
    except (idna.IDNAError, UnicodeError):
        pass
    try:
        return host.encode("idna").decode("ascii")  # names with symbols, which IDNA 2008 forbids and registries sold
    except UnicodeError:
        return None


def _escaped(text: str) -> str:
    """One spelling for every character: unreserved ones plain, `%` for what stood escaped, all others escaped."""
    return quote(_PERCENT.sub(_one_escape, text), safe="%!$&'()*+,;=:@/?-._~")


def _one_escape(found: re.Match[str]) -> str:
    if found.group(1) is None:
        return "%25"  # a percent sign that only stands for itself
    byte = int(found.group(1), 16)
    return chr(byte) if byte in _UNRESERVED else found.group().upper()


def _query(query: str) -> str:
    return _escaped("&".join(pair for pair in query.split("&") if pair and not _is_tracking(pair)))


def _is_tracking(pair: str) -> bool:
    name, _, value = pair.partition("=")
    name = unquote(name).lower()
    if name.startswith("amp;"):  # an ampersand escaped once too often
        name = name[4:]
    return name in _TRACKING or name.startswith(_TRACKING_PREFIXES) or (name, value.lower()) in _TRACKING_VALUES


def _dots_removed(path: str) -> str:
    """RFC 3986 section 5.2.4 for an absolute path."""
    if "/." not in path:
        return path
    out: list[str] = []
    segments = path.split("/")
    for segment in segments:
        if segment == "..":
            if len(out) > 1:
                out.pop()
        elif segment != ".":
            out.append(segment)
    if segments[-1] in (".", ".."):
        out.append("")
    return "/".join(out)
