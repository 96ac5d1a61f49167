"""Take the pictures of docs/images from the real page, in Chromium, with real jobs at work.

Usage: make pictures
"""

import asyncio
import shutil
import tempfile
from pathlib import Path

from playwright.async_api import Page, ViewportSize, async_playwright, expect

from support.audio import make_noise, make_sweep
from support.server import running

ROOT = Path(__file__).resolve().parent.parent
TARGET = ROOT / "docs" / "images"
CLIP = ROOT / "tests" / "assets" / "lena.flac"
WIDE: ViewportSize = {"width": 880, "height": 700}
NARROW: ViewportSize = {"width": 320, "height": 640}
ENOUGH = 25  # percent done of the job that is still at work
PATIENCE = 120_000  # ms


async def main() -> None:
    """Convert two short files and begin a long one; take the pictures meanwhile."""
    with tempfile.TemporaryDirectory() as folder:
        files = [
            _copied(CLIP, Path(folder) / "Interview with Zoë.flac"),
            make_sweep(Path(folder) / "river-at-dawn.wav", 40),
            make_noise(Path(folder) / "full-concert.wav", 900),
        ]
        with running(Path(folder) / "data") as server:
            await _take_all(server.url, files)


def _copied(source: Path, target: Path) -> Path:
    return Path(shutil.copy(source, target))


async def _take_all(url: str, files: list[Path]) -> None:
    async with async_playwright() as playwright:
        browser = await playwright.chromium.launch(
            executable_path="/usr/bin/chromium", args=["--no-sandbox", "--disable-gpu"]
        )
        page = await browser.new_page(viewport=WIDE, reduced_motion="reduce")
        page.set_default_timeout(PATIENCE)
        await page.goto(url)
        await _choose_options(page, files[:2])
        await _take(page, "options")
        await page.locator("#options > summary").click()
        await page.locator("#files").set_input_files(files[2])
        await page.locator("#convert").click()
        await _wait_for_scene(page)
        await _take(page, "page")
        await page.emulate_media(color_scheme="dark", reduced_motion="reduce")
        await _take(page, "page-dark")
        await page.emulate_media(color_scheme="light", reduced_motion="reduce")
        await page.set_viewport_size(NARROW)
        await _take(page, "page-narrow")
        await browser.close()


async def _take(page: Page, name: str) -> None:
    await page.screenshot(path=TARGET / f"{name}.png", full_page=True)


async def _choose_options(page: Page, files: list[Path]) -> None:
    await page.locator("#files").set_input_files([str(path) for path in files])
    await expect(page.locator("[data-state=ready]")).to_have_count(len(files), timeout=PATIENCE)
    await page.locator("#options > summary").click()
    await page.get_by_label("Loudness", exact=True).select_option("podcast")
    await page.get_by_label("Fade in").fill("0.5")
    await expect(page.locator("#estimate")).to_contain_text("About")


async def _wait_for_scene(page: Page) -> None:
    await expect(page.locator("[data-act=download]:visible")).to_have_count(2, timeout=PATIENCE)
    bars = "[...document.querySelectorAll('[data-state=running] progress')]"
    await page.wait_for_function(f"() => {bars}.some(one => one.value > {ENOUGH})")
    await page.locator("[data-state=completed] .file-listen summary").first.click()


if __name__ == "__main__":
    asyncio.run(main())
