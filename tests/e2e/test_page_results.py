"""After the conversion: listening, fetching, deleting; and what becomes of it without a line."""

import re
from pathlib import Path
from urllib.parse import urlsplit

import pytest
from playwright.async_api import Page
from playwright.async_api import expect as expecting

from support.client import Client
from support.page_steps import convert, offered, reaches, row

pytestmark = pytest.mark.asyncio(loop_scope="session")

SECONDS = 12.27  # of lena
PAGE_BYTES = 60 * 1024  # of scripts and styles, packed
DRAWN = """(canvas) => canvas.getContext("2d")
  .getImageData(0, 0, canvas.width, canvas.height).data.some((value) => value > 0)"""


async def done(page: Page, path: Path, format_id: str = "mp3") -> None:
    await page.set_input_files("#files", path)
    await convert(page, format_id)
    await reaches(row(page, path.name), "completed")


async def test_source_and_result_are_seen_and_heard(browser_page: Page, lena: Path) -> None:
    await done(browser_page, lena / "lena.wav", "flac")
    target = row(browser_page, "lena.wav")
    await expecting(target).to_contain_text("kept until")
    await target.get_by_text(re.compile("^Listen")).click()
    waves = target.get_by_role("slider", name="Waveform of the")
    await expecting(waves).to_have_count(2)
    await expecting(waves.first).to_have_attribute(
        "aria-label", re.compile("the source of lena.wav: 12.* s")
    )
    for one in await waves.all():
        await expecting(one).to_be_visible()
        handle = await one.element_handle()
        assert handle is not None
        await browser_page.wait_for_function(DRAWN, arg=handle)
    players = target.locator("audio")
    await expecting(players).to_have_count(2)
    for one in await players.all():
        await one.evaluate("(audio) => { audio.muted = true; return audio.play(); }")
        assert await one.evaluate("(audio) => audio.duration") > 11


async def test_a_click_or_an_arrow_key_on_a_waveform_moves_its_player(
    browser_page: Page, lena: Path
) -> None:
    await done(browser_page, lena / "lena.wav", "flac")
    target = row(browser_page, "lena.wav")
    await target.get_by_text(re.compile("^Listen")).click()
    wave = target.get_by_role("slider", name="Waveform of the result")
    player = target.get_by_label("the result lena.flac", exact=True)
    box = await wave.bounding_box()
    assert box is not None

    async def is_at(seconds: float) -> None:
        await expecting(player).to_have_js_property("readyState", 4)
        assert await player.evaluate("(one) => one.currentTime") == pytest.approx(seconds, abs=0.1)
        await expecting(wave).to_have_attribute("aria-valuenow", str(round(seconds)))

    await expecting(wave).to_have_attribute("aria-valuetext", "0.0 s of 12.3 s")
    await wave.click(position={"x": box["width"] / 2, "y": box["height"] / 2})
    await is_at(SECONDS / 2)
    await wave.focus()
    await browser_page.keyboard.press("ArrowRight")
    await is_at(SECONDS / 2 + 5)
    await browser_page.keyboard.press("Home")
    await is_at(0)
    await browser_page.keyboard.press("PageUp")
    await is_at(SECONDS / 10)
    await expecting(player).to_have_js_property("paused", True)  # noqa: FBT003


async def test_after_a_reload_the_result_is_still_there_to_be_heard(
    browser_page: Page, lena: Path
) -> None:
    await done(browser_page, lena / "lena.wav")
    await browser_page.reload()
    target = row(browser_page, "lena.wav")
    await reaches(target, "completed")
    await target.get_by_text(re.compile("^Listen")).click()
    await expecting(target.get_by_role("img", name="Waveform of the source")).to_be_visible()
    await expecting(target.get_by_role("slider", name="Waveform of the result")).to_be_visible()
    await expecting(target.locator("audio")).to_have_count(1)


async def test_what_the_server_has_let_go_of_is_shown_as_expired_after_a_reload(
    browser_page: Page, page_client: Client, lena: Path, tolerated: list[str]
) -> None:
    tolerated.append("status of 404")
    async with browser_page.expect_response("**/api/convert-audio") as accepted:
        await done(browser_page, lena / "lena.wav")
    job_id = (await (await accepted.value).json())["jobId"]
    assert (await page_client.call("DELETE", f"/api/jobs/{job_id}"))[0] in {200, 204}
    await browser_page.reload()
    target = row(browser_page, "lena.wav")
    await reaches(target, "expired")
    await expecting(target.get_by_role("link", name="Download")).to_be_hidden()


async def test_removing_all_asks_first_and_deletes_on_the_server(
    browser_page: Page, page_client: Client, lena: Path
) -> None:
    await browser_page.set_input_files("#files", [lena / "lena.wav", lena / "lena.mp3"])
    async with browser_page.expect_response("**/api/convert-audio") as accepted:
        await convert(browser_page)
    job_id = (await (await accepted.value).json())["jobId"]
    for name in ("lena.wav", "lena.mp3"):
        await reaches(row(browser_page, name), "completed")
    listed = browser_page.locator("#list > li")
    await browser_page.get_by_role("button", name="Remove all").click()
    await expecting(browser_page.get_by_role("dialog")).to_contain_text("Remove all 2 files?")
    await browser_page.keyboard.press("Escape")
    await expecting(listed).to_have_count(2)
    await browser_page.get_by_role("button", name="Remove all").click()
    async with browser_page.expect_response(lambda reply: job_id in reply.url):
        await browser_page.get_by_role("dialog").get_by_role("button", name="Remove all").click()
    await expecting(listed).to_have_count(0)
    status, _, _ = await page_client.call("GET", f"/api/download?jobId={job_id}")
    assert status in {404, 410}


async def test_deleting_everything_leaves_no_trace_in_the_browser(
    browser_page: Page, lena: Path
) -> None:
    await done(browser_page, lena / "lena.wav", "opus")
    await browser_page.get_by_role("button", name="Delete all my data").click()
    await browser_page.get_by_role("dialog").get_by_role("button", name="Delete all").click()
    await expecting(browser_page.get_by_role("status").first).to_contain_text(
        "Everything was deleted"
    )
    assert await browser_page.evaluate("Object.keys(localStorage)") == []
    await expecting(browser_page.get_by_label("Convert to")).to_have_value("mp3")
    await browser_page.reload()
    await offered(browser_page)
    await expecting(browser_page.locator("#list > li")).to_have_count(0)


async def test_without_a_line_all_waits_and_goes_on_by_itself(
    browser_page: Page, lena: Path, tolerated: list[str]
) -> None:
    tolerated.append("ERR_INTERNET_DISCONNECTED")
    await browser_page.context.set_offline(True)
    notice = browser_page.get_by_text(
        "You are offline. Everything goes on by itself once you are back."
    )
    await expecting(notice).to_be_visible()
    await browser_page.set_input_files("#files", lena / "lena.wav")
    await convert(browser_page)
    target = row(browser_page, "lena.wav")
    await expecting(target).to_contain_text("Waiting for the connection")
    await browser_page.context.set_offline(False)
    await expecting(notice).to_be_hidden()
    await reaches(target, "completed")


async def test_the_page_is_small(browser_page: Page) -> None:
    await browser_page.reload()
    await offered(browser_page)
    names = await browser_page.evaluate(
        "performance.getEntriesByType('resource').map((one) => one.name)"
    )
    files = [name for name in names if urlsplit(name).path.endswith((".js", ".css"))]
    assert len(files) > len(("main.js", "style.css"))
    packed = await browser_page.evaluate(
        """async (urls) => {
          let sum = 0;
          for (const url of urls) {
            const body = (await fetch(url)).body.pipeThrough(new CompressionStream("gzip"));
            sum += (await new Response(body).arrayBuffer()).byteLength;
          }
          return sum;
        }""",
        files,
    )
    assert packed <= PAGE_BYTES
