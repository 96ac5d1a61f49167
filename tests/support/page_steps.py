"""Steps of a person at the page, as the page's tests share them."""

import re
from pathlib import Path

from playwright.async_api import Locator, Page
from playwright.async_api import expect as expecting

PATIENCE = 60_000  # ms; a conversion on a noisy core


async def offered(page: Page) -> None:
    """Wait until the menu is filled from /api/formats, not from what the page starts with."""
    await page.locator("#format option[value=opus]").wait_for(state="attached")


def row(page: Page, name: str) -> Locator:
    """The row of the list that shows the file of this name."""
    return page.locator("#list > li").filter(has=page.get_by_text(name, exact=True))


async def reaches(target: Locator, state: str) -> None:
    """Wait until a row is in this state."""
    await expecting(target).to_have_attribute("data-state", state, timeout=PATIENCE)


async def convert(page: Page, format_id: str = "mp3") -> None:
    """Choose a format and press Convert."""
    await page.get_by_label("Convert to").select_option(format_id)
    await page.get_by_role("button", name="Convert").click()


async def downloaded(page: Page, target: Locator) -> Path:
    """Press a row's Download, and have the file."""
    async with page.expect_download() as started:
        await target.get_by_role("link", name=re.compile("^Download")).click()
    return Path(await (await started.value).path())
