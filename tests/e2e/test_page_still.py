"""Nothing moves while the page appears, with or without files that it remembers."""

from pathlib import Path

import pytest
from playwright.async_api import Page
from playwright.async_api import expect as expecting

from support.audio import generate
from support.page_steps import convert, offered, reaches, row

pytestmark = pytest.mark.asyncio(loop_scope="session")

SIZES = ((320, 6000), (1280, 3000))  # CSS pixels; so tall that all of it is in sight
SHIFTS = """
  window.shifts = [];
  new PerformanceObserver((list) => {
    for (const one of list.getEntries()) {
      shifts.push([one.value, ...one.sources.map(({ node }) => node?.outerHTML?.slice(0, 200))]);
    }
  }).observe({ type: "layout-shift", buffered: true });
"""
DRAWN = "new Promise((drawn) => requestAnimationFrame(() => requestAnimationFrame(drawn)))"
REMEMBER_MORE = """(copies) => {
  for (const [key, text] of Object.entries(localStorage)) {
    if (!key.startsWith("wavemill.file.")) continue;
    for (let copy = 1; copy <= copies; copy += 1) {
      const record = { ...JSON.parse(text), id: crypto.randomUUID() };
      record.name = `Copy ${copy} of ${record.name}`;
      localStorage.setItem(`wavemill.file.${record.id}`, JSON.stringify(record));
    }
  }
}"""


async def test_nothing_moves_on_the_empty_page(browser_page: Page) -> None:
    for moved in await _moved_in_all_sizes_and_themes(browser_page, 0):
        assert moved == []


async def test_nothing_moves_where_ten_files_are_remembered(
    browser_page: Page, lena: Path, tmp_path: Path
) -> None:
    warned = generate(tmp_path / "calm.flac", "sine=d=1", "-metadata", "mood=calm")
    await browser_page.set_input_files("#files", [lena / "lena.flac", warned])
    await convert(browser_page, "wav")
    for name in ("lena.flac", "calm.flac"):
        await reaches(row(browser_page, name), "completed")
        await expecting(row(browser_page, name)).to_contain_text("kept until")
    await expecting(row(browser_page, "calm.flac")).to_contain_text("tag was dropped")
    await browser_page.evaluate(REMEMBER_MORE, 4)
    for moved in await _moved_in_all_sizes_and_themes(browser_page, 10):
        assert moved == []


async def _moved_in_all_sizes_and_themes(page: Page, files: int) -> list[list[object]]:
    found: list[list[object]] = []
    await page.add_init_script(SHIFTS)
    for width, height in SIZES:
        await page.set_viewport_size({"width": width, "height": height})
        for theme in ("light", "dark"):
            await page.emulate_media(color_scheme="dark" if theme == "dark" else "light")
            await page.reload()
            await offered(page)
            done = page.locator("#list > li[data-state=completed]").filter(has_text="kept until")
            await expecting(done).to_have_count(files)
            await page.wait_for_load_state("networkidle")
            await page.evaluate(DRAWN)
            found.append(await page.evaluate("shifts"))
    return found
