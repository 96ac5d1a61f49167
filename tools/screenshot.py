"""Take the pictures of docs/images from the real page, in Chromium, with real jobs at work.

Usage: make pictures
"""

import asyncio
import tempfile
from pathlib import Path

from playwright.async_api import Page, ViewportSize, async_playwright, expect

from support.audio import make_noise, make_sweep
from support.server import running

TARGET = Path(__file__).resolve().parent.parent / "docs" / "images" / "page.png"
SIZE: ViewportSize = {"width": 880, "height": 700}
ENOUGH = 25  # percent done of the job that is still at work


async def main() -> None:
    """Convert two short files and begin a long one; take the picture meanwhile."""
    with tempfile.TemporaryDirectory() as folder:
        files = [
            make_sweep(Path(folder) / "Interview with Zoë.flac", 95),
            make_sweep(Path(folder) / "river-at-dawn.wav", 40),
            make_noise(Path(folder) / "full-concert.wav", 900),
        ]
        with running(Path(folder) / "data") as server:
            await _take(server.url, files)


async def _take(url: str, files: list[Path]) -> None:
    async with async_playwright() as playwright:
        browser = await playwright.chromium.launch(
            executable_path="/usr/bin/chromium", args=["--no-sandbox", "--disable-gpu"]
        )
        page = await browser.new_page(viewport=SIZE, device_scale_factor=1.5)
        await page.goto(url)
        await page.locator("#files").set_input_files([str(path) for path in files])
        await page.locator("#convert").click()
        await _wait_for_scene(page)
        await page.screenshot(path=TARGET, full_page=True)
        await browser.close()


async def _wait_for_scene(page: Page) -> None:
    await expect(page.locator("[data-act=download]:visible")).to_have_count(2, timeout=60_000)
    bars = "[...document.querySelectorAll('[data-state=running] progress')]"
    await page.wait_for_function(f"() => {bars}.some(one => one.value > {ENOUGH})", timeout=60_000)


if __name__ == "__main__":
    asyncio.run(main())
