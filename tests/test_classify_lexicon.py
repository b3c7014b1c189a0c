"""Topic files: what they must be, and how a wrong one is told."""

from __future__ import annotations

import json
import tempfile
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from crawler.classify.lexicon import TOPICS, LexiconError, load_topic, load_topics
from crawler.classify.model import ModelError, load_model

GOOD = 'topic = "lebanon"\ntitle = "Lebanon"\n\n[name.lebanon]\nwhy = "the country"\nen = ["Lebanon"]\n'


def written(folder: Path, text: str) -> Path:
    file = folder / "lebanon.toml"
    file.write_text(text, encoding="utf-8")
    return file


def test_the_shipped_topics_load() -> None:
    topics = load_topics()
    assert [topic.id for topic in topics] == ["common", "isis", "syria"]
    assert all(len(topic.forms) > 500 for topic in topics)


@pytest.mark.parametrize("topic", ["syria", "isis"])
@pytest.mark.parametrize("language", ["en", "ar", "fr", "de", "tr", "es", "ru", "ku", "fa", "ckb", "it", "pl"])
def test_every_topic_is_named_in_every_language(topic: str, language: str) -> None:
    forms = load_topic(TOPICS / f"{topic}.toml").forms
    # the international acronym of the organisation is what Italians and Kurds write, too
    assert sum(form.language == language and form.concept.sense in ("name", "derived") for form in forms) >= 2


@pytest.mark.parametrize(
    ("change", "line", "told"),
    [
        (('topic = "lebanon"', 'topic = "libanon"'), 1, "file's name"),
        (('title = "Lebanon"', "title = 7"), 2, "title"),
        (("[name.lebanon]", "[named.lebanon]"), 4, "unknown sense 'named'"),
        (('why = "the country"\n', ""), 4, "reason"),
        (('why = "the country"', 'why = " "'), 4, "reason"),
        (('en = ["Lebanon"]', 'en = "Lebanon"'), 6, "list"),
        (('en = ["Lebanon"]', "en = [7]"), 6, "no text"),
        (('en = ["Lebanon"]', 'xx = ["Lebanon"]'), 6, "unknown key or language 'xx'"),
        (('en = ["Lebanon"]', 'en = ["..."]'), 6, "no spelling"),
        (('en = ["Lebanon"]', 'en = ["Le*anon"]'), 6, "may only end"),
        (('en = ["Lebanon"]', 'en = ["L*"]'), 6, "may only end"),
        (('en = ["Lebanon"]', f'en = ["{"x" * 90}"]'), 6, "no spelling"),
        (('en = ["Lebanon"]', ""), 4, "no spelling in any language"),
        (('en = ["Lebanon"]', 'weak = 9\nen = ["Lebanon"]'), 6, "weak"),
        (("[name.lebanon]", "[context.lebanon]"), 1, "no concept names the topic"),
        (("[name.lebanon]", "[name"), 4, "line 4"),
    ],
)
def test_a_wrong_entry_names_file_and_line(tmp_path: Path, change: tuple[str, str], line: int, told: str) -> None:
    file = written(tmp_path, GOOD.replace(*change))
    with pytest.raises(LexiconError) as caught:
        load_topic(file)
    message = str(caught.value)
    assert "lebanon.toml" in message
    assert told in message
    assert f":{line}:" in message or f"line {line}" in message
    assert "\n" not in message


def test_a_file_that_is_none(tmp_path: Path) -> None:
    with pytest.raises(LexiconError, match="cannot be read"):
        load_topic(tmp_path / "nothing.toml")
    (tmp_path / "latin.toml").write_bytes(b'topic = "latin"\ntitle = "\xe9"')
    with pytest.raises(LexiconError, match=r"latin\.toml"):
        load_topic(tmp_path / "latin.toml")
    for number, value in enumerate(("9" * 5_000, "[" * 5_000)):
        (file := tmp_path / f"large-{number}.toml").write_text(f"topic = {value}")
        with pytest.raises(LexiconError, match=rf"large-{number}\.toml"):
            load_topic(file)
    with pytest.raises(LexiconError, match="no topic file"):
        load_topics(tmp_path / "empty")


@pytest.mark.parametrize(
    "content",
    [
        "",
        "{}",
        '{"topics": {}}',
        '{"topics": {"default": {"bias": 0, "weights": {}, "threshold": 2, "near": 0.1}}}',
        '{"topics": {"syria": {}}}',
        "[1]",
        "[" * 100_000,
        '{"topics": {"default": {"bias": 1' + "0" * 5_000 + "}}}",
    ],
)
def test_a_wrong_model_is_one_line(tmp_path: Path, content: str) -> None:
    file = tmp_path / "model.json"
    file.write_text(content, encoding="utf-8")
    with pytest.raises(ModelError) as caught:
        load_model(file)
    assert "model.json" in str(caught.value)
    assert "\n" not in str(caught.value)


def test_the_shipped_model_weighs_every_topic() -> None:
    model = load_model()
    assert {"syria", "isis", "default"} <= set(model.topics)
    assert json.dumps({name: len(one.weights) for name, one in model.topics.items()})
    assert all(len(one.weights) > 15 for one in model.topics.values())


PIECES = st.sampled_from(
    ["topic", "title", "lebanon", "common", "name", "context", "why", "en", "weak", "case", "[name.", "]", "[", " = ", '"', "'", "\n", "7", "true", "{", "}",
     "*", "…", "\ud800", "\u202e", "\x00", "1979-05-27", "Lebanon", ",", '"""', "#"]
)  # fmt: skip


@given(
    text=st.text()
    | st.lists(PIECES, max_size=14).map("".join)
    | st.builds(GOOD.replace, st.sampled_from(GOOD.split()), PIECES | st.text(max_size=9))
)
def test_any_text_is_a_topic_or_one_line_of_what_is_wrong(text: str) -> None:
    with tempfile.TemporaryDirectory() as folder:
        file = Path(folder, "lebanon.toml")
        file.write_bytes(text.encode("utf-8", "surrogatepass"))
        told = ""
        try:
            topic = load_topic(file)
        except LexiconError as error:
            told = str(error)
    if told:
        assert "lebanon.toml" in told
        assert told.isprintable(), ascii(told)
    else:
        assert topic.id == "lebanon"
        assert topic.forms


def test_a_turkish_k_is_written_otherwise_before_an_ending(tmp_path: Path) -> None:
    forms = load_topic(written(tmp_path, GOOD + 'tr = ["egemenlik*", "=PKK*"]\n')).forms
    assert [form.text for form in forms if form.language == "tr"] == ["egemenlik", "egemenlig", "pkk"]
