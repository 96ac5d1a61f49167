"""Fixtures of the tests that run the whole product."""

import re
import subprocess
from collections.abc import AsyncIterator
from pathlib import Path

import pytest
from playwright.async_api import ConsoleMessage, Dialog, Page

from support.browser import chromium_page
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


@pytest.fixture
async def browser_page(wavemill: Wavemill, tolerated: list[str]) -> AsyncIterator[Page]:
    """The page, opened; the test fails when the browser's console saw an error."""
    problems: list[str] = []

    def hear(message: ConsoleMessage) -> None:
        if message.type == "error":
            problems.append(message.text)

    def refuse(dialog: Dialog) -> None:
        problems.append(f"a dialog opened: {dialog.message}")

    async with chromium_page(PATIENCE / 1000) as page:
        page.on("console", hear)
        page.on("pageerror", lambda error: problems.append(str(error)))
        page.on("dialog", refuse)
        await page.goto(wavemill.url)
        await offered(page)
        yield page
    allowed = re.compile("|".join(tolerated) or r"\b\B")
    assert [problem for problem in problems if not allowed.search(problem)] == []
