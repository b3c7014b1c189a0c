"""What people see: nothing that a stranger wrote is obeyed by a terminal, and nothing of a language is lost."""

from __future__ import annotations

import io
import re
from dataclasses import dataclass, replace
from datetime import UTC, datetime
from types import SimpleNamespace
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st
from rich.cells import cell_len

from crawler import terminal
from crawler.reasons import reasons_page

NOW = datetime(2026, 11, 24, 12, 0, tzinfo=UTC)


@pytest.mark.parametrize(
    ("text", "shown"),
    [
        ("Two\nlines\r\nand a\ttab", "Two lines and a tab"),
        ("next\x85line\u2028and\u2029more", "next line and more"),
        ("\x1b[31mred\x1b[0m \x1b]8;;https://news.example\x07link", "[31mred[0m ]8;;https://news.examplelink"),
        ("back\x08space \x07bell \x9b31m", "backspace bell 31m"),
        ("evil\u202egpj.exe \u2066isolated\u2069 \u200fmark", "evilgpj.exe isolated mark"),
        ("zero\u200bwidth\u2060joined\ufeff", "zerowidthjoined"),
        ("soft\u00adhyphen", "softhyphen"),
        ("می\u200cخواهم", "می\u200cخواهم"),  # Persian without its non-joiner is another word
        ("क्\u200dष", "क्\u200dष"),
        ("half \ud800 a character", "half a character"),
        ("private \ue000 use", "private use"),
        ("  many   spaces\u00a0here  ", "many spaces here"),
        ("", ""),
        (42, "42"),
    ],
)
def test_plain(text: object, shown: str) -> None:
    assert terminal.plain(text) == shown


@given(st.text(st.characters()))
def test_plain_text_is_printable_on_one_line_and_stays_so(text: str) -> None:
    shown = terminal.plain(text)
    assert len(shown.splitlines()) <= 1
    assert not set(shown) & set("\x1b\x9b\x07\x08\u202a\u202b\u202c\u202d\u202e\u2066\u2067\u2068\u2069")
    assert terminal.plain(shown) == shown
    shown.encode("utf-8")


def test_clipped() -> None:
    assert terminal.clipped("Raqqa", 5) == "Raqqa"
    assert terminal.clipped("Raqqa falls", 7) == "Raqqa…"
    assert terminal.clipped("Raqqa", 0) == "…"


# --- tables ---


class Tty(io.StringIO):
    def isatty(self) -> bool:
        return True


@dataclass(frozen=True)
class Row:
    id: int
    title: str
    seen_at: datetime | None = None
    tags: tuple[str, ...] = ()


ROWS = [Row(1, "A [bold]title[/bold] with :smile: and \x1b[31m", NOW, ("syria", "isis")), Row(2, "سوريا: غارات جوية")]


def test_piped_rows_are_tab_separated() -> None:
    file = io.StringIO()
    terminal.rows_out(ROWS, "table", file)
    assert file.getvalue() == (
        "1\tA [bold]title[/bold] with :smile: and [31m\t2026-11-24 12:00Z\tsyria, isis\n2\tسوريا: غارات جوية\t\t\n"
    )


def test_a_tab_in_a_title_adds_no_column() -> None:
    file = io.StringIO()
    terminal.rows_out([Row(1, "a\tb\nc")], "table", file)
    assert file.getvalue() == "1\ta b c\t\t\n"


@pytest.mark.parametrize("columns", ["40", "80", "120"])
def test_a_table_reads_no_markup_and_keeps_every_word(columns: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("COLUMNS", columns)
    monkeypatch.setenv("TERM", "xterm")
    file = Tty()
    terminal.rows_out(ROWS, "table", file)
    drawn = re.sub(r"\x1b\[[0-9;]*m", "", file.getvalue())  # Rich's own bold and dim
    shown = "".join(drawn.split())
    for word in ("[bold]title[/bold]", ":smile:", "[31m", "سوريا:", "غارات", "جوية"):
        assert word in shown
    assert max(map(len, drawn.splitlines())) <= int(columns)


@dataclass(frozen=True)
class Wide:
    story_id: int
    title: str
    articles: int
    publishers: int
    first_at: datetime
    last_at: datetime


STORIES = [
    Wide(6, "Claims of an attack on an army bus in the eastern desert", 3, 1, NOW, NOW),
    Wide(40, "حکم اعدام دو عضو داعش در پروندهٔ بمب‌گذاری کرمان تأیید شد", 1, 1, NOW, NOW),
]


@pytest.mark.parametrize("columns", [30, 40, 78, 80, 90, 120, 200])
def test_every_cell_of_a_table_can_be_read_whole(columns: int, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("COLUMNS", str(columns))
    monkeypatch.setenv("TERM", "xterm")
    file = Tty()
    terminal.rows_out(STORIES, "table", file)
    drawn = re.sub(r"\x1b\[[0-9;]*m", "", file.getvalue())
    assert "…" not in drawn
    assert drawn.count("2026-11-24") == drawn.count("12:00Z") == 4
    assert all(word in drawn for word in ("Claims", "attack", "desert", "حکم", "پروندهٔ", "کرمان", "publishers"))
    assert max(map(cell_len, drawn.splitlines())) <= columns


def test_rows_that_do_not_fit_side_by_side_stand_below_each_other(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("COLUMNS", "40")
    file = Tty()
    terminal.rows_out([replace(one, title="Rain") for one in STORIES], "table", file)
    first, second = re.sub(r"\x1b\[[0-9;]*m", "", file.getvalue()).split("\n\n")
    assert first == (
        "  story id  6\n     title  Rain\n  articles  3\npublishers  1\n"
        "  first at  2026-11-24 12:00Z\n   last at  2026-11-24 12:00Z"
    )
    assert second.startswith("  story id  40\n")


def test_no_rows_are_said_to_people_and_are_nothing_to_programs() -> None:
    people, programs = Tty(), io.StringIO()
    terminal.rows_out([], "table", people)
    terminal.rows_out([], "table", programs)
    assert (people.getvalue(), programs.getvalue()) == ("nothing\n", "")


@pytest.mark.parametrize("form", ["json", "jsonl", "csv"])
def test_forms_for_programs_are_utf_8_whatever_the_locale(form: str) -> None:
    raw = io.BytesIO()
    file = io.TextIOWrapper(raw, encoding="ascii")
    terminal.rows_out(ROWS, form, file)
    file.flush()
    assert "سوريا: غارات جوية" in raw.getvalue().decode("utf-8")


# --- pages ---


def found(**values: Any) -> Any:
    """What storage knows of an entry, with a title and a text that try to be obeyed."""
    title, text = (
        "Raqqa [red]retaken\x1b[2J",
        "The town of Raqqa, held for years, was retaken.\n\nSecond [b]paragraph\u202e.",
    )
    start = text.index("Raqqa")
    evidence = [
        {
            "field": "text",
            "start": start,
            "end": start + 5,
            "text": "Raqqa",
            "term": "raqqa",
            "sense": "place",
            "weight": 1.5,
        },
        {"field": "title", "start": 0, "end": 5, "text": "Raqqa", "term": "raqqa", "sense": "place", "weight": 2.5},
        {
            "field": "text",
            "start": 900,
            "end": 905,
            "text": "moved\x1b[1m",
            "term": "moved",
            "sense": "place",
            "weight": 0.25,
        },
        {"field": "", "start": 0, "end": 0, "text": "", "term": "bias", "sense": "bias", "weight": -3.0},
    ]
    article = SimpleNamespace(
        title=title, text=text, url="https://news.example/a\x1b[1m", author="A \x07Writer", language="en", topics="syria", words=8,
        extraction="full", extractor="trafilatura", story_id=3, role="original", fetched_at=NOW, published_at=None, published_raw="soon",
        published_source=None, updated_at=None,
    )  # fmt: skip
    entry = SimpleNamespace(
        id=12, state="match", title=title, summary="A [i]summary", url="https://news.example/a", author=None, language=None, error=None,
        first_seen_at=NOW, published_at=NOW, published_raw=None, published_source="published", updated_at=None, triage_score=0.006,
    )  # fmt: skip
    whole = {
        "entry": entry, "article": article, "feed": SimpleNamespace(publisher="The \x1bCourier", title="", url="https://news.example/f"),
        "verdicts": (SimpleNamespace(topic="syria", matched=True, score=0.777, threshold=0.5, model="m1", evidence=evidence, decided_at=NOW),),
        "labels": (SimpleNamespace(topic="syria", value="yes", who="an\x1banalyst", labelled_at=NOW, note=None),),
        "seen_in": (SimpleNamespace(feed_url="https://news.example/f\x1b", first_seen_at=NOW, url=None),), "story_members": 1, "named": (),
        "clocks": (), "revisions": (), "recheck": None,
    }  # fmt: skip
    for name, value in values.items():
        if name in whole:
            whole[name] = value
        else:
            setattr(entry, name, value)
    return SimpleNamespace(**whole)


def test_an_article_is_shown_with_its_clocks_and_nothing_is_obeyed(capsys: pytest.CaptureFixture[str]) -> None:
    terminal.article_page(found())
    shown = capsys.readouterr().out
    assert "\x1b" not in shown
    assert "\u202e" not in shown
    for words in (
        "Raqqa [red]retaken[2J",
        "12 (match)",
        "not claimed: soon",
        "8 words, full, by trafilatura",
        "Second [b]paragraph.",
    ):
        assert words in shown


def test_what_was_claimed_and_what_changed_is_shown_and_obeys_nothing(capsys: pytest.CaptureFixture[str]) -> None:
    clocks = (SimpleNamespace(clock="published", source="feed", at=NOW, raw="today\x1b[2J", confidence=0.6, flags=("no-zone",)),)  # fmt: skip
    number = {
        "field": "text",
        "before": "12",
        "after": "21\x1b[1m",
        "was": 12,
        "now": 21,
        "left": "killed",
        "right": "",
    }
    revision = SimpleNamespace(number=1, kind="edited", seen_at=NOW, added=1, removed=1, numbers=[number], edits=[])
    recheck = SimpleNamespace(looks=2, looked_at=NOW, outcome="gone", error="a\x1bb", due_at=None, taken_down_at=NOW)
    terminal.article_page(found(clocks=clocks, revisions=(revision,), recheck=recheck))
    shown = capsys.readouterr().out
    assert "\x1b" not in shown
    for words in ("confidence 0.60, no-zone", "killed 12 -> 21", "taken down, seen", "2 times, last", "not again"):
        assert words in " ".join(shown.split())


def test_a_rejected_entry_shows_its_summary(capsys: pytest.CaptureFixture[str]) -> None:
    terminal.article_page(found(article=None, state="irrelevant"))
    shown = capsys.readouterr().out
    assert "never: it was not kept" in shown
    assert "A [i]summary" in shown


def test_reasons_obey_nothing_either_and_add_up(capsys: pytest.CaptureFixture[str]) -> None:
    reasons_page(found())
    shown = capsys.readouterr().out
    assert "\x1b" not in shown
    assert "\u202e" not in shown
    assert "[red]retaken[2J" in shown
    assert "entry 12: kept, full" in shown
    assert "syria: match, score 0.777, threshold 0.50" in shown
    assert re.search(r"\+4\.00 +raqqa", shown), "what one term weighed in title and text together"
    assert re.search(r"-3\.00 +bias", shown)
    assert re.search(r"\+1\.25 +sum", shown)
    assert "label: syria yes, by ananalyst" in shown


@pytest.mark.parametrize(
    ("state", "error", "words"),
    [
        ("pending", None, "waiting to be read"),
        ("pending", "HTTP 503\x1b", "waiting to be read; last try: HTTP 503"),
        ("near", None, "not kept: just under the threshold"),
        ("irrelevant", None, "not kept: not about any topic"),
        ("unreadable", "only 3 words", "its page could not be read (only 3 words)"),
        ("gone", None, "its page is gone (no reason stored)"),
    ],
)
def test_why_an_entry_is_not_here(
    state: str, error: str | None, words: str, capsys: pytest.CaptureFixture[str]
) -> None:
    reasons_page(found(article=None, state=state, error=error))
    assert words in capsys.readouterr().out


def test_an_entry_that_triage_left_out_says_so(capsys: pytest.CaptureFixture[str]) -> None:
    reasons_page(found(article=None, state="irrelevant", verdicts=()))
    told = " ".join(capsys.readouterr().out.split())  # it wraps at the terminal's width
    assert "by title and summary alone it scored 0.006, too little to fetch the page" in told


# --- progress ---


def test_no_bar_without_a_terminal(capsys: pytest.CaptureFixture[str]) -> None:
    with terminal.progress("polling", 3) as bar:
        assert not bar.shown
        assert list(bar.through([1, 2, 3])) == [1, 2, 3]
        bar.advance()
    assert capsys.readouterr() == ("", "")
