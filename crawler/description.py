"""How a feed is described by whoever adds it: its address, country, language, kind and tags in one spelling. PURE.

The command's options, lists of feeds and the catalogue all pass through here, so that a filter finds what they name.
"""

from __future__ import annotations

import re
import unicodedata
from dataclasses import dataclass
from urllib.parse import urlsplit, urlunsplit

from crawler.urls import LONGEST_URL, canonical_url

# What a publisher is. The catalogue uses these; a user may use a word of their own.
KINDS = (
    "newspaper", "magazine", "broadcaster", "wire", "news-site", "state-media", "government", "un", "ngo", "monitor",
    "think-tank", "blog", "forum", "aggregator",
)  # fmt: skip
LONGEST_WORD = 50  # of a kind or a tag

# ISO 3166-1 alpha-2, officially assigned, and XK, which the European Union and others use for Kosovo
_ISO_3166 = (
    "AD AE AF AG AI AL AM AO AQ AR AS AT AU AW AX AZ BA BB BD BE BF BG BH BI BJ BL BM BN BO BQ BR BS BT BV BW BY BZ "
    "CA CC CD CF CG CH CI CK CL CM CN CO CR CU CV CW CX CY CZ DE DJ DK DM DO DZ EC EE EG EH ER ES ET FI FJ FK FM FO "
    "FR GA GB GD GE GF GG GH GI GL GM GN GP GQ GR GS GT GU GW GY HK HM HN HR HT HU ID IE IL IM IN IO IQ IR IS IT JE "
    "JM JO JP KE KG KH KI KM KN KP KR KW KY KZ LA LB LC LI LK LR LS LT LU LV LY MA MC MD ME MF MG MH MK ML MM MN MO "
    "MP MQ MR MS MT MU MV MW MX MY MZ NA NC NE NF NG NI NL NO NP NR NU NZ OM PA PE PF PG PH PK PL PM PN PR PS PT PW "
    "PY QA RE RO RS RU RW SA SB SC SD SE SG SH SI SJ SK SL SM SN SO SR SS ST SV SX SY SZ TC TD TF TG TH TJ TK TL TM "
    "TN TO TR TT TV TW TZ UA UG UM US UY UZ VA VC VE VG VI VN VU WF WS YE YT ZA ZM ZW XK "
)
_COUNTRIES = frozenset(_ISO_3166.split())
_LANGUAGE = re.compile(r"[a-z]{2,3}(-[a-z0-9]{1,8})*")  # RFC 5646, the tags that news uses
_DEFAULT_PORTS = {"http": ":80", "https": ":443"}
_NO_WORD = re.compile(r"(?:\W|_)+")


@dataclass(frozen=True, slots=True)
class FeedDescription:
    """A feed as a list or the catalogue describes it; `disabled` feeds are kept, but not polled."""

    url: str
    title: str = ""
    publisher: str = ""
    homepage: str | None = None
    language: str | None = None
    country: str | None = None
    kind: str = ""
    tags: tuple[str, ...] = ()
    disabled: bool = False


def feed_address(text: str) -> str:
    """The address of a feed as it is kept: as given, but for what RFC 3986 calls the same and the feed: scheme.

    White space around it and line breaks in it go, as does a fragment; scheme and host are in lower case. Nothing in path and query is
    touched. Raises ValueError, whose message says what to write instead.
    """
    url = re.sub(r"[\t\r\n]", "", text.strip().strip("\ufeff"))
    if url[:1] + url[-1:] in ("<>", '""', "''"):  # as mails and shells quote it
        url = url[1:-1].strip()
    url = re.sub(r"^feed:(?://)?(?=https?:)", "", url, flags=re.IGNORECASE)
    url = re.sub(r"^feed://", "http://", url, flags=re.IGNORECASE)
    if len(url) > LONGEST_URL:
        raise ValueError(f"the address has {len(url):,} characters; {LONGEST_URL:,} is the most")
    parts = urlsplit(url) if canonical_url(url) else None
    if parts is None or not parts.netloc:
        shown = repr(url if len(url) < 100 else url[:99] + "…")
        bare = re.match(r"(?:[\w-]+\.)+[\w-]{2,}(?:/|$)", url) and " " not in url
        raise ValueError(f"{shown} is no http or https address" + (f"; write https://{url}" if bare else ""))
    if "@" in parts.netloc:
        raise ValueError("the address holds a user name or a password, and levantwatch sends none; leave it out")
    scheme = parts.scheme.lower()
    netloc = parts.netloc.lower().removesuffix(_DEFAULT_PORTS[scheme])
    return urlunsplit((scheme, netloc, parts.path or "/", parts.query, ""))


def country_code(text: str) -> str:
    """Two letters of ISO 3166, in capitals. Raises ValueError."""
    code = text.strip().upper()
    code = {"UK": "GB", "EL": "GR"}.get(code, code)
    if code not in _COUNTRIES:
        raise ValueError(f"{text.strip()!r} is no country code; write the two letters of ISO 3166, as SY or GB")
    return code


def language_tag(text: str) -> str:
    """A language tag of BCP 47, in small letters. Raises ValueError."""
    tag = text.strip().lower().replace("_", "-")
    if len(tag) > LONGEST_WORD or not _LANGUAGE.fullmatch(tag):
        raise ValueError(f"{text.strip()!r} is no language tag; write one as en, ar or pt-br")
    return tag


def word(text: str) -> str:
    """A kind or a tag as one word in small letters without commas: "Middle East, daily" is middle-east-daily.

    Raises ValueError when no letter or digit is in it, or more than 50 characters.
    """
    folded = _NO_WORD.sub("-", unicodedata.normalize("NFKC", text).lower()).strip("-")
    if not folded:
        raise ValueError(f"{text.strip()!r} holds no letter or digit")
    if len(folded) > LONGEST_WORD:
        raise ValueError(f"{folded[:20]}… is longer than {LONGEST_WORD} characters")
    return folded
