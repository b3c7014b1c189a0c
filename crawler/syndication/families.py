"""Publishers and their owners. PURE but for reading the data file once."""

from __future__ import annotations

import ipaddress
import tomllib
from functools import cache
from pathlib import Path

from crawler.urls import registered_domain


def family_of(url: str | None) -> str:
    """What a publisher is counted as, by the address of its article: its owner group, else its registered domain.

    '' where the address tells nothing: none, or the number of a machine, which many may share.
    """
    domain = registered_domain(url or "")
    if not domain or "." not in domain or _is_number(domain):
        return ""
    return f"family {_families()[domain]}" if domain in _families() else f"site {domain}"


def _is_number(domain: str) -> bool:
    try:
        ipaddress.ip_address(domain)
    except ValueError:
        return False
    return True


@cache
def _families() -> dict[str, str]:
    data = tomllib.loads(Path(__file__).with_name("families.toml").read_text(encoding="utf-8"))
    return {domain: group["id"] for group in data["family"] for domain in group["domains"]}
