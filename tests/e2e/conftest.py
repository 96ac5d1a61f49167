"""Fixtures of the tests that run the whole product."""

import re
import subprocess
from collections.abc import AsyncIterator
from pathlib import Path

import aiohttp
import pytest
import pytest_asyncio
from playwright.async_api import Browser, ConsoleMessage, Dialog, Page

from support.browser import chromium, new_window
from support.client import Client
from support.page_steps import PATIENCE, offered
from support.server import Wavemill


@pytest.fixture(scope="session")
def long_audio(tmp_path_factory: pytest.TempPathFactory, ffmpeg: str) -> Path:
    """An hour of sound in few megabytes: no conversion of it ends before a test does."""
    path = tmp_path_factory.mktemp("long") / "long.mp3"
    source = ["-f", "lavfi", "-i", "sine=f=440:d=60:r=44100", "-ac", "2", "-b:a", "64k"]
    subprocess.run([ffmpeg, "-v", "error", *source, "-write_xing", "0", str(path)], check=True)
    path.write_bytes(path.read_bytes() * 60)
    return path


@pytest.fixture
def tolerated() -> list[str]:
    """Patterns of console errors that a test brings about itself."""
    return []


# To start a browser takes longer than most of what is done with it: one loop and one browser serve
# all tests of the page, each in a window of its own.


@pytest_asyncio.fixture(scope="session", loop_scope="session")
async def browser() -> AsyncIterator[Browser]:
    """A real browser, for tests on the session's loop."""
    async with chromium() as one:
        yield one


@pytest_asyncio.fixture(loop_scope="session")
async def page_client(wavemill: Wavemill) -> AsyncIterator[Client]:
    """A client of the shared wavemill, for tests on the session's loop."""
    async with aiohttp.ClientSession() as session:
        yield Client(session, wavemill.url)


@pytest_asyncio.fixture(loop_scope="session")
async def browser_page(
    browser: Browser, wavemill: Wavemill, tolerated: list[str]
) -> AsyncIterator[Page]:
    """The page, opened; the test fails when the browser's console saw an error."""
    problems: list[str] = []

    def hear(message: ConsoleMessage) -> None:
        if message.type == "error":
            problems.append(message.text)

    def refuse(dialog: Dialog) -> None:
        problems.append(f"a dialog opened: {dialog.message}")

    async with new_window(browser, PATIENCE / 1000) as page:
        page.on("console", hear)
        page.on("pageerror", lambda error: problems.append(str(error)))
        page.on("dialog", refuse)
        await page.goto(wavemill.url)
        await offered(page)
        yield page
    allowed = re.compile("|".join(tolerated) or r"\b\B")
    assert [problem for problem in problems if not allowed.search(problem)] == []
