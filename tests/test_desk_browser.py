"""The desk in Debian's Chromium, on the newsroom's database: keys, a label, filters, the back button, and nobody else is asked.

LEVANTWATCH_REQUIRE=pictures makes docs/img/: pictures of every view, light, dark and on a phone.
"""

from __future__ import annotations

import os
from collections.abc import Iterator
from contextlib import closing
from datetime import UTC, datetime
from pathlib import Path
from urllib.parse import urlsplit

import pytest
from chromium import Browser, Page, running_browser
from desk_server import serving
from newsroom_database import DAY, copy_rows, make_newsroom
from sqlalchemy import func, select
from storage_samples import labels_that_hold

from storage.db import open_database
from storage.models import ARTICLES, FEEDS, POLLS
from tests.command import ROOT

PICTURES = "PICTURES" in os.environ.get("LEVANTWATCH_REQUIRE", "").upper()
NOW = datetime.fromisoformat(DAY)
LOOKS = {"light": {}, "dark": {"dark": True}, "phone": {"width": 390, "height": 844, "phone": True}}
VIEWS = ("/", "/stories", "/timeline", "/map", "/publishers", "/feeds", "/review")

# what moved while the page was loading
SHIFTS = """new Promise((found) => {
  new PerformanceObserver((list) => found(list.getEntries().length)).observe({type: "layout-shift", buffered: true});
  setTimeout(() => found(0), 50);
})"""

# of an element: whether all of it stands in the window
INSIDE = "(one) => one.getBoundingClientRect().left >= 0 && one.getBoundingClientRect().right <= window.innerWidth"

pytestmark = pytest.mark.browser


@pytest.fixture(scope="module")
def browser(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Browser]:
    """One Chromium for all tests here."""
    with running_browser(tmp_path_factory.mktemp("chromium")) as browser:
        yield browser


@pytest.fixture(scope="module")
def newsroom(browser: Browser, tmp_path_factory: pytest.TempPathFactory) -> str:
    """The URL of the newsroom's database, made once; asks for the browser first, so that nothing is made in vain."""
    return make_newsroom(tmp_path_factory.mktemp("newsroom"))


@pytest.fixture
def filled(newsroom: str, schema_url: str) -> str:
    """A copy of it on the one and the other database, with a title and a publisher that are hostile."""
    copy_rows(newsroom, schema_url)
    with closing(open_database(schema_url)) as database, database.write() as session:
        hostile = (
            '<img src="https://evil.example/x" onerror="document.title=\'run\'"><script>document.title="run"</script>'
        )
        # one in English: the Arabic ones have to be read from right to left, whichever was crawled last
        first = select(func.max(ARTICLES.c.id)).where(ARTICLES.c.language == "en").scalar_subquery()
        session.execute(ARTICLES.update().where(ARTICLES.c.id == first).values(title=hostile, publisher=hostile))
    return schema_url


def test_keys_labels_filters_and_the_back_button(browser: Browser, filled: str) -> None:
    with serving(filled, NOW) as desk:
        page = browser.page()
        page.go(desk + "/")
        page.press("j")
        page.press("j")
        row = page.ask("document.querySelector('.here').id")
        assert row == page.ask("document.querySelectorAll('[data-row]')[1].id")
        page.press("y")
        page.wait("document.querySelector('.here [aria-pressed=true]') !== null")
        assert page.ask("document.querySelector('.here [aria-pressed=true]').value") == "yes"
        page.loading(lambda: page.press("Enter"))
        assert page.ask("location.pathname") == f"/article/{row[1:]}"
        assert page.ask("document.querySelectorAll('.text mark').length") > 0
        page.loading(lambda: page.press("u"))
        assert page.ask("location.pathname") == "/"

        page.ask("document.querySelector('#topic').value = 'isis'")
        page.ask("document.querySelector('#topic').dispatchEvent(new Event('change', {bubbles: true}))")
        page.wait("location.search === '?topic=isis'")
        page.wait("document.querySelectorAll('[data-row]').length > 0 && !document.querySelector('.htmx-request')")
        assert page.ask(
            "[...document.querySelectorAll('[data-row]')].every(row => row.querySelector('[data-topic=isis]'))"
        )
        page.ask("history.back()")
        page.wait("location.search === ''")
        page.hear()
        assert page.complaints == []
    with closing(open_database(filled)) as database, database.read() as session:
        assert [(label.entry_id, label.value) for label in labels_that_hold(session)] == [(int(row[1:]), "yes")]


def test_no_view_asks_another_host_runs_a_title_or_is_wider_than_the_window(browser: Browser, filled: str) -> None:
    with serving(filled, NOW) as desk:
        page = browser.page(width=390, height=844, phone=True)
        with closing(open_database(filled)) as database, database.read() as session:
            last = session.scalar(select(func.max(ARTICLES.c.id)).where(ARTICLES.c.language == "en"))
        for path in (*VIEWS, f"/article/{last}", "/?q=syria&since=30d"):
            page.go(desk + path)
            assert page.ask("document.title") != "run"
            assert page.ask("document.documentElement.scrollWidth <= window.innerWidth"), path
            assert page.ask(SHIFTS) == 0, path
            assert page.ask(f"[...document.querySelectorAll('.top nav a')].every({INSIDE})"), path
        page.go(desk + "/stories")
        spans = page.ask("[...document.querySelectorAll('.stories .meta span:last-child')].map((one) => one.innerText)")
        assert spans
        assert all(one.partition(" – ")[0] != one.partition(" – ")[2] for one in spans)
        page.hear()
        assert {urlsplit(url).netloc for url in page.requests} == {urlsplit(desk).netloc}
        assert page.complaints == []

        page = browser.page()
        page.go(desk + "/?language=ar")
        assert page.ask("getComputedStyle(document.querySelector('.title')).direction") == "rtl"
        reached = "document.activeElement.matches('.label button')"
        for _ in range(60):
            page.press("Tab")
            if page.ask(reached):
                break
        assert page.ask(reached)
        assert page.ask("getComputedStyle(document.activeElement).outlineStyle") == "solid"


@pytest.mark.skipif(not PICTURES, reason="pictures are made when LEVANTWATCH_REQUIRE names pictures")
def test_pictures(browser: Browser, newsroom: str) -> None:
    folder = ROOT / "docs" / "img"
    folder.mkdir(exist_ok=True)
    with closing(open_database(newsroom)) as database, database.read() as session:
        arabic = session.scalar(select(func.min(ARTICLES.c.id)).where(ARTICLES.c.language == "ar"))
        english = session.scalar(
            select(ARTICLES.c.id).where(ARTICLES.c.title.like("%ISIS%"), ARTICLES.c.language == "en").limit(1)
        )
        polled = session.scalar(select(func.max(POLLS.c.started_at)))
        assert session.scalar(select(func.count()).select_from(FEEDS))
    pages = {
        "matches": "/",
        "search": "/?q=raqqa+OR+isis",
        "article": f"/article/{english}",
        "arabic": f"/article/{arabic}",
    }
    pages |= {path[1:]: path for path in VIEWS if path not in ("/", "/feeds")}
    with serving(newsroom, NOW) as desk:
        take(browser, desk, pages, folder)
    with serving(newsroom, (polled or NOW).astimezone(UTC)) as desk:  # when it was polled, so that the watch is well
        take(browser, desk, {"coverage": "/feeds"}, folder)


def take(browser: Browser, desk: str, pages: dict[str, str], folder: Path) -> None:
    for look, how in LOOKS.items():
        page: Page = browser.page(**how)
        for name, path in pages.items():
            page.go(desk + path)
            page.picture(folder / f"{name}-{look}.png")
