"""A real Chromium, as the tests of pages start it."""

import shutil
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

import pytest
from playwright.async_api import Browser, Page, async_playwright

CHROMIUM = shutil.which("chromium")
ARGUMENTS = [
    "--no-sandbox",
    "--disable-gpu",
    "--disable-background-networking",
    "--disable-component-update",
    "--disable-sync",
    "--no-first-run",
    "--disable-quic",
]


@asynccontextmanager
async def chromium() -> AsyncIterator[Browser]:
    """A browser, for as many windows as are wanted."""
    if CHROMIUM is None:
        pytest.skip("no chromium on PATH: this needs a real browser")
    async with async_playwright() as playwright:
        browser = await playwright.chromium.launch(executable_path=CHROMIUM, args=ARGUMENTS)
        try:
            yield browser
        finally:
            await browser.close()


@asynccontextmanager
async def new_window(browser: Browser, patience: float) -> AsyncIterator[Page]:
    """A page that knows nothing of others, and waits so many seconds for what is to appear."""
    context = await browser.new_context()
    try:
        page = await context.new_page()
        page.set_default_timeout(patience * 1000)
        yield page
    finally:
        await context.close()


@asynccontextmanager
async def chromium_page(patience: float) -> AsyncIterator[Page]:
    """A page of a browser of its own."""
    async with chromium() as browser, new_window(browser, patience) as page:
        yield page
