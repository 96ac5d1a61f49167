"""The page keeps nobody out: axe-core objects to nothing, a keyboard and 320 pixels do."""

import re
from pathlib import Path

import pytest
from playwright.async_api import Page
from playwright.async_api import expect as expecting

from support.axe import violations
from support.page_steps import convert, reaches, row

pytestmark = pytest.mark.asyncio(loop_scope="session")

NARROW = 320  # CSS pixels


async def objections(page: Page) -> list[str]:
    """What axe finds in either theme, once no colour is on its way to another."""
    found: list[str] = []
    for theme in ("light", "dark"):
        await page.emulate_media(
            color_scheme="dark" if theme == "dark" else "light", reduced_motion="reduce"
        )
        found += [f"{theme}: {one}" for one in await violations(page)]
    return found


@pytest.fixture
def notes(tmp_path: Path) -> Path:
    """Text that pretends to be sound."""
    path = tmp_path / "notes.mp3"
    path.write_text("This is text, whatever its name says.\n" * 50)
    return path


async def test_axe_has_no_objection_to_the_empty_page_and_its_options(browser_page: Page) -> None:
    assert await objections(browser_page) == []
    await browser_page.locator("#options > summary").click()
    await browser_page.get_by_label("Loudness", exact=True).select_option("own")
    assert await objections(browser_page) == []


async def test_axe_has_no_objection_while_files_go_up(browser_page: Page, lena: Path) -> None:
    await browser_page.route("**/api/upload-audio?*", lambda _: None)
    await browser_page.set_input_files("#files", [lena / "lena.wav", lena / "lena.mp3"])
    await reaches(row(browser_page, "lena.wav"), "uploading")
    assert await objections(browser_page) == []
    await browser_page.context.set_offline(True)
    await expecting(browser_page.get_by_text("You are offline")).to_be_visible()
    assert await objections(browser_page) == []
    await browser_page.context.set_offline(False)


async def test_axe_has_no_objection_to_what_has_failed_runs_or_is_done(
    browser_page: Page, lena: Path, long_audio: Path, notes: Path, tolerated: list[str]
) -> None:
    tolerated.append("status of 40[04]")
    await browser_page.set_input_files("#files", [notes, lena / "lena.wav", long_audio])
    await reaches(row(browser_page, "notes.mp3"), "failed")
    await reaches(row(browser_page, "lena.wav"), "ready")
    assert await objections(browser_page) == []
    await convert(browser_page, "flac")
    await reaches(row(browser_page, long_audio.name), "running")
    done = row(browser_page, "lena.wav")
    await reaches(done, "completed")
    # Not by clicks, one after the other: what opens first moves what is to be clicked next.
    await done.locator("details").evaluate_all("all => all.forEach((one) => { one.open = true })")
    await done.locator("table").wait_for()
    assert await objections(browser_page) == []
    await browser_page.get_by_role("button", name="Remove all").click()
    await browser_page.get_by_role("dialog").wait_for()
    assert await objections(browser_page) == []
    await browser_page.get_by_role("button", name="Remove all").last.click()
    await expecting(browser_page.locator("#list > li")).to_have_count(0)


async def test_a_narrow_screen_shows_everything_without_scrolling_sideways(
    browser_page: Page, lena: Path
) -> None:
    await browser_page.set_viewport_size({"width": NARROW, "height": 640})
    await browser_page.locator("#options > summary").click()
    await browser_page.set_input_files("#files", [lena / "lena.wav", lena / "lena.mp3"])
    for name in ("lena.wav", "lena.mp3"):
        await reaches(row(browser_page, name), "ready")
    assert await browser_page.evaluate("document.documentElement.scrollWidth") <= NARROW
    await convert(browser_page, "opus")
    for name in ("lena.wav", "lena.mp3"):
        await reaches(row(browser_page, name), "completed")
        await row(browser_page, name).get_by_text(re.compile("^Listen")).click()
    assert await browser_page.evaluate("document.documentElement.scrollWidth") <= NARROW


async def test_who_wants_less_motion_gets_none(browser_page: Page) -> None:
    await browser_page.emulate_media(reduced_motion="reduce")
    moving = """() => [...document.querySelectorAll("*")].filter((one) => {
      const style = getComputedStyle(one);
      return style.transitionDuration !== "0s" || style.animationName !== "none";
    }).map((one) => one.outerHTML)"""
    assert await browser_page.evaluate(moving) == []


async def test_options_and_the_question_work_by_keyboard_alone(
    browser_page: Page, lena: Path
) -> None:
    await browser_page.locator("#quality").focus()
    await browser_page.keyboard.press("Tab")
    await browser_page.keyboard.press("Enter")
    loudness = browser_page.get_by_label("Loudness", exact=True)
    for _ in range(5):
        await browser_page.keyboard.press("Tab")
    await expecting(loudness).to_be_focused()
    await browser_page.keyboard.type("Podcast")
    await expecting(loudness).to_have_value("podcast")
    await browser_page.set_input_files("#files", lena / "lena.wav")
    await reaches(row(browser_page, "lena.wav"), "ready")
    delete = browser_page.get_by_role("button", name="Delete all my data")
    await delete.focus()
    await browser_page.keyboard.press("Enter")
    dialog = browser_page.get_by_role("dialog")
    await expecting(dialog.get_by_role("button", name="Keep it")).to_be_focused()
    await browser_page.keyboard.press("Escape")
    await expecting(dialog).to_be_hidden()
    await expecting(delete.first).to_be_focused()
