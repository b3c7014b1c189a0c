"""The rule file: what it says, what is wrong with it in one line, what is never said of it; and the quiet hours."""

from __future__ import annotations

import re
from datetime import UTC, date, datetime, time
from pathlib import Path
from zoneinfo import ZoneInfo

import pytest

from crawler.alerts.figures import day_of
from crawler.alerts.quiet import Quiet
from crawler.alerts.rules import MatchRule, Rules, SilenceRule, SpikeRule, load, parse
from crawler.config import ConfigError

DOCUMENT = Path(__file__).parents[1] / "docs" / "alerts.md"
TOPICS = ("isis", "syria")
BEIRUT = ZoneInfo("Asia/Beirut")
CHANNEL = '[channels]\ndesk = "json://127.0.0.1/s3cret"\n'
RULE = CHANNEL + '[[rule]]\nname = "camps"\nchannels = ["desk"]\n'


def parsed(text: str, **environ: str) -> Rules:
    return parse(text, file=Path("alerts.toml"), topics=TOPICS, environ=environ)


def test_the_example_of_the_documentation_is_a_rule_file() -> None:
    [example] = re.findall(r"^```toml\n(.*?)^```", DOCUMENT.read_text(encoding="utf-8"), re.MULTILINE | re.DOTALL)
    Path("alerts.toml").write_text(example, encoding="utf-8")
    environ = {"ALERTS_MAIL_PASSWORD": "p@ss/word", "ALERTS_SLACK_ADDRESS": "slack://a/b/c"}
    found = load(Path("alerts.toml"), topics=TOPICS, environ=environ)
    assert found.channels == {
        "mail": "mailtos://watch:p%40ss%2Fword@mail.example?to=desk@paper.example",
        "chat": "slack://a/b/c",
    }
    isis, camps, spikes, silence = found.rules
    assert isinstance(isis, MatchRule)
    assert isinstance(camps, MatchRule)
    assert isinstance(spikes, SpikeRule)
    assert isinstance(silence, SilenceRule)
    assert (isis.topic, isis.urgent, camps.urgent, camps.channels) == ("isis", False, True, ("chat", "mail"))
    assert "hasakah" in camps.places
    assert (spikes.topics, silence.publishers) == (("isis", "syria"), ())
    assert found.quiet == Quiet(time(22), time(6, 30), BEIRUT)
    assert found.digest is not None
    assert (found.digest.at, found.digest.channels, found.desk) == (time(6, 45), ("mail",), "https://desk.example")


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("rule = 3", "alerts.toml: rule: it must be a list of tables: [[rule]]"),
        ("[rules]\n", "alerts.toml: rules: there is no such key; did you mean 'rule'?"),
        ('timezone = "Mars/Base"\n', "alerts.toml: timezone: there is no time zone 'Mars/Base'; write one such as"),
        ('timezone = "../../etc/passwd"\n', "alerts.toml: timezone: there is no time zone"),
        ('desk = "javascript:alert(1)"\n', "alerts.toml: desk: it must be the address of the page"),
        ("[channels]\ndesk = 3\n", "alerts.toml: channels: desk: it must be an apprise address"),
        ('[channels]\ndesk = "s3cret"\n', "alerts.toml: channels: desk: it is no apprise address"),
        ('[channels]\n"de sk" = "json://s3cret"\n', "alerts.toml: channels: de sk: a channel's name has"),
        ('[channels]\ndesk = "json://x/${NOT_THERE}"\n', "channels: desk: the environment has no NOT_THERE"),
        (CHANNEL + '[[rule]]\nchannels = ["desk"]\ntopic = "isis"\n', "alerts.toml: rule 1: name: a rule's name has"),
        (CHANNEL + '[[rule]]\nname = "digest"\n', "alerts.toml: rule 'digest': name: a rule's name has"),
        (CHANNEL + '[[rule]]\nname = "a\\nb"\n', "alerts.toml: rule: name: it must be one line of text"),
        (CHANNEL + '[[rule]]\nname = "a"\ntopic = "isis"\n', "rule 'a': channels: name the channels that it tells"),
        (RULE.replace('["desk"]', '["deks"]') + 'topic = "isis"', "rule 'camps': channels: there is no channel 'deks'; [channels] has desk"),
        (RULE, "alerts.toml: rule 'camps': it needs topic, search or place"),
        (RULE + 'topic = "isis"\nspike = "isis"\n', "alerts.toml: rule 'camps': it needs topic, search or place"),
        (RULE + 'topic = "isil"\n', "rule 'camps': topic: there is no topic 'isil'; the topics are isis, syria"),
        (RULE + 'topic = ""\n', "rule 'camps': topic: it is empty"),
        (RULE + "topic = 3\n", "rule 'camps': topic: it must be text, such as \"isis\""),
        (RULE + 'spike = "isil"\n', "rule 'camps': spike: there is no topic 'isil'"),
        (RULE + "spike = []\n", "rule 'camps': spike: there is no topic ''"),
        (RULE + "silent = []\n", "rule 'camps': silent: name publishers"),
        (RULE + 'search = "(camp"\n', "rule 'camps': search: in the query, at character 1: this ( is not closed"),
        (RULE + 'search = "topic:isil"\n', "there is no topic 'isil'"),
        (RULE + 'place = "Atlantis"\n', "rule 'camps': place: there is no place 'Atlantis'"),
        (RULE + 'topic = "isis"\nurgent = "yes"\n', "rule 'camps': urgent: it must be true or false"),
        (RULE + 'topci = "isis"\n', "rule 'camps': topci: there is no such key; did you mean 'topic'?"),
        (RULE + 'topic = "isis"\n' + RULE[RULE.index("[[") :], "rule 'camps': name: another rule has this name"),
        ('[quiet]\nfrom = "22:00"\n', "alerts.toml: quiet: until: it must be a time of day"),
        ('[quiet]\nfrom = "24:00"\nuntil = "6:30"\n', "alerts.toml: quiet: from: it must be a time of day"),
        ('[quiet]\nfrom = "06:30"\nuntil = "06:30"\n', "alerts.toml: quiet: until: the quiet hours must end at another"),
        (CHANNEL + '[digest]\nat = "06:30"\n', "alerts.toml: digest: channels: name the channels that it tells"),
        ("name = ", "alerts.toml:1: no valid TOML"),
    ],
)  # fmt: skip
def test_a_mistake_is_one_line_with_its_place(text: str, said: str) -> None:
    with pytest.raises(ConfigError) as raised:
        parsed(text)
    message = str(raised.value)
    assert said in message
    assert "\n" not in message
    assert "s3cret" not in message


def test_a_file_that_is_not_there_is_said_so() -> None:
    with pytest.raises(ConfigError, match=r"^nowhere\.toml does not exist$"):
        load(Path("nowhere.toml"), topics=TOPICS, environ={})


def test_addresses_stand_in_no_repr() -> None:
    assert "s3cret" not in repr(parsed(RULE + 'topic = "isis"\n'))


@pytest.mark.parametrize(
    ("at", "until"),
    [
        ("2026-11-24T19:59", None),
        ("2026-11-24T20:00", "2026-11-25T04:30"),  # 22:00 in Beirut
        ("2026-11-24T23:00", "2026-11-25T04:30"),
        ("2026-11-25T04:29", "2026-11-25T04:30"),
        ("2026-11-25T04:30", None),
        ("2026-03-28T21:00", "2026-03-29T03:30"),  # in that night the clock goes forward
        ("2026-10-24T20:00", "2026-10-25T04:30"),  # and in that one back
    ],
)
def test_quiet_hours_are_those_of_the_place(at: str, until: str | None) -> None:
    quiet = Quiet(time(22), time(6, 30), BEIRUT)
    expected = datetime.fromisoformat(until).replace(tzinfo=UTC) if until else None
    assert quiet.until(datetime.fromisoformat(at).replace(tzinfo=UTC)) == expected


def test_quiet_hours_may_lie_within_a_day() -> None:
    quiet = Quiet(time(12), time(14), ZoneInfo("UTC"))
    noon = datetime(2026, 11, 24, 12, tzinfo=UTC)
    assert quiet.until(noon) == datetime(2026, 11, 24, 14, tzinfo=UTC)
    assert quiet.until(noon.replace(hour=14)) is None


@pytest.mark.parametrize(
    ("now", "day"), [("2026-11-24T04:44", date(2026, 11, 22)), ("2026-11-24T04:45", date(2026, 11, 23))]
)
def test_the_digest_is_about_the_day_before_it_is_due(now: str, day: date) -> None:
    assert day_of(datetime.fromisoformat(now).replace(tzinfo=UTC), time(6, 45), BEIRUT) == day
