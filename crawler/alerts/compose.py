"""What was found, as messages: plain text, what strangers wrote on one line and nothing but text. PURE.

Such text may reach a chat where @ calls people, so it is written ＠ there; nothing else is changed, for apprise escapes what a
channel would read as markup.
"""

from __future__ import annotations

from collections.abc import Collection, Iterator, Sequence
from datetime import datetime
from typing import TYPE_CHECKING
from urllib.parse import quote, urlencode

from crawler.alerts.channels import Parcel
from crawler.alerts.findings import FIRST, NewMatches, NewSilence, NewSpike, Return, spike_key
from crawler.footnotes import duration
from crawler.terminal import clipped, plain
from storage import told
from storage.text import many

if TYPE_CHECKING:
    from crawler.alerts.rules import AnyRule, Rules
    from crawler.alerts.spiking import Spike

LONGEST_TITLE = 200
LONGEST_ADDRESS = 500
TOGETHER = 20  # messages that are sent as one in full; the others by their first line


def message_of(
    one: NewMatches | NewSpike | NewSilence | Return,
    rules: Rules,
    *,
    now: datetime,
    only: Collection[int] | None = None,
) -> told.MessageRecord:
    """The message; of new matches those alone whose numbers are `only`."""
    match one:
        case NewMatches():
            news = [item for item in one.news if only is None or item.article_id in only]
            key, subject, lines = articles_key(news), *_matches(one, news, rules.desk)
        case NewSpike():
            key, subject, lines = spike_key(one.spike.topic, one.spike.day), *_spike(one.spike, rules.desk)
        case NewSilence():
            key, subject, lines = told.silence_key(one.silence.feed_id, one.silence.since), *_silence(one)
        case Return():
            key, subject, lines = f"fixed/{one.silence.key}", *_return(one.silence)
    why = f"Rule {one.rule.name}: {said(one.rule.question)}."
    body = "\n".join([*lines, "", why])
    return told.MessageRecord(one.rule.name, key, one.rule.channels, subject, body, due_at(one.rule, rules, now))


def due_at(rule: AnyRule, rules: Rules, now: datetime) -> datetime:
    """When a message may be sent: now, or at the end of the quiet hours."""
    return now if rule.urgent or rules.quiet is None else rules.quiet.until(now) or now


def articles_key(news: Sequence[told.News]) -> str:
    """The key of the message about these."""
    return f"articles/{min(item.article_id for item in news)}"


def said(text: str) -> str:
    """What a stranger wrote, as text on one line that calls nobody."""
    return plain(text).replace("@", "＠").strip()


def headline(text: str) -> str:
    """A headline, not longer than a message bears."""
    return clipped(said(text), LONGEST_TITLE) or "(no title)"


def address(url: str | None) -> str:
    """The address if it is one of a page and a line can hold it, quoted; else ''."""
    if not url or not url.lower().startswith(("http://", "https://")):
        return ""
    quoted = quote(plain(url).replace(" ", "%20"), safe="%/:=&?~#+!$,;@()*-._[]", errors="replace")
    return quoted if len(quoted) <= LONGEST_ADDRESS else ""


def _matches(one: NewMatches, news: Sequence[told.News], desk: str) -> tuple[str, list[str]]:
    shown = list(reversed(news[-FIRST:]))  # newest first
    if len(news) == 1:
        subject = f"{one.rule.name}: {headline(news[0].title)}"
    else:
        subject = f"{one.rule.name}: {many(len(news), 'new match', 'new matches')}"
    lines = [f"{many(len(news), 'new match', 'new matches')}:"]
    for item in shown:
        because = one.reasons.get(item.article_id, "")
        lines += ["", f"{headline(item.title)}", f"  {said(item.publisher)}, {item.day}, {said(item.topics)}" + (f": {said(because)}" if because else "")]  # fmt: skip
        lines += [f"  {where}" for where in (address(item.url), _page(desk, item.article_id)) if where]
    if len(news) > len(shown):
        lines += ["", f"… and {len(news) - len(shown):,} more, as old or older" + _more(one, desk)]
    return subject, lines


def _page(desk: str, article_id: int) -> str:
    return f"{desk}/article/{article_id}" if desk else ""


def _more(one: NewMatches, desk: str) -> str:
    if not desk:
        return "."
    place = f'place:"{one.rule.place}"' if one.rule.place else ""
    words = " ".join(filter(None, (one.rule.search, place)))
    asked = {name: value for name, value in (("topic", one.rule.topic), ("q", words)) if value}
    return f": {desk}/?{urlencode(asked)}"


def _spike(one: Spike, desk: str) -> tuple[str, list[str]]:
    usually = f"{one.usually:.1f}"
    times = f", {one.matches / one.usually:.1f} times as many" if one.usually > 0 else ""
    subject = f"{one.topic}: {many(one.matches, 'match', 'matches')} on {one.day}, usually {usually} a day"
    return subject, [*spike_lines(one, times), *([f"{desk}/timeline?topic={one.topic}"] if desk else [])]


def spike_lines(one: Spike, times: str = "") -> list[str]:
    """Why a day stands out."""
    lines = [
        f"{many(one.matches, 'match', 'matches')} on {one.topic} on {one.day}; the mean of the 28 days before is "
        f"{one.usually:.1f}{times}; a day stands out above {one.bound:.1f}.",
    ]
    if one.own < one.matches:
        lines.append(f"{many(one.matches - one.own, 'of them is a copy', 'of them are copies')} of another article.")
    sources = [f"{said(source.name)} {source.matches} (usually {source.usually:.1f})" for source in one.publishers]
    lines.append(f"Publishers: {', '.join(sources)}.")
    if one.terms:
        lines.append("New in the headlines: " + ", ".join(f"{said(word)} ({n})" for word, n in one.terms) + ".")
    return lines


def _silence(one: NewSilence) -> tuple[str, list[str]]:
    silence = one.silence
    lasted = duration((one.now - silence.since).total_seconds())
    subject = f"{said(silence.publisher)} is silent: nothing new for {lasted}"
    return subject, [
        f"{said(silence.publisher)} answers, and its feed has brought nothing new since {_minute(silence.since)}, for {lasted}.",
        f"It usually pauses for {duration(silence.usual_seconds)}.",
        address(silence.feed_url) or "(a feed without an address that can be shown)",
    ]


def _return(one: told.OpenSilence) -> tuple[str, list[str]]:
    _, _, since = one.key.split("/")
    began, back = datetime.fromisoformat(since), one.returned_at or datetime.fromisoformat(since)
    lasted = duration((back - began).total_seconds())
    subject = f"Fixed: {said(one.publisher)} is back after {lasted}"
    return subject, [
        f"{said(one.publisher)} brought something new at {_minute(back)}, after a silence of {lasted} since {_minute(began)}.",
        address(one.feed_url),
    ]


def _minute(moment: datetime) -> str:
    return f"{moment:%Y-%m-%d %H:%MZ}"


def parcels(claimed: Sequence[told.Claimed]) -> Iterator[Parcel]:
    """What is sent at once: all that a channel is to be told for the first time is one message.

    What failed before goes alone, so that a message which a channel refuses holds up no other; so does a page of HTML.
    """
    fresh: dict[str, list[told.Claimed]] = {}
    for one in claimed:
        if one.attempts == 1 and one.html is None:
            fresh.setdefault(one.channel, []).append(one)
        else:
            yield Parcel(one.channel, (one.id,), one.subject, one.body, one.html)
    for channel, together in fresh.items():
        if len(together) == 1:
            yield Parcel(channel, (together[0].id,), together[0].subject, together[0].body)
        else:
            yield _joined(channel, together)


def _joined(channel: str, together: Sequence[told.Claimed]) -> Parcel:
    parts = [f"{one.subject}\n{one.body}" for one in together[:TOGETHER]]
    parts += ["\n".join(one.subject for one in together[TOGETHER:])] if together[TOGETHER:] else []
    names = list(dict.fromkeys(one.rule for one in together))
    subject = f"{many(len(together), 'message')}: {clipped(', '.join(names), LONGEST_TITLE)}"
    return Parcel(channel, tuple(one.id for one in together), subject, "\n\n---\n\n".join(parts))
