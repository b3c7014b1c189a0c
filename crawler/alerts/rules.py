"""The rule file of alerts as values. Every mistake is a ConfigError of one line: the file, the rule, the key, what to write.

What may be secret, the addresses of channels, stands in no error and no repr.
"""

from __future__ import annotations

import os
import re
from collections.abc import Callable, Collection, Mapping
from dataclasses import dataclass, field
from datetime import time
from pathlib import Path
from urllib.parse import quote, urlsplit
from zoneinfo import ZoneInfo

from crawler.alerts.quiet import Quiet
from crawler.alerts.tables import Table
from crawler.config import read_text, read_toml
from crawler.terminal import plain

DIGEST = "digest"  # the digest's name in the ledger, which no rule may have
TEST = "test"
_NAME = re.compile(r"[^\W_][\w .-]{0,59}")
_CHANNEL = re.compile(r"[A-Za-z0-9][A-Za-z0-9_-]{0,39}", re.ASCII)
_VARIABLE = re.compile(r"\$\{([A-Za-z_][A-Za-z0-9_]*)\}", re.ASCII)
_TIME = re.compile(r"([01][0-9]|2[0-3]):([0-5][0-9])", re.ASCII)
_SAVED = re.compile(r"@([^\W_][\w-]{0,59})")


@dataclass(frozen=True, slots=True)
class Rule:
    """What all rules have: a name, where to tell, and whether quiet hours hold for it."""

    name: str
    channels: tuple[str, ...]
    urgent: bool


@dataclass(frozen=True, slots=True)
class MatchRule(Rule):
    """Tells of new matches that are on a topic, answer a query, name a place (`places`: it and all that lies in it)."""

    topic: str
    search: str
    place: str
    places: tuple[str, ...]

    @property
    def question(self) -> str:
        """What it asks, in words."""
        asked = [f"topic {self.topic}"] if self.topic else []
        asked += [f"search {self.search}"] if self.search else []
        asked += [f"place {self.place}"] if self.place else []
        return ", ".join(asked)


@dataclass(frozen=True, slots=True)
class SpikeRule(Rule):
    """Tells of days that bring many more matches of a topic than usual."""

    topics: tuple[str, ...]

    @property
    def question(self) -> str:
        """What it asks, in words."""
        return f"spikes of {', '.join(self.topics)}"


@dataclass(frozen=True, slots=True)
class SilenceRule(Rule):
    """Tells of feeds of these publishers (none: of all) that bring nothing new for much longer than usual, and of their return."""

    publishers: tuple[str, ...]

    @property
    def question(self) -> str:
        """What it asks, in words."""
        return f"silence of {', '.join(self.publishers) or 'any publisher'}"


AnyRule = MatchRule | SpikeRule | SilenceRule


@dataclass(frozen=True, slots=True)
class DigestRule:
    """When the digest is made, and where it goes."""

    at: time
    channels: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class Rules:
    """The file. `channels` are addresses by name, and secret."""

    file: str
    zone: ZoneInfo
    desk: str
    rules: tuple[AnyRule, ...]
    quiet: Quiet | None
    digest: DigestRule | None
    channels: Mapping[str, str] = field(repr=False)


def load(file: Path, *, topics: Collection[str], environ: Mapping[str, str] = os.environ) -> Rules:
    """Read the rule file. Raises ConfigError. `topics` are those of the judge, `environ` what `${NAME}` stands for."""
    return parse(read_text(file), file=file, topics=topics, environ=environ)


def parse(text: str, *, file: Path, topics: Collection[str], environ: Mapping[str, str]) -> Rules:
    """The text of the rule file as values. Raises ConfigError."""
    top = Table(str(file), "", read_toml(file, text))
    top.only("timezone", "desk", "channels", "quiet", "digest", "rule")
    zone = _zone(top)
    channels = _channels(top.table("channels"), environ)
    rules: list[AnyRule] = []
    for number, table in enumerate(top.tables("rule"), start=1):
        rules.append(_rule(table, number, channels, topics, taken={one.name for one in rules}))
    quiet, digest = top.table("quiet"), top.table("digest")
    return Rules(
        str(file), zone, _desk(top), tuple(rules), _quiet(quiet, zone), _digest(digest, channels), channels=channels
    )


def _zone(top: Table) -> ZoneInfo:
    name = top.text("timezone", '"Asia/Beirut"') or "UTC"
    try:
        return ZoneInfo(name)
    except (KeyError, ValueError, OSError):  # what no file stands for, what leads out of their folder, a folder
        top.fail("timezone", f'there is no time zone {name!r}; write one such as "Asia/Beirut" or "UTC"')


def _desk(top: Table) -> str:
    address = top.text("desk", '"https://desk.example"')
    parts = urlsplit(address)
    if address and (parts.scheme not in ("http", "https") or not parts.netloc or parts.query or " " in address):
        top.fail("desk", 'it must be the address of the page, such as "https://desk.example"')
    return address.rstrip("/")


def _channels(table: Table, environ: Mapping[str, str]) -> dict[str, str]:
    found = {}
    for name, address in table.values.items():
        if not _CHANNEL.fullmatch(name):
            table.fail(plain(name), "a channel's name has up to 40 letters, digits, - or _")
        if not isinstance(address, str):
            table.fail(name, 'it must be an apprise address, such as "mailtos://…"')
        found[name] = _filled(table, name, address, environ).strip()
        if not re.match(r"[A-Za-z][A-Za-z0-9+.-]*://[^\s]", found[name]):
            table.fail(name, 'it is no apprise address; write one such as "mailtos://…" (docs/alerts.md)')
    return found


def _filled(table: Table, name: str, address: str, environ: Mapping[str, str]) -> str:
    """The address with what `${NAME}` stands for: as it is where it is the whole, quoted where it is a part."""
    for variable in _VARIABLE.findall(address):
        if not environ.get(variable):
            table.fail(name, f"the environment has no {variable}")
    whole = _VARIABLE.fullmatch(address.strip())
    if whole:
        return environ[whole[1]]
    return _VARIABLE.sub(lambda found: quote(environ[found[1]], safe=""), address)


def _rule(
    table: Table, number: int, channels: Mapping[str, str], topics: Collection[str], taken: Collection[str]
) -> AnyRule:
    name = table.text("name", '"camps"')
    table.place = f"rule {name!r}" if name else f"rule {number}"
    if not _NAME.fullmatch(name) or name in (DIGEST, TEST):
        table.fail("name", f"a rule's name has up to 60 letters, digits, blanks, '.', - or _, and is neither {DIGEST} nor {TEST}")  # fmt: skip
    if name in taken:
        table.fail("name", "another rule has this name")
    table.only("name", "channels", "urgent", *_KINDS)
    given = [key for key in _KINDS if key in table.values]
    common = (name, _to(table, channels), table.flag("urgent"))
    alone = [key for key in given if key in ("spike", "silent")]
    if not given or (alone and len(given) > 1):
        table.fail("", "it needs topic, search or place (of these several may stand together), or spike, or silent")
    if alone == ["spike"]:
        wanted = table.words("spike", '"isis"')
        for topic in wanted or ("",):
            _known_topic(table, "spike", topic, topics)
        return SpikeRule(*common, wanted)
    if alone == ["silent"]:
        publishers = table.words("silent", '"North Post", or "any"')
        if not publishers:
            table.fail("silent", 'name publishers, or write "any"')
        return SilenceRule(*common, () if "any" in publishers else publishers)
    return _match_rule(table, common, given, topics)


_KINDS = ("topic", "search", "place", "spike", "silent")


def _match_rule(
    table: Table, common: tuple[str, tuple[str, ...], bool], given: Collection[str], topics: Collection[str]
) -> MatchRule:
    topic, search, place = (table.text(key, f'"{example}"') for key, example in _EXAMPLES.items())
    for key, value in zip(_EXAMPLES, (topic, search, place), strict=True):
        if key in given and not value.strip():
            table.fail(key, f"it is empty; write something such as {_EXAMPLES[key]!r}")
    if topic:
        _known_topic(table, "topic", topic, topics)
    return MatchRule(*common, topic, _checked(table, search, topics), place, _places(table, place))


_EXAMPLES = {"topic": "isis", "search": "camp OR @camps", "place": "Deir ez-Zor"}


def _known_topic(table: Table, key: str, topic: str, topics: Collection[str]) -> None:
    if topic not in topics:
        table.fail(key, f"there is no topic {topic!r}; the topics are {', '.join(sorted(topics))}")


def _places(table: Table, place: str) -> tuple[str, ...]:
    if not place:
        return ()
    from crawler.mentions import UnknownNameError, group_of

    try:
        return group_of(place, "place")
    except UnknownNameError as error:
        table.fail("place", str(error))


def _checked(table: Table, search: str, topics: Collection[str]) -> str:
    """The query, if it is one; which saved searches there are is known by the database alone."""
    if search:
        from crawler.mentions import group_of
        from storage.errors import BadQuery
        from storage.query import Scope, parse_query

        scope = Scope(
            topic=_topic_of(topics),
            place=lambda word: group_of(word, "place"),
            actor=lambda word: group_of(word, "actor"),
            saved=dict.fromkeys(saved_names(search), "word"),
        )
        try:
            parse_query(search, scope)
        except BadQuery as error:
            table.fail("search", str(error))
    return search


def saved_names(query: str) -> list[str]:
    """The saved searches that a query may name."""
    return _SAVED.findall(query)


def _topic_of(topics: Collection[str]) -> Callable[[str], str]:
    def named(word: str) -> str:
        if word.strip().lower() not in topics:
            raise LookupError(f"there is no topic {word!r}; the topics are {', '.join(sorted(topics))}")
        return word.strip().lower()

    return named


def _to(table: Table, channels: Mapping[str, str]) -> tuple[str, ...]:
    named = table.words("channels", '["desk"]')
    if not named:
        table.fail("channels", "name the channels that it tells")
    for one in named:
        if one not in channels:
            known = f"[channels] has {', '.join(channels)}" if channels else "[channels] has none"
            table.fail("channels", f"there is no channel {one!r}; {known}")
    return named


def _quiet(table: Table, zone: ZoneInfo) -> Quiet | None:
    table.only("from", "until")
    if not table.values:
        return None
    begin, end = _time(table, "from"), _time(table, "until")
    if begin == end:
        table.fail("until", "the quiet hours must end at another time than they begin")
    return Quiet(begin, end, zone)


def _digest(table: Table, channels: Mapping[str, str]) -> DigestRule | None:
    table.only("at", "channels")
    return DigestRule(_time(table, "at"), _to(table, channels)) if table.values else None


def _time(table: Table, key: str) -> time:
    found = _TIME.fullmatch(table.text(key, '"06:30"'))
    if not found:
        table.fail(key, 'it must be a time of day, such as "06:30"')
    return time(int(found[1]), int(found[2]))
