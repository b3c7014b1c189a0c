"""The child process that sends: the only user of apprise. It is started by crawler.alerts.channels and speaks JSON.

    in   {"channels": {name: address}, "seconds": 20, "messages": [{"id", "channel", "subject", "body", "html"}]}
    out  {"id": 3, "error": null}     a line for each message as soon as it is settled
         {"channel": "desk", "error": "…"}     before them, a line for each channel that cannot be used

A process, for a thread that hangs cannot be ended; and what apprise and its plugins log, which may hold what is secret, goes nowhere.
"""

from __future__ import annotations

import json
import os
import re
import resource
import sys
from collections.abc import Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from threading import Lock
from typing import Any
from urllib.parse import unquote, urlsplit

# services that show a page of HTML as it is; of the others some take a few tags of it, which a page is not
MAIL = frozenset({"mailto", "mailtos", "mailgun", "sendgrid", "ses", "brevo", "resend", "smtp2go", "sparkpost", "sendpulse", "o365"})  # fmt: skip
MEMORY, MEMORY_OF_CHANNEL = 256 * 1024 * 1024, 16 * 1024 * 1024  # bytes; 53 MB are resident with one channel
SHORTEST_SECRET = 4  # characters: shorter pieces of an address stand in any sentence
NO_ANSWER = "the channel did not answer in time"
_lock = Lock()


def main() -> None:
    """Send what standard input says, every channel for itself; then end, whatever still hangs."""
    asked = json.loads(sys.stdin.buffer.read())
    _bound_memory(len(asked["channels"]))
    with _lock:
        channels, unusable = _channels(asked["channels"])
    for name, error in unusable.items():
        _say({"channel": name, "error": error})
    by_channel: dict[str, list[Any]] = {}
    for message in asked["messages"]:
        by_channel.setdefault(message["channel"], []).append(message)
    pool = ThreadPoolExecutor(max(len(by_channel), 1))
    jobs = [
        pool.submit(_send_all, channels[name], asked["channels"][name], messages, asked["seconds"])
        for name, messages in by_channel.items()
        if name in channels
    ]
    for job in jobs:
        job.result()
    sys.stdout.flush()
    os._exit(0)  # a call that was given up may still hang in its thread


def _bound_memory(channels: int) -> None:
    """apprise reads a channel's answer to its end: three gigabytes of zeros come as three megabytes. Of a channel some is its thread's stack."""
    limit, most = MEMORY + channels * MEMORY_OF_CHANNEL, resource.getrlimit(resource.RLIMIT_DATA)[1]
    if most != resource.RLIM_INFINITY:
        limit = min(limit, most)
    resource.setrlimit(resource.RLIMIT_DATA, (limit, most))


def _channels(addresses: Mapping[str, str]) -> tuple[dict[str, Any], dict[str, str]]:
    import apprise

    apprise.logger.propagate = False
    # a redirect makes a GET of a POST: what it leads to says yes, and the message is lost; and it may lead inside
    asset = apprise.AppriseAsset(
        app_id="levantwatch", app_desc="levantwatch", storage_mode="memory", async_mode=False, http_redirects=False
    )
    usable, unusable = {}, {}
    for name, address in addresses.items():
        channel = apprise.Apprise(asset=asset)
        if channel.add(address) and len(channel) == 1:
            usable[name] = channel
        else:
            unusable[name] = "apprise cannot use its address"
    return usable, unusable


def _send_all(channel: Any, address: str, messages: Sequence[Mapping[str, Any]], seconds: float) -> None:
    hangs = False
    for message in messages:
        error = NO_ANSWER if hangs else _send(channel, address, message, seconds)
        hangs = hangs or error == NO_ANSWER  # the others would wait as long, each
        _say({"id": message["id"], "error": error})


def _send(channel: Any, address: str, message: Mapping[str, Any], seconds: float) -> str | None:
    import apprise
    from apprise.result import AppriseResultStatus

    html = message["html"] if urlsplit(address).scheme.lower() in MAIL else None
    form = apprise.NotifyFormat.HTML if html else apprise.NotifyFormat.TEXT
    result = channel.notify(
        title=message["subject"], body=html or message["body"], body_format=form, timeout=seconds, interpret_escapes=False
    )  # fmt: skip
    if result:
        return None
    if result.status == AppriseResultStatus.TIMEOUT:
        return NO_ANSWER
    said = [entry.message for entry in result.logs()]
    return "the channel did not take it" + (f": {_scrubbed(said[-1], address)}" if said else "")


def _scrubbed(said: str, address: str) -> str:
    """What apprise logged, on one line, without any piece of the address."""
    address = address.partition("://")[2]
    pieces = {piece for piece in re.split(r"[^\w.%~+-]+", address) if len(piece) >= SHORTEST_SECRET}
    pieces |= {unquote(piece) for piece in pieces} | set(re.split(r"[:/?#\[\]@!$&'()*+,;=]+", unquote(address)))
    line = " ".join("".join(character if character.isprintable() else " " for character in said).split())
    for piece in sorted((one for one in pieces if len(one) >= SHORTEST_SECRET), key=len, reverse=True):
        line = re.sub(re.escape(piece), "…", line, flags=re.IGNORECASE)
    return line[:200]


def _say(answer: Mapping[str, Any]) -> None:
    with _lock:
        sys.stdout.write(json.dumps(answer) + "\n")
        sys.stdout.flush()


if __name__ == "__main__":
    main()
