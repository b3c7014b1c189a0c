"""Challenges: answers that ask for a browser, a puzzle or a person instead of giving the document. PURE.

They are recognised to be recorded as `blocked`, so that the publisher can be asked; nothing here, nor anywhere, gets around one.
"""

from __future__ import annotations

import re
from collections.abc import Callable

MOST_LOOKED_AT = 64 * 1024  # bytes of a body; challenges are small, and name themselves early
_REFUSALS = frozenset({401, 403, 405, 406, 418, 429, 503})  # the statuses that challenges come with, beside 2xx

_Headers = tuple[tuple[str, re.Pattern[str], str], ...]

# What alone says that the answer is a challenge, whatever its status: (header, value, whose). By the vendors' documentation.
_HEADERS: _Headers = (
    ("cf-mitigated", re.compile(r"challenge|block", re.IGNORECASE), "Cloudflare"),
    ("x-amzn-waf-action", re.compile(r"challenge|captcha", re.IGNORECASE), "AWS WAF"),
)
# What says so together with a status that refuses: good answers of the same vendors carry some of these, too.
_WITH_REFUSAL: _Headers = (
    ("x-datadome", re.compile(r"."), "DataDome"),
    ("x-dd-b", re.compile(r"."), "DataDome"),
    ("server", re.compile(r"datadome", re.IGNORECASE), "DataDome"),
    ("x-px-authorization", re.compile(r"."), "PerimeterX"),
    ("x-sucuri-block", re.compile(r"."), "Sucuri"),
    ("x-kpsdk-ct", re.compile(r"."), "Kasada"),
)
# In the body of a refusal, or of an HTML page that came where a feed was asked for.
_BODIES = (
    (rb"_cf_chl_opt|cf-chl-|cf-browser-verification|/cdn-cgi/challenge-platform/h/|challenges\.cloudflare\.com/turnstile", "Cloudflare"),
    (rb"<title>\s*(?:Just a moment|Attention Required! \| Cloudflare)|cf-error-details|cf_captcha_kind", "Cloudflare"),
    (rb"captcha-delivery\.com|geo\.datadome\.co", "DataDome"),
    (rb"_pxAppId|px-captcha|/px/captcha|captcha\.px-cdn\.net|Access to this page has been denied", "PerimeterX"),
    (rb"errors\.edgesuite\.net|/_sec/cp_challenge|/akam/\d+/|bm-verify|ak_bmsc", "Akamai"),
    (rb"<title>\s*Access Denied\s*</title>.{0,600}Reference(?:&#32;|\s)*(?:&#35;|#)", "Akamai"),
    (rb"_Incapsula_Resource|Incapsula incident ID|powered by Imperva", "Incapsula"),
    (rb"AwsWafIntegration|awsWafCookieDomainList|gokuProps", "AWS WAF"),
    (rb"sucuri_cloudproxy|Sucuri WebSite Firewall", "Sucuri"),
    (rb"<title>\s*DDoS-Guard|check\.ddos-guard\.net", "DDoS-Guard"),
    (rb"ips\.js\?.{0,80}KPSDK|window\.KPSDK", "Kasada"),
    (rb"<title>\s*(?:Pardon Our Interruption|Human Verification|Bot Verification)|distil_r_captcha", "a bot wall"),
)  # fmt: skip
_IN_BODY: list[tuple[re.Pattern[bytes], str]] = [
    (re.compile(pattern, re.IGNORECASE | re.DOTALL), name) for pattern, name in _BODIES
]


def challenge(status: int, header: Callable[[str], str | None], body: bytes) -> str | None:
    """Whose challenge an HTTP answer is; None when it is none. `header` gives the value of a header by its name.

    The body of a good answer is not looked at: an article's page may carry the scripts of a bot wall that let us pass.
    """
    refuses = status in _REFUSALS
    for name, pattern, whose in (*_HEADERS, *(_WITH_REFUSAL if refuses else ())):
        if (value := header(name)) is not None and pattern.search(value):
            return whose
    return challenge_in(body) if refuses else None


def challenge_in(body: bytes) -> str | None:
    """Whose challenge a body is that is not what was asked for; None when it is none."""
    start = body[:MOST_LOOKED_AT]
    for pattern, whose in _IN_BODY:
        if pattern.search(start):
            return whose
    return None
