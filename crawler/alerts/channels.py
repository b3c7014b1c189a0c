"""Messages to their channels: a child process per sending, killed when it takes too long (crawler.alerts.sending is what it does)."""

from __future__ import annotations

import json
import subprocess
import sys
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass
from importlib.util import find_spec

from crawler.config import ConfigError

SECONDS = 20.0  # that a channel has for one message
LONGEST = 90.0  # that all channels have for all messages; well within the lease of a claim
CUT_OFF = "no answer while there was time; the next try may bring it twice"


@dataclass(frozen=True, slots=True)
class Parcel:
    """What is sent at once to one channel; `ids` are the messages in it."""

    channel: str
    ids: tuple[int, ...]
    subject: str
    body: str
    html: str | None = None


def need_apprise() -> None:
    """Raise ConfigError when the package that knows the channels is not installed."""
    if find_spec("apprise") is None:
        raise ConfigError("alerts.file: alerts need the package apprise: pip install 'levantwatch[alerts]'")


def unusable(channels: Mapping[str, str]) -> dict[str, str]:
    """The channels whose addresses cannot be used, and why not."""
    answers = _ask(channels, [], SECONDS)
    return {str(answer["channel"]): str(answer["error"]) for answer in answers if "channel" in answer}


def deliver(
    channels: Mapping[str, str], parcels: Sequence[Parcel], *, seconds: float = SECONDS, longest: float = LONGEST
) -> list[str | None]:
    """Send; of each parcel None when its channel took it, else why not. Blocks for `longest` seconds at most."""
    if not parcels:
        return []
    there = [number for number, one in enumerate(parcels) if one.channel in channels]
    wanted = {parcels[number].channel: channels[parcels[number].channel] for number in there}
    answers = _ask(wanted, [(number, parcels[number]) for number in there], seconds, longest)
    cannot = {answer["channel"]: answer["error"] for answer in answers if "channel" in answer}
    settled = {answer["id"]: answer["error"] for answer in answers if "id" in answer}
    found: list[str | None] = []
    for number, one in enumerate(parcels):
        if one.channel not in channels:
            found.append("the file has no such channel any more")
        else:
            error = settled.get(number, cannot.get(one.channel, CUT_OFF))
            found.append(None if error is None else str(error))
    return found


def _ask(
    channels: Mapping[str, str], parcels: Sequence[tuple[int, Parcel]], seconds: float, longest: float = LONGEST
) -> list[dict[str, object]]:
    if not channels:
        return []
    messages = [{**asdict(one), "id": number} for number, one in parcels]
    asked = json.dumps({"channels": dict(channels), "seconds": seconds, "messages": messages}).encode()
    # -P: a file of the user's in the current folder must not stand for a module
    child = subprocess.Popen(
        [sys.executable, "-P", "-m", "crawler.alerts.sending"],
        stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=subprocess.DEVNULL,
    )  # fmt: skip
    with child:
        try:
            said, _ = child.communicate(asked, timeout=longest)
        except subprocess.TimeoutExpired:
            child.kill()
            said, _ = child.communicate()
        except BaseException:
            child.kill()
            raise
    lines = said.decode(errors="replace").splitlines()
    return [json.loads(line) for line in lines if line.startswith("{") and line.endswith("}")]
