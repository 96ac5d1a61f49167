"""A name or a tag that is markup stays text on the page, in a real browser."""

import subprocess
from pathlib import Path

from playwright.async_api import expect as expecting

from support.browser import chromium_page
from support.page_steps import PATIENCE, convert, offered, reaches
from support.server import Wavemill

EVIL = "<img src=x onerror='window.pwned=1'>"
SCRIPT = "</script><script>window.pwned=1</script>"


async def test_markup_in_a_name_and_in_tags_is_inert(
    wavemill: Wavemill, ffmpeg: str, lena: Path, tmp_path: Path
) -> None:
    path = tmp_path / f"{EVIL}.mp3"
    tags = ["-metadata", f"title={EVIL}", "-metadata", f"artist={SCRIPT}"]
    source = str(lena / "lena.mp3")
    subprocess.run(
        [ffmpeg, "-v", "error", "-i", source, "-c", "copy", *tags, f"file:{path}"], check=True
    )
    async with chromium_page(PATIENCE / 1000) as page:
        heard: list[str] = []
        page.on("dialog", lambda dialog: heard.append(dialog.message))
        page.on("pageerror", lambda error: heard.append(str(error)))
        page.on("console", lambda one: heard.append(one.text) if one.type == "error" else None)
        await page.goto(wavemill.url)
        await offered(page)
        await page.set_input_files("#files", path)
        await convert(page, "flac")
        target = page.locator("#list > li").first
        await reaches(target, "completed")
        await expecting(target).to_contain_text(EVIL)  # shown as it is
        for details in await target.locator("summary").all():
            await details.click()
        assert await page.evaluate("window.pwned") is None
        assert await page.locator("img[src=x]").count() == 0
        await page.reload()
        await offered(page)
        assert await page.evaluate("window.pwned") is None
        assert heard == []
