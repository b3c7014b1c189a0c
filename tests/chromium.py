"""Debian's Chromium without a window, driven over its own pipe: no driver and no package is needed.

with running_browser() as browser:
    page = browser.page()
    page.go("http://127.0.0.1:8350/")
    page.press("j")
    assert page.ask("document.title") == "Matches"
    page.requests    # every address that the page asked for
"""

from __future__ import annotations

import base64
import json
import os
import select
import shutil
import subprocess
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from conftest import unavailable

SECONDS = 20
_KEYS = {"Enter": ("Enter", 13, "\r"), "Tab": ("Tab", 9, ""), "Escape": ("Escape", 27, "")}


class Browser:
    """One process; its pages share nothing but the process."""

    def __init__(self, reading: int, writing: int) -> None:
        self._reading, self._writing = reading, writing
        self._buffer = b""
        self._number = 0
        self._events: list[dict[str, Any]] = []

    def send(self, method: str, session: str | None = None, **params: Any) -> dict[str, Any]:
        """One command, and its answer."""
        self._number += 1
        message: dict[str, Any] = {"id": self._number, "method": method, "params": params}
        if session:
            message["sessionId"] = session
        os.write(self._writing, json.dumps(message).encode() + b"\0")
        while True:
            answer = self._next(SECONDS)
            if answer.get("id") == self._number:
                assert "error" not in answer, answer
                return dict(answer["result"])
            self._events.append(answer)

    def events(self, seconds: float) -> list[dict[str, Any]]:
        """What has happened, waiting a little for the first of it."""
        if not self._events and b"\0" not in self._buffer:
            select.select([self._reading], [], [], seconds)
        while b"\0" in self._buffer or select.select([self._reading], [], [], 0)[0]:
            self._events.append(self._next(SECONDS))
        found, self._events = self._events, []
        return found

    def page(self, *, width: int = 1280, height: int = 800, dark: bool = False, phone: bool = False) -> Page:
        """A new page in a profile of its own."""
        context = self.send("Target.createBrowserContext")["browserContextId"]
        target = self.send("Target.createTarget", url="about:blank", browserContextId=context)["targetId"]
        session = self.send("Target.attachToTarget", targetId=target, flatten=True)["sessionId"]
        return Page(self, session, width=width, height=height, dark=dark, phone=phone)

    def _next(self, seconds: float) -> dict[str, Any]:
        end = time.monotonic() + seconds
        while b"\0" not in self._buffer:
            left = end - time.monotonic()
            is_there = bool(left > 0 and select.select([self._reading], [], [], left)[0])
            assert is_there, "Chromium does not answer"
            piece = os.read(self._reading, 1 << 20)
            assert piece, "Chromium has ended"
            self._buffer += piece
        message, _, self._buffer = self._buffer.partition(b"\0")
        return dict(json.loads(message))


class Page:
    """One tab. `requests` are all addresses that it asked for, `complaints` what its console says."""

    def __init__(self, browser: Browser, session: str, *, width: int, height: int, dark: bool, phone: bool) -> None:
        self._browser, self._session = browser, session
        self.requests: list[str] = []
        self.complaints: list[str] = []
        self._loaded = 0
        for domain in ("Page", "Network", "Runtime", "Log"):
            self._do(f"{domain}.enable")
        self._do("Emulation.setDeviceMetricsOverride", width=width, height=height, deviceScaleFactor=1, mobile=phone)
        features = [{"name": "prefers-color-scheme", "value": "dark" if dark else "light"}]
        self._do("Emulation.setEmulatedMedia", features=features)

    def go(self, url: str) -> None:
        """Open an address and wait until it is loaded."""
        self.loading(lambda: self._do("Page.navigate", url=url))

    def loading(self, action: Any) -> None:
        """Do something that loads a page, and wait for that."""
        self._hear(0)
        before = self._loaded
        action()
        end = time.monotonic() + SECONDS
        while self._loaded == before:
            assert time.monotonic() < end, "no page was loaded"
            self._hear(0.2)

    def ask(self, expression: str) -> Any:
        """The value of an expression on the page."""
        answer = self._do("Runtime.evaluate", expression=expression, returnByValue=True, awaitPromise=True)
        assert "exceptionDetails" not in answer, answer
        return answer["result"].get("value")

    def wait(self, expression: str) -> None:
        """Wait until an expression is true."""
        end = time.monotonic() + SECONDS
        while not self.ask(expression):
            assert time.monotonic() < end, f"never true: {expression}"
            self._hear(0.05)

    def press(self, key: str) -> None:
        """Press a key."""
        code, number, text = _KEYS.get(key) or (key, ord(key.upper()), key)
        common = {"key": code, "windowsVirtualKeyCode": number, "code": code}
        self._do("Input.dispatchKeyEvent", type="keyDown", text=text, **common)
        self._do("Input.dispatchKeyEvent", type="keyUp", **common)

    def click(self, selector: str) -> None:
        """Click in the middle of an element, as a mouse does."""
        box = f"document.querySelector({json.dumps(selector)})"
        self.ask(f"{box}.scrollIntoView({{block: 'center'}})")
        x, y = self.ask(f"(r => [r.x + r.width / 2, r.y + r.height / 2])({box}.getBoundingClientRect())")
        for kind in ("mousePressed", "mouseReleased"):
            self._do("Input.dispatchMouseEvent", type=kind, x=x, y=y, button="left", clickCount=1)

    def picture(self, file: Path) -> None:
        """The window as a PNG."""
        file.write_bytes(base64.b64decode(self._do("Page.captureScreenshot", format="png")["data"]))

    def hear(self) -> None:
        """Take in what has happened until now."""
        self._hear(0.1)

    def _do(self, method: str, **params: Any) -> dict[str, Any]:
        return self._browser.send(method, self._session, **params)

    def _hear(self, seconds: float) -> None:
        for event in self._browser.events(seconds):
            if event.get("sessionId") != self._session:
                continue
            method, params = event["method"], event["params"]
            if method == "Network.requestWillBeSent":
                self.requests.append(params["request"]["url"])
            elif method == "Page.loadEventFired":
                self._loaded += 1
            elif method == "Log.entryAdded":
                self.complaints.append(params["entry"]["text"])
            elif method == "Runtime.exceptionThrown":
                self.complaints.append(params["exceptionDetails"]["text"])


@contextmanager
def running_browser(profile: Path) -> Iterator[Browser]:
    """Chromium, until the block ends; `profile` is an empty folder."""
    program = shutil.which("chromium") or shutil.which("chromium-browser") or shutil.which("google-chrome")
    if program is None:
        unavailable("browser", "no Chromium here")
    to_browser, from_us = os.pipe()
    to_us, from_browser = os.pipe()
    arguments = [
        program, "--headless=new", "--remote-debugging-pipe", f"--user-data-dir={profile}", "--no-first-run", "--no-sandbox",
        "--disable-gpu", "--disable-dev-shm-usage", "--disable-background-networking", "--disable-component-update",
        "--disable-extensions", "--hide-scrollbars", "--force-color-profile=srgb", "--lang=en",
    ]  # fmt: skip
    shell = f'exec "$@" 3<&{to_browser} 4>&{from_browser}'
    process = subprocess.Popen(
        ["bash", "-c", shell, "chromium", *arguments],
        pass_fds=(to_browser, from_browser), stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL,
    )  # fmt: skip
    os.close(to_browser)
    os.close(from_browser)
    try:
        browser = Browser(to_us, from_us)
        yield browser
        browser.send("Browser.close")
        process.wait(SECONDS)
    finally:
        if process.poll() is None:
            process.kill()
            process.wait()
        os.close(from_us)
        os.close(to_us)
