"""What one look at the database finds for the rules. It reads, and writes nothing: what was told already is left out here,
and once more, for good, when messages are written (crawler.alerts.telling)."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from datetime import UTC, date, datetime, timedelta

from sqlalchemy.orm import Session

from crawler.alerts.rules import MatchRule, Rules, SilenceRule, SpikeRule, saved_names
from crawler.alerts.spiking import Spike, explained
from crawler.scope import scope
from crawler.spikes import BASELINE, usual
from storage import coverage, overviews, saved, told
from storage.errors import BadQuery
from storage.evidence import strongest
from storage.search import Filters

FIRST = 20  # matches that a message names; the others are counted
RHYTHM = timedelta(days=7)  # that a look at silences goes back; feeds with a slower rhythm are known from before


@dataclass(frozen=True, slots=True)
class NewMatches:
    """What a rule has not told of yet, oldest first; `reasons` are the words that weighed most, of the newest FIRST."""

    rule: MatchRule
    news: Sequence[told.News]
    reasons: Mapping[int, str]


@dataclass(frozen=True, slots=True)
class Beginning:
    """A rule that is new or asks something else than before, with what it knows from the first."""

    rule: MatchRule
    asks: str
    known: Sequence[int]


@dataclass(frozen=True, slots=True)
class NewSpike:
    """A day that stands out, for a rule that has not told of it."""

    rule: SpikeRule
    spike: Spike


@dataclass(frozen=True, slots=True)
class NewSilence:
    """A feed that is silent, for a rule that has not told of it."""

    rule: SilenceRule
    silence: coverage.Silence
    now: datetime


@dataclass(frozen=True, slots=True)
class Return:
    """A silence that was told, and that is over."""

    rule: SilenceRule
    silence: told.OpenSilence


News = NewMatches | NewSpike | NewSilence | Return


@dataclass(slots=True)
class Look:
    """All of it; `broken` says what keeps a rule from being looked at."""

    beginnings: list[Beginning] = field(default_factory=list)
    matches: list[NewMatches] = field(default_factory=list)
    spikes: list[NewSpike] = field(default_factory=list)
    silences: list[NewSilence] = field(default_factory=list)
    returns: list[Return] = field(default_factory=list)
    broken: dict[str, str] = field(default_factory=dict)

    @property
    def occasions(self) -> list[NewSpike | NewSilence | Return]:
        """What is told but new matches."""
        return [*self.spikes, *self.silences, *self.returns]

    @property
    def news(self) -> list[News]:
        """All that is told."""
        return [*self.matches, *self.occasions]


def look(session: Session, rules: Rules, *, now: datetime, silences: bool = True) -> Look:
    """Look for every rule. In quiet hours new matches are left until these end, but for rules that are urgent.

    `silences` false leaves out what takes longest, the account of all polls.
    """
    found = Look()
    quiet = rules.quiet is not None and rules.quiet.until(now) is not None
    for rule in rules.rules:
        if isinstance(rule, MatchRule):
            _look_for_matches(session, rule, found, now, wait=quiet and not rule.urgent)
    spiking = [rule for rule in rules.rules if isinstance(rule, SpikeRule)]
    if spiking:
        _look_for_spikes(session, spiking, found, now)
    silent = [rule for rule in rules.rules if isinstance(rule, SilenceRule)]
    if silent and silences:
        _look_for_silences(session, silent, found, now)
    return found


def _look_for_matches(session: Session, rule: MatchRule, found: Look, now: datetime, *, wait: bool) -> None:
    try:
        asks = asked(session, rule)
        begun = told.has_begun(session, rule=rule.name, asks=asks)
        if begun and wait:
            return
        wanted = filters(session, rule, now)
        wanted.asked()  # a mistake is told also while there is nothing to look through
        news = told.untold(session, rule=rule.name, filters=wanted, now=now)
    except BadQuery as error:
        found.broken[rule.name] = f"search: {error}"
        return
    if not begun:
        found.beginnings.append(Beginning(rule, asks, [one.article_id for one in news]))
    elif news:
        newest = [one.article_id for one in news[-FIRST:]]
        found.matches.append(NewMatches(rule, news, strongest(session, newest, topic=rule.topic or None)))


def filters(session: Session, rule: MatchRule, now: datetime) -> Filters:
    """A rule's question as a search. BadQuery when it names a saved search that is not there."""
    return Filters(
        words=rule.search,
        topic=rule.topic or None,
        named=(rule.places,) if rule.places else (),
        scope=scope(session, rule.search, now) if rule.search else None,
        limit=None,
    )


def asked(session: Session, rule: MatchRule) -> str:
    """What a rule asks as it is remembered: the saved searches that it names are a part of it."""
    queries = saved.queries(session) if "@" in rule.search else {}
    named: dict[str, str] = {}
    wanted = saved_names(rule.search)
    while wanted:
        name = wanted.pop()
        if name in queries and name not in named:
            named[name] = queries[name]
            wanted += saved_names(queries[name])
    return "; ".join([rule.question, *(f"@{name} = {named[name]}" for name in sorted(named))])


def _look_for_spikes(session: Session, rules: Sequence[SpikeRule], found: Look, now: datetime) -> None:
    """Today and yesterday: what was found late, or in the last hours of a day, is a spike of that day."""
    today = now.astimezone(UTC).date()
    counts = daily(session, until=today, days=BASELINE + 1)
    known: dict[tuple[str, date], Spike] = {}
    for rule in rules:
        for topic in rule.topics:
            by_day = {day: one.matches for day, one in counts[topic].items()}
            began = min(by_day, default=today)
            for day in (today - timedelta(days=1), today):
                mean = usual(by_day, day, began)
                if mean is None or told.is_known(session, rule=rule.name, key=spike_key(topic, day)):
                    continue
                if (topic, day) not in known:
                    known[topic, day] = explained(session, counts[topic][day], usually=mean)
                found.spikes.append(NewSpike(rule, known[topic, day]))


def daily(session: Session, *, until: date, days: int) -> dict[str, dict[date, overviews.TopicDay]]:
    """The matches of each topic and day, of so many days before `until` and of that day."""
    found: dict[str, dict[date, overviews.TopicDay]] = defaultdict(dict)
    for one in overviews.topic_days(session, since=until - timedelta(days=days), until=until):
        found[one.topic][date.fromisoformat(one.day)] = one
    return found


def spike_key(topic: str, day: date) -> str:
    """The key of the message that a day of a topic stands out."""
    return f"spike/{topic}/{day}"


def _look_for_silences(session: Session, rules: Sequence[SilenceRule], found: Look, now: datetime) -> None:
    today = now.astimezone(UTC).date()
    report = coverage.report(session, since=today - RHYTHM, until=today, now=now)
    going_on = [one for one in report.silences if one.until is None]
    for rule in rules:
        for silence in going_on:
            wanted = not rule.publishers or silence.publisher in rule.publishers
            key = told.silence_key(silence.feed_id, silence.since)
            if wanted and not told.is_known(session, rule=rule.name, key=key):
                found.silences.append(NewSilence(rule, silence, now))
        for one in told.open_silences(session, rule=rule.name):
            if one.returned_at is not None:
                found.returns.append(Return(rule, one))
