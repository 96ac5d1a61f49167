"""The page on a bad line: slow, or to a gateway that dies in mid-job; it finishes all the same."""

from collections.abc import Callable
from pathlib import Path

import pytest
from playwright.async_api import Browser, Page

from support.audio import decoded, generate
from support.browser import new_window
from support.page_steps import PATIENCE, convert, downloaded, offered, reaches, row
from support.server import Wavemill

pytestmark = pytest.mark.asyncio(loop_scope="session")

LATENCY = 100  # ms
SPEED = 1_000_000 / 8  # bytes a second, either way


@pytest.mark.timeout(180)
async def test_a_file_is_converted_over_a_line_of_one_megabit(
    browser_page: Page, lena: Path
) -> None:
    session = await browser_page.context.new_cdp_session(browser_page)
    await session.send("Network.enable")
    limits = {
        "offline": False,
        "latency": LATENCY,
        "downloadThroughput": SPEED,
        "uploadThroughput": SPEED,
    }
    await session.send("Network.emulateNetworkConditions", limits)
    await browser_page.set_input_files("#files", lena / "lena.wav")
    await convert(browser_page, "opus")
    target = row(browser_page, "lena.wav")
    await reaches(target, "completed")
    result = await downloaded(browser_page, target)
    assert decoded(result)[0] == pytest.approx(12.27, abs=0.05)


@pytest.mark.timeout(180)
async def test_a_job_is_followed_to_its_end_although_the_gateway_died(
    browser: Browser, start_wavemill: Callable[..., Wavemill], tmp_path: Path
) -> None:
    server = start_wavemill()
    long = generate(tmp_path / "long.wav", "anoisesrc=d=300:r=44100:a=0.3")
    async with new_window(browser, PATIENCE / 1000) as page:
        await page.goto(server.url)
        await offered(page)
        await page.set_input_files("#files", long)
        await convert(page, "opus")
        target = row(page, "long.wav")
        await reaches(target, "running")
        server.service("gateway").kill()  # the supervisor starts another one
        await reaches(target, "completed")
        result = await downloaded(page, target)
        assert decoded(result)[0] == pytest.approx(300, abs=0.1)
