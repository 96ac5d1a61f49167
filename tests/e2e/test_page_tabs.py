"""Several tabs of one browser: they share an event stream, and see what each of them does."""

from collections.abc import AsyncIterator
from pathlib import Path

import pytest
import pytest_asyncio
from playwright.async_api import Browser, BrowserContext, Page, Request
from playwright.async_api import expect as expecting

from support.page_steps import PATIENCE, convert, offered, reaches, row
from support.server import Wavemill

pytestmark = pytest.mark.asyncio(loop_scope="session")


@pytest_asyncio.fixture(loop_scope="session")
async def window(browser: Browser) -> AsyncIterator[BrowserContext]:
    """A browser window that may have several tabs."""
    context = await browser.new_context()
    context.set_default_timeout(PATIENCE)
    yield context
    await context.close()


def streams_of(page: Page) -> list[str]:
    """The event streams that a tab opens from now on."""
    found: list[str] = []

    def note(request: Request) -> None:
        if "/api/events" in request.url:
            found.append(request.url)

    page.on("request", note)
    return found


async def test_one_tab_listens_for_all_and_another_takes_over_when_it_closes(
    window: BrowserContext, wavemill: Wavemill, lena: Path, long_audio: Path
) -> None:
    first, second = await window.new_page(), await window.new_page()
    streams = streams_of(second)
    for page in (first, second):
        await page.goto(wavemill.url)
        await offered(page)
    await first.set_input_files("#files", long_audio)
    await convert(first, "opus")
    await reaches(row(first, long_audio.name), "running")
    await reaches(row(second, long_audio.name), "running")
    await second.set_input_files("#files", lena / "lena.wav")
    await convert(second)
    await reaches(row(second, "lena.wav"), "completed")
    await reaches(row(first, "lena.wav"), "completed")
    assert streams == []
    async with second.expect_request("**/api/events*"):
        await first.close()
    await second.get_by_role("button", name=f"Cancel {long_audio.name}").click()
    await reaches(row(second, long_audio.name), "cancelled")


async def test_what_one_tab_uploads_the_other_does_not_take_for_interrupted(
    window: BrowserContext, wavemill: Wavemill, lena: Path
) -> None:
    first = await window.new_page()
    await first.goto(wavemill.url)
    await offered(first)
    await first.route("**/api/upload-audio?*", lambda _: None)
    await first.set_input_files("#files", lena / "lena.wav")
    await reaches(row(first, "lena.wav"), "uploading")
    second = await window.new_page()
    await second.goto(wavemill.url)
    await offered(second)
    await expecting(second.locator("#list > li")).to_have_count(0)


async def test_what_one_tab_removes_goes_from_the_other(
    window: BrowserContext, wavemill: Wavemill, lena: Path
) -> None:
    first, second = await window.new_page(), await window.new_page()
    for page in (first, second):
        await page.goto(wavemill.url)
        await offered(page)
    await first.set_input_files("#files", lena / "lena.wav")
    await convert(first)
    await reaches(row(second, "lena.wav"), "completed")
    await second.get_by_role("button", name="Remove lena.wav").click()
    await expecting(row(first, "lena.wav")).to_have_count(0)
