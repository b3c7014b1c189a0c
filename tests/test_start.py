"""What a command loads: only what it uses. Each is run for real, and says at its end which modules it had loaded."""

from __future__ import annotations

import shutil
import subprocess
import sys
from collections.abc import Iterator
from contextlib import closing

import pytest
from storage_samples import add_feed, add_matches

from storage.db import open_database
from tests.command import Desk
from tests.site import Reply, Site

# what takes a command a tenth of a second or more, or belongs to one command alone
HEAVY = frozenset(
    [
        "alembic",
        "apprise",
        "apscheduler",
        "dateparser",
        "fastapi",
        "feedparser",
        "httpx",
        "jinja2",
        "lxml",
        "msgspec",
        "numpy",
        "psycopg",
        "procrastinate",
        "py3langid",
        "pyarrow",
        "rich",
        "scrapy",
        "sqlalchemy",
        "starlette",
        "trafilatura",
        "twisted",
        "uvicorn",
        "warcio",
    ]
)
SCRIPT = """
import sys
from crawler.cli import main
try:
    main(sys.argv[1:])
finally:
    open("modules", "w").write(" ".join({name.partition(".")[0] for name in sys.modules}))
"""


@pytest.fixture(scope="module")
def desk(tmp_path_factory: pytest.TempPathFactory, templates: dict[str, str]) -> Iterator[Desk]:
    """A folder with a match of one feed, whose site answers that nothing is new."""
    folder = tmp_path_factory.mktemp("desk")
    shutil.copy(templates["sqlite"], folder / "levantwatch.db")
    desk = Desk(folder, f"sqlite:///{folder}/levantwatch.db")
    with Site() as site, closing(open_database(desk.url)) as database:
        feed_id = add_feed(database, url=site.route("/feed.xml", Reply(status=304)))
        add_matches(database, feed_id, {"title": "Aid reaches Raqqa"})
        yield desk


def loaded(desk: Desk, *arguments: str) -> set[str]:
    """Those of the heavy packages that the process of a command had loaded when it ended well."""
    done = subprocess.run([sys.executable, "-c", SCRIPT, *arguments], cwd=desk.folder, env=desk.env, capture_output=True, check=False)  # fmt: skip
    assert done.returncode == 0, done.stderr.decode()
    modules = (desk.folder / "modules").read_text().split()
    assert "crawler" in modules
    return HEAVY & set(modules)


@pytest.mark.parametrize("line", ["--help", "search --help", "run --help"])
def test_help_loads_nothing_heavy(desk: Desk, line: str) -> None:
    assert loaded(desk, *line.split()) == set()


@pytest.mark.parametrize(
    "line",
    [
        "search raqqa",
        "label 1 --topic syria yes",
        "export --format csv -o matches.csv",
    ],
)
def test_reading_and_labelling_load_the_database_alone(desk: Desk, line: str) -> None:
    assert loaded(desk, *line.split()) == {"msgspec", "sqlalchemy"}  # msgspec reads the configuration


def test_polling_what_is_unchanged_loads_neither_parser_nor_extractor(desk: Desk) -> None:
    assert loaded(desk, "poll") == {"msgspec", "sqlalchemy", "scrapy", "twisted", "lxml"}


def test_scrapy_starts_without_its_look_around_and_knows_its_names() -> None:
    script = (
        "import inspect; whole = inspect.stack; import crawler.limits; "
        "from scrapy.core.downloader import contextfactory, tls; assert inspect.stack is whole; "
        "print(contextfactory.ScrapyClientContextFactory.__module__, tls.ScrapyClientTLSOptions.__module__, 'inspect' in vars(contextfactory))"
    )
    done = subprocess.run([sys.executable, "-c", script], capture_output=True, text=True, check=True)
    assert done.stdout.split() == ["scrapy.core.downloader.contextfactory", "scrapy.core.downloader.tls", "False"]
