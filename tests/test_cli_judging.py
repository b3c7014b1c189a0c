"""`why`, `reclassify`, `review` and `audit` as an analyst uses them: at a terminal, in a pipe, on both databases."""

from __future__ import annotations

import io
import json
import os
import pty
import re
import select
import subprocess
import sys
import termios
import time
from collections.abc import Callable, Iterator
from contextlib import closing
from pathlib import Path
from typing import Any, Literal

import pytest
from storage_samples import (
    NOW,
    TriageDecision,
    add_feed,
    add_matches,
    labels_that_hold,
    list_entries,
    record_triage,
    seen,
    store_verdicts,
    verdict,
)

from crawler.classify import Judge
from crawler.cli import main
from crawler.config import Config, ConfigError, load_config
from crawler.judging import configured_judge, configured_topics
from crawler.reasons import Span, pieces, spans, sums
from crawler.review import Walk, walk
from crawler.watch import Watch
from storage import articles, entries, labels, search
from storage.db import Database, open_database
from storage.reviews import ReviewItem
from tests.command import Desk

Run = Callable[..., Any]
HARBOUR = 'topic = "harbour"\ntitle = "Harbours"\n[name.port]\nwhy = "the thing"\nen = ["harbour", "port"]\n'


# --- marking, walking: no terminal, no database ---


def piece(text: str, word: str, weight: float = 1.0, term: str = "t", field: str = "text") -> dict[str, Any]:
    start = text.index(word)
    place = {"field": field, "start": start, "end": start + len(word), "text": word}
    return {**place, "term": term, "sense": "name", "weight": weight}


def test_spans_are_in_order_and_what_overlaps_is_one() -> None:
    text = "Air strikes on Raqqa, Syria"
    found = [piece(text, "Syria"), piece(text, "strikes", 0.5), piece(text, "Air strikes", 0.25)]
    assert spans(text, "text", found) == (Span(0, 11, 0.75), Span(22, 27, 1.0))


def test_what_is_not_in_the_text_is_not_marked() -> None:
    text = "Air strikes"
    elsewhere = {**piece(text, "Air"), "text": "Sea"}
    bias = {"field": "", "start": 0, "end": 0, "text": "", "term": "bias", "sense": "bias", "weight": 1.0}
    assert spans(text, "text", [elsewhere, bias, {**piece(text, "Air"), "field": "title"}]) == ()


@pytest.mark.parametrize(("start", "end"), [(0, 27), (5, 24), (0, 4), (12, 14), (3, 3)])
def test_pieces_are_the_text_again(start: int, end: int) -> None:
    text = "Air strikes on Raqqa, Syria"
    cut = list(pieces(text, (Span(4, 11, 1.0), Span(22, 27, -1.0)), start, end))
    assert "".join(part for part, _ in cut) == text[start:end]
    assert all(part in "strikesSyria" for part, weight in cut if weight)


def test_sums_are_by_term_heaviest_first() -> None:
    text = "Syria Syria syria Hama"
    found = [piece(text, "Syria", 0.5, "syria"), piece(text, "syria", 0.25, "syria"), piece(text, "Hama", -2.0, "hama")]
    assert sums(found) == [(-2.0, "hama", "name", ("Hama",), 1), (0.75, "syria", "name", ("Syria", "syria"), 2)]


def items(number: int) -> list[ReviewItem]:
    return [
        ReviewItem(one, "syria", "near", 0.4, 0.5, False, "2026-11-24", "North Post", "en", None, "T", "text", ())
        for one in range(1, number + 1)
    ]


@pytest.mark.parametrize(
    ("keys", "labelled", "done"),
    [
        (["y", "n", "s"], {1: "yes", 2: "no"}, Walk(1, 1, 1, 0)),
        (["Y", "\r", "x", "\x1b[A", "N", "q"], {1: "yes", 2: "no"}, Walk(1, 1, 0, 1)),
        (["yyy", "q"], {1: "yes"}, Walk(1, 0, 0, 2)),  # nobody answers what he has not seen
        ([""], {}, Walk(0, 0, 0, 3)),
        (["s", "\x04"], {}, Walk(0, 0, 1, 2)),
        (["y", "n\x03"], {1: "yes"}, Walk(1, 0, 0, 2)),
    ],
)
def test_a_walk(keys: list[str], labelled: dict[int, str], done: Walk) -> None:
    pressed, shown, written = iter(keys), [], {}

    def record(item: ReviewItem, value: Literal["yes", "no"]) -> None:
        written[item.entry_id] = value

    result = walk(
        items(3), show=lambda item, number: shown.append((item.entry_id, number)), key=pressed.__next__, record=record
    )
    assert (written, result) == (labelled, done)
    assert shown == [(number, number) for number in range(1, len(shown) + 1)]


# --- the judge of the configuration ---


def test_one_judge_for_every_command(tmp_path: Path) -> None:
    assert configured_judge(Config()).version == Judge.load().version
    (tmp_path / "harbour.toml").write_text(HARBOUR, encoding="utf-8")
    own = configured_judge(replace_judge(topics_dir=str(tmp_path)))
    assert own.topics == ("harbour", "isis", "syria")
    assert own.version != Judge.load().version
    (tmp_path / "syria.toml").write_text('topic = "syria"\ntitle = "S"\n[name.x]\nwhy = "y"\nen = ["Harbourland"]\n')
    again = configured_judge(replace_judge(topics_dir=str(tmp_path)))
    [_, _, syria] = again.judge(title="Syria", text="Syria, Damascus and Aleppo.")
    assert [one.term for one in syria.evidence] == ["bias"]  # the file stands for the shipped one


def test_the_names_of_the_topics_are_those_of_the_judge(tmp_path: Path) -> None:
    """Of the shipped files without a look into them; a mistake in the user's own is told."""
    assert configured_topics(Config()) == configured_judge(Config()).topics == ("isis", "syria")
    (tmp_path / "harbour.toml").write_text(HARBOUR, encoding="utf-8")
    own = replace_judge(topics_dir=str(tmp_path))
    assert configured_topics(own) == configured_judge(own).topics
    (tmp_path / "harbour.toml").write_text("topic = 1")
    with pytest.raises(ConfigError, match="harbour"):
        configured_topics(own)


def test_a_crawl_judges_by_the_same_files(tmp_path: Path, levantwatch: Run, monkeypatch: pytest.MonkeyPatch) -> None:
    (tmp_path / "harbour.toml").write_text(HARBOUR, encoding="utf-8")
    monkeypatch.setenv("LEVANTWATCH_JUDGE_TOPICS_DIR", str(tmp_path))
    with closing(Watch.open(load_config())) as watch:
        crawls = watch.judge
    assert crawls.topics == ("harbour", "isis", "syria")
    line = json.dumps({"title": "The harbour", "text": "The harbour is a port."}).encode()
    judged = json.loads(levantwatch("classify", stdin=line)[1])
    assert list(judged) == ["id", "harbour", "isis", "syria"]
    [first, *_] = crawls.judge(title="The harbour", text="The harbour is a port.")
    assert judged["harbour"]["score"] == first.score
    assert json.loads(levantwatch("why", "--text", "--format", "json", stdin=b"port")[1])["model"] == crawls.version


def replace_judge(**values: str) -> Config:
    config = Config()
    return Config(judge=type(config.judge)(**values))


@pytest.mark.parametrize(
    ("files", "values", "told"),
    [
        ({}, {"topics_dir": "nowhere"}, "judge.topics_dir: there is no folder nowhere"),
        ({"topics/x.toml": "topic = 1"}, {"topics_dir": "topics"}, "x.toml"),
        ({}, {"model_file": "nowhere.json"}, r"nowhere\.json: cannot be read"),
        ({"m.json": "{}"}, {"model_file": "m.json"}, r"m\.json: no model"),
    ],
)
def test_a_wrong_file_is_one_line(files: dict[str, str], values: dict[str, str], told: str) -> None:
    for name, content in files.items():
        Path(name).parent.mkdir(exist_ok=True)
        Path(name).write_text(content, encoding="utf-8")
    with pytest.raises(ConfigError, match=told) as error:
        configured_judge(replace_judge(**values))
    assert "\n" not in str(error.value)


# --- commands, in a pipe ---


@pytest.fixture
def levantwatch(capfdbinary: pytest.CaptureFixture[bytes], monkeypatch: pytest.MonkeyPatch) -> Run:
    """Run the command in this process: (status, output, errors)."""

    def run(*arguments: str, stdin: bytes = b"") -> tuple[int, str, str]:
        monkeypatch.setattr(sys, "stdin", io.TextIOWrapper(io.BytesIO(stdin)))
        with pytest.raises(SystemExit) as ended:
            main(arguments)
        out, err = capfdbinary.readouterr()
        assert b"Traceback" not in err
        return int(ended.value.code or 0), out.decode(), err.decode()

    return run


@pytest.fixture
def watched(database: Database, schema_url: str, monkeypatch: pytest.MonkeyPatch) -> Database:
    """Two matches, a near miss, two rejected entries: 1 to 5."""
    monkeypatch.setenv("LEVANTWATCH_DATABASE_URL", schema_url)
    feed_id = add_feed(database)
    doubtful = {"verdicts": (verdict("syria", 0.55), verdict("isis", 0.01)), "title": "Syria and the harbour"}
    add_matches(database, feed_id, {}, doubtful)
    near, *_ = list_entries(database, feed_id, seen(7), seen(8, title="The port", summary="A port."), seen(9))
    with database.write() as session:
        verdicts = [verdict("syria", 0.4), verdict("isis", 0.01)]
        store_verdicts(session, entry_id=near, verdicts=verdicts, now=NOW)
        entries.record_end(session, entry_id=near, state="near", now=NOW)
        record_triage(session, [TriageDecision(near + 1, 0.0, False), TriageDecision(near + 2, 0.0, False)], NOW)
    return database


def test_why_shows_the_text_with_marks_and_the_sum(watched: Database, levantwatch: Run) -> None:
    text = "The ceasefire in northern Syria held."
    evidence = [
        piece(text, "Syria", 2.5, "syria"),
        piece("Ceasefire in Syria, day 1", "Syria", 0.5, "syria", field="title"),
        {"field": "", "start": 0, "end": 0, "text": "", "term": "bias", "sense": "bias", "weight": -1.0},
    ]
    with watched.write() as session:
        session.execute(articles.ARTICLES.update().where(articles.ARTICLES.c.id == 1).values(text=text))
        store_verdicts(session, entry_id=1, verdicts=[verdict("syria", 0.88, evidence=evidence)], now=NOW)
    status, out, _ = levantwatch("why", "1")
    assert status == 0
    assert out.splitlines() == [
        "Ceasefire in [[Syria]], day 1",
        "entry 1: kept, full",
        "",
        "The ceasefire in northern [[Syria]] held.",
        "",
        "syria: match, score 0.880, threshold 0.50",
        "     +3.00  syria  [name]  Syria  ×2",
        "     -1.00  bias",
        "     +2.00  sum: the score's log-odds; model m1",
        "            decided 2026-11-24 12:00Z",
    ]


def test_why_judges_a_text(levantwatch: Run) -> None:
    text = "Shells hit a market in Idlib in Syria, the Syrian government in Damascus said."
    status, out, _ = levantwatch("why", "--text", "--title", "Shells hit Idlib", stdin=text.encode())
    assert status == 0
    assert out.startswith("[[Shells]] hit [[Idlib]]\na text of 14 words\n\n")
    assert "[[Syria]]" in out
    assert re.search(r"^syria: match, score 0\.9\d\d, threshold 0\.\d\d$", out, re.MULTILINE)
    assert re.search(r"^isis: no match", out, re.MULTILINE)
    for block in out.split("\n\n")[2:]:
        weights = [float(weight) for weight in re.findall(r"^ +([+-]\d+\.\d\d)  (?!sum)", block, re.MULTILINE)]
        [total] = re.findall(r"^ +([+-]\d+\.\d\d)  sum", block, re.MULTILINE)
        assert float(total) == pytest.approx(sum(weights), abs=0.05)
    Path("text.txt").write_text(text, encoding="utf-8-sig")
    assert levantwatch("why", "--text", "--title", "Shells hit Idlib", "text.txt")[1] == out
    found = json.loads(levantwatch("why", "--text", "--format", "json", stdin=text.encode())[1])
    assert (list(found), found["syria"]["match"], found["model"]) == (
        ["model", "isis", "syria"], True, Judge.load().version,
    )  # fmt: skip


def test_arabic_is_marked_too(levantwatch: Run) -> None:
    text = "قصفت الطائرات مدينة إدلب في سوريا، وقالت الحكومة السورية في دمشق إنها سترد."
    _, out, _ = levantwatch("why", "--text", stdin=text.encode())
    assert "[[سوريا]]" in out
    assert "syria: match" in out


@pytest.mark.parametrize(
    ("arguments", "status", "told"),
    [
        (("why",), 2, "name an article or entry"),
        (("why", "1", "--title", "T"), 2, "it goes with --text"),
        (("why", "--text"), 1, "neither a text nor a --title"),
        (("why", "--text", "nowhere.txt"), 1, "cannot read nowhere.txt"),
        (("audit", "--report", "--agreement"), 2, "one of --second, --report and --agreement"),
        (("audit", "--report", "--format", "csv"), 2, "take json or jsonl"),
        (("review", "--topic", "cooking"), 2, "there is no topic 'cooking'"),
        (("reclassify", "--since", "never"), 2, "is no date"),
        (("review",), 1, "no levantwatch database here yet"),
        (("audit",), 1, "no levantwatch database here yet"),
        (("reclassify",), 1, "no levantwatch database here yet"),
    ],
)
def test_what_is_wrong_is_said_in_one_line(
    arguments: tuple[str, ...], status: int, told: str, levantwatch: Run
) -> None:
    found, out, err = levantwatch(*arguments)
    assert (found, out, len(err.splitlines())) == (status, "", 1)
    assert told in err


def test_a_text_that_is_no_text(levantwatch: Run) -> None:
    assert levantwatch("why", "--text", stdin=b"\xff\xfe")[2] == "levantwatch: - is not UTF-8 text (byte 0)\n"


@pytest.mark.usefixtures("watched")
def test_review_in_a_pipe_is_rows(levantwatch: Run) -> None:
    rows = json.loads(levantwatch("review", "--topic", "syria", "--format", "json")[1])
    assert [(row["entry_id"], row["state"], row["score"]) for row in rows] == [
        (2, "match", 0.55), (3, "near", 0.4), (1, "match", 0.9),
    ]  # fmt: skip
    assert (rows[0]["because_of"], rows[0]["publisher"]) == ("+2.00 syria", "North Post")
    lines = levantwatch("review", "--topic", "syria", "--limit", "1")[1].splitlines()
    assert [line.split("\t")[:2] for line in lines] == [["2", "syria"]]
    assert levantwatch("review", "--format", "csv", "--limit", "2")[1].count("\r\n") == 3


@pytest.mark.usefixtures("watched")
def test_an_audit_does_not_say_what_the_judge_thinks(levantwatch: Run) -> None:
    rows = json.loads(levantwatch("audit", "--topic", "syria", "--format", "json")[1])
    assert {row["entry_id"] for row in rows} >= {1, 2, 3}
    assert not {"score", "threshold", "state", "because_of"} & set(rows[0])


def test_audit_reports(watched: Database, levantwatch: Run) -> None:
    out = levantwatch("audit", "--report", "--topic", "syria")[1]
    assert "syria: precision unknown, recall unknown" in out
    assert "no labels yet on the sample of: matched, near misses, rejected" in out
    with watched.write() as session:
        for entry_id, value in ((1, "yes"), (2, "no"), (3, "yes")):
            labels.add(session, entry_id=entry_id, topic="syria", value=value, who="anna", now=NOW)  # type: ignore[arg-type]
        labels.add(session, entry_id=3, topic="syria", value="no", who="bela", now=NOW)
    out = levantwatch("audit", "--report", "--topic", "syria", "--format", "json")[1]
    [report] = json.loads(out)
    assert report["precision"]["value"] == 0.5
    assert report["parts"][0] == {"name": "matched", "population": 2, "labelled": 2, "yes": 1, "skipped": 0}
    out = levantwatch("audit", "--agreement")[1]
    assert "syria: anna and bela agree on 0 of 1, Cohen's kappa 0.00" in out
    assert re.search(r"^ +3  anna yes, bela no  Story 7$", out, re.MULTILINE)
    [found] = json.loads(levantwatch("audit", "--agreement", "--format", "json")[1])
    assert (found["labelled"], found["kappa"], found["disagreements"][0]["entry_id"]) == (1, 0.0, 3)
    assert json.loads(levantwatch("audit", "--second", "--who", "bela", "--format", "json")[1])[0]["entry_id"] in (1, 2)


def test_a_changed_topic_from_dry_run_to_the_next_crawl(
    watched: Database, schema_url: str, levantwatch: Run, monkeypatch: pytest.MonkeyPatch
) -> None:
    Path("topics").mkdir()
    Path("topics/harbour.toml").write_text(HARBOUR, encoding="utf-8")
    monkeypatch.setenv("LEVANTWATCH_JUDGE_TOPICS_DIR", "topics")
    status, out, _ = levantwatch("reclassify", "--dry-run")
    assert status == 0
    assert re.search(r"^5 entries would be judged anew, model \w{12}$", out, re.MULTILINE)
    assert re.search(r"^harbour: of these 0 matches before, \d after; \d gained", out, re.MULTILINE)
    assert "never judged → 0." in out
    assert "port" in out
    assert "nothing was written" in out
    with closing(open_database(schema_url)) as crawling, crawling.crawl_lock():
        status, out, err = levantwatch("reclassify")
        assert (status, out, len(err.splitlines())) == (1, "", 1)
        assert "already crawling into this database" in err
    report = json.loads(levantwatch("reclassify", "--format", "json")[1])
    assert (report["judged"], report["dry_run"]) == (5, False)
    assert report["topics"]["harbour"]["gained"] >= 1
    assert "was judged by model" in levantwatch("reclassify")[1]
    with watched.read() as session:
        assert {one.model for one in search.why(session, 5).verdicts} == {report["model"]}
        assert search.why(session, 4).entry.state == "pending"


# --- at a terminal ---


class Terminal:
    """The command on a pseudo-terminal of some width, with keys to press."""

    def __init__(self, desk: Desk, *arguments: str, columns: int = 80) -> None:
        self.master, slave = pty.openpty()
        env = {**desk.env, "TERM": "xterm-256color", "COLUMNS": str(columns), "LINES": "40"}
        self.process = subprocess.Popen(
            [sys.executable, "-m", "crawler", *arguments], cwd=desk.folder, env=env, stdin=slave, stdout=slave, stderr=slave
        )  # fmt: skip
        os.close(slave)
        self.seen, self._place = "", 0

    def until(self, words: str, seconds: float = 60) -> str:
        """What is shown behind what was asked for last, up to these words."""
        start, end = self._place, time.monotonic() + seconds
        while (found := self.seen.find(words, start)) < 0:
            assert time.monotonic() < end, self.seen
            if select.select([self.master], [], [], 0.2)[0]:
                try:
                    read = os.read(self.master, 65_536)
                except OSError:  # Linux says so when the other end has closed
                    read = b""
                assert read, self.seen
                self.seen += read.decode(errors="replace")
        self._place = found + len(words)
        return self.seen[start : self._place]

    def press(self, key: str) -> None:
        """Press a key, once the command listens for single keys: what is typed before is discarded."""
        end = time.monotonic() + 30
        while termios.tcgetattr(self.master)[3] & termios.ICANON:
            assert time.monotonic() < end, self.seen
            time.sleep(0.01)
        os.write(self.master, key.encode())

    def status(self) -> int:
        """Wait for the end; the exit status."""
        return self.process.wait(30)


@pytest.fixture
def terminal() -> Iterator[Callable[..., Terminal]]:
    """Starts commands on terminals; what still runs at the end is ended."""
    started = []

    def start(desk: Desk, *arguments: str, columns: int = 80) -> Terminal:
        started.append(Terminal(desk, *arguments, columns=columns))
        return started[-1]

    yield start
    for one in started:
        one.process.kill()
        one.process.wait(30)
        os.close(one.master)


@pytest.mark.parametrize("schema_url", ["sqlite"], indirect=True)  # what the database does with it is tested on both
@pytest.mark.parametrize("columns", [80, 120])
def test_review_at_a_terminal_writes_labels(
    watched: Database, schema_url: str, tmp_path: Path, columns: int, terminal: Callable[..., Terminal]
) -> None:
    shown = terminal(Desk(tmp_path, schema_url), "review", "--topic", "syria", "--who", "anna", columns=columns)
    question = shown.until("q quit")
    assert "1 of 3" in question
    assert "kept · syria 0.550, threshold 0.50" in re.sub(r"\x1b\[[\d;]*m|\r\n", "", question)
    shown.press("y")
    assert "near miss" in shown.until("q quit")
    shown.press("n")
    shown.until("q quit")
    shown.press("q")
    assert "2 labelled (1 yes, 1 no), 0 skipped, 1 left" in shown.until("1 left")
    assert shown.status() == 0
    with watched.read() as session:
        assert [(one.entry_id, one.value, one.who) for one in labels_that_hold(session)] == [
            (2, "yes", "anna"),
            (3, "no", "anna"),
        ]


@pytest.mark.parametrize("schema_url", ["sqlite"], indirect=True)
def test_an_audit_at_a_terminal_is_blind_and_ctrl_c_keeps_what_was_answered(
    watched: Database, schema_url: str, tmp_path: Path, terminal: Callable[..., Terminal]
) -> None:
    shown = terminal(Desk(tmp_path, schema_url), "audit", "--topic", "syria")
    question = shown.until("q quit")
    assert "threshold" not in question
    assert "kept" not in question
    shown.press("y")
    shown.until("q quit")
    shown.press("\x03")
    assert "1 labelled (1 yes, 0 no)" in shown.until("left")
    assert shown.status() == 0
    with watched.read() as session:
        assert len(labels_that_hold(session)) == 1


def test_nothing_left_to_ask(tmp_path: Path, templates: dict[str, str], terminal: Callable[..., Terminal]) -> None:
    shown = terminal(Desk(tmp_path, f"sqlite:///{templates['sqlite']}"), "review")
    shown.until("nothing is left to ask about")
    assert shown.status() == 0


def test_words_that_weighed_are_coloured_at_a_terminal(tmp_path: Path, terminal: Callable[..., Terminal]) -> None:
    (tmp_path / "a.txt").write_text("Shells hit Idlib in Syria, the Syrian government said.", encoding="utf-8")
    command = terminal(Desk(tmp_path, "sqlite:///none.db"), "why", "--text", "a.txt")
    shown = command.until("syria: ")
    assert re.search(r"\x1b\[1;33mSyria\x1b\[0m", shown)
    assert "[[" not in shown
    command.until("sum")
    assert command.status() == 0
