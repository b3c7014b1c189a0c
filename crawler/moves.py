"""When a feed's address changes for good. PURE.

A permanent redirect is a promise that servers break: whole sites redirect to a log-in page, a parked domain, a home page
for a day. So an address is changed only when the same target was named again and again, and is the same feed.
"""

from __future__ import annotations

from datetime import datetime, timedelta
from typing import Literal
from urllib.parse import urlsplit

MOVE_AFTER = timedelta(days=3)  # longer than a weekend on which nobody mends a broken redirect
MOVE_POLLS = 3  # and asked at least as often, however seldom the feed is polled
PROPOSE_AGAIN = timedelta(days=7)  # how long a proposal that came to nothing is left alone

Verdict = Literal["stay", "move", "ask"]


def is_upgrade(url: str, target: str) -> bool:
    """Whether the target is the same host and path by https instead of http, each on its default port."""
    try:
        old, new = urlsplit(url), urlsplit(target)
        ports = old.port in (None, 80) and new.port in (None, 443)
    except ValueError:
        return False
    same = (old.hostname, old.path or "/", old.query) == (new.hostname, new.path or "/", new.query)
    return old.scheme == "http" and new.scheme == "https" and same and ports and not (old.username or new.username)


def is_possible(url: str, target: str) -> bool:
    """Whether a feed may move there at all: another address on the web, and no user's name in either."""
    try:
        old, new = urlsplit(url), urlsplit(target)
    except ValueError:
        return False
    return (
        target != url and new.scheme in ("http", "https") and bool(new.hostname) and not (old.username or new.username)
    )


def decide(
    url: str,
    target: str,
    *,
    redirected: bool,
    since: datetime,
    polls: int,
    now: datetime,
    is_feed: bool,
    same_feed: bool,
) -> Verdict:
    """Whether to move: `since` and `polls` say for how long the target was named, this poll included.

    `redirected`: the whole chain led there permanently, and what came was read. Else the document only names the address,
    which then has to be asked. `is_feed`: what came could be read; `same_feed`: it has entries of this feed, its title, or
    its very bytes.
    """
    if not is_possible(url, target):
        return "stay"
    if redirected and is_feed and is_upgrade(url, target):
        return "move"
    if now - since < MOVE_AFTER or polls < MOVE_POLLS:
        return "stay"
    if not redirected:
        return "ask"
    return "move" if same_feed else "stay"
