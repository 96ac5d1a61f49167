"""The page tells what a conversion kept: warnings, a comparison, the fates of tags and cover."""

import json
import shutil
from pathlib import Path
from typing import Any

import pytest
from mutagen import id3
from playwright.async_api import Locator, Page
from playwright.async_api import expect as expecting

from support.audio import generate
from support.client import Client
from support.page_steps import convert, offered, reaches, row

pytestmark = pytest.mark.asyncio(loop_scope="session")

HOSTILE = "<img src=x onerror=alert(1)>"
NARROW = 320  # CSS pixels


@pytest.fixture
def tagged_mp3(lena: Path, tmp_path: Path) -> Path:
    """A lossy file with a cover, tags that WAV has a place for, and some that it has none for."""
    path = tmp_path / "tagged.mp3"
    shutil.copy(lena / "lena.mp3", path)
    cover = generate(tmp_path / "cover.png", "color=red:s=16x16", "-frames:v", "1")
    kinds: Any = id3  # mutagen has no types
    tags = kinds.ID3()
    tags.add(kinds.TIT2(encoding=3, text="Lena"))
    tags.add(kinds.TPE1(encoding=3, text="Zoë"))
    tags.add(kinds.TXXX(encoding=3, desc="mood", text="calm"))
    tags.add(kinds.TXXX(encoding=3, desc=HOSTILE, text=HOSTILE))
    tags.add(kinds.APIC(encoding=3, mime="image/png", type=3, desc="", data=cover.read_bytes()))
    tags.save(path)
    return path


async def converted(page: Page, path: Path, format_id: str) -> Locator:
    await page.set_input_files("#files", path)
    await convert(page, format_id)
    target = row(page, path.name)
    await reaches(target, "completed")
    return target


async def opened(target: Locator) -> Locator:
    """The table under "What was kept", filled."""
    await target.locator(".file-report > summary").click()
    await target.locator("table").wait_for()
    return target.locator("table")


def line(table: Locator, label: str) -> Locator:
    return table.locator("tr").filter(has=table.page.get_by_text(label, exact=True))


async def test_what_wav_cannot_hold_is_told(browser_page: Page, tagged_mp3: Path) -> None:
    target = await converted(browser_page, tagged_mp3, "wav")
    warnings = target.get_by_role("list", name="Warnings")
    await expecting(warnings).to_contain_text("The cover was dropped: WAV keeps no covers.")
    await expecting(warnings).to_contain_text(f"2 tags were dropped (mood, {HOSTILE})")
    table = await opened(target)
    await expecting(line(table, "Codec")).to_have_text("CodecMP3PCM")
    await expecting(line(table, "Cover")).to_contain_text("Dropped: WAV keeps no covers")
    await expecting(line(table, "Tags")).to_contain_text("2 of 4 kept")
    await expecting(line(table, "Tags")).to_contain_text("Dropped: WAV keeps only")
    await expecting(line(table, "Tags").locator("bdi")).to_have_text(["mood", HOSTILE])


async def test_what_arrives_whole_needs_no_warning(browser_page: Page, lena: Path) -> None:
    target = await converted(browser_page, lena / "lena.wav", "flac")
    table = await opened(target)
    rate = line(table, "Sample rate").locator("td")
    assert len(set(await rate.all_text_contents())) == 1
    await expecting(line(table, "Length").locator("td.new")).to_have_count(0)
    await expecting(target.get_by_role("list", name="Warnings")).to_be_hidden()


async def test_sound_that_was_copied_is_told(browser_page: Page, lena: Path) -> None:
    target = await converted(browser_page, lena / "lena.m4a", "m4a")
    table = await opened(target)
    await expecting(line(table, "Sound")).to_contain_text("without another encoding")


async def test_markup_in_a_tag_is_shown_as_text(browser_page: Page, tagged_mp3: Path) -> None:
    target = await converted(browser_page, tagged_mp3, "wav")
    table = await opened(target)
    await expecting(table.get_by_text(HOSTILE, exact=True)).to_be_visible()
    await expecting(target.locator("img")).to_have_count(0)


async def test_the_report_fits_a_narrow_screen_and_opens_by_keyboard(
    browser_page: Page, tagged_mp3: Path
) -> None:
    await browser_page.set_viewport_size({"width": NARROW, "height": 640})
    target = await converted(browser_page, tagged_mp3, "wav")
    await target.locator(".file-report > summary").focus()
    await browser_page.keyboard.press("Enter")
    await expecting(target.get_by_role("table")).to_be_visible()
    assert await browser_page.evaluate("document.documentElement.scrollWidth") <= NARROW


async def test_a_record_that_was_out_of_reach_is_fetched_when_asked_for(
    browser_page: Page, lena: Path, tolerated: list[str]
) -> None:
    tolerated.append("net::ERR_FAILED")
    await browser_page.route("**/api/jobs/*", lambda route: route.abort())
    async with browser_page.expect_event("requestfailed"):
        target = await converted(browser_page, lena / "lena.flac", "wav")
    await browser_page.unroute("**/api/jobs/*")
    await expecting(line(await opened(target), "Codec")).to_contain_text("FLAC")


async def test_each_of_several_results_has_a_link(
    browser_page: Page, page_client: Client, lena: Path
) -> None:
    upload = await page_client.upload(lena / "lena.wav")
    reply = await browser_page.request.post(
        f"{page_client.url}/api/convert-audio",
        data={"fileId": upload["fileId"], "outputs": [{"format": "mp3"}, {"format": "flac"}]},
    )
    job = await reply.json()
    await remember(browser_page, {"jobId": job["jobId"], "name": "lena.wav", "size": 1})
    target = row(browser_page, "lena.wav")
    await reaches(target, "completed")
    links = target.get_by_role("list", name="Results").get_by_role("link")
    await expecting(links).to_have_text(["lena.mp3", "lena.flac"])
    async with browser_page.expect_download() as started:
        await links.nth(1).click()
    assert Path(await (await started.value).path()).read_bytes().startswith(b"fLaC")
    await target.locator(".file-report > summary").click()
    await expecting(target.get_by_role("table")).to_have_count(2)


async def remember(page: Page, record: dict[str, Any]) -> None:
    """Let the page remember a file, as if it had been picked before a reload."""
    text = json.dumps({"id": "one", "wanted": True, "uploaded": True, **record})
    await page.evaluate(
        """(text) => {
          const record = { ...JSON.parse(text), addedAt: Date.now() };
          localStorage.setItem("wavemill.file.one", JSON.stringify(record));
        }""",
        text,
    )
    await page.reload()
    await offered(page)


async def test_fates_and_figures_are_put_in_words(browser_page: Page) -> None:
    found: dict[str, Any] = await browser_page.evaluate(
        """async () => {
          const facts = await import("/assets/facts.js");
          const many = Array.from({ length: 14 }, (_, at) => (
            { name: `t${at}`, fate: "dropped", why: "no room" }));
          const changed = { name: "date", fate: "changed", after: "2020", why: "another form" };
          const loudness = { beforeLufs: -23.14, afterLufs: -16, beforeTruePeakDb: null };
          return {
            clocks: [7.25, 59.96, 83.2, 3661].map(facts.clock),
            none: facts.tagFates([]).summary,
            all: facts.tagFates([{ name: "title", fate: "kept" }]).summary,
            many: facts.tagFates(many).groups.map((group) => [group.names.length, group.more]),
            changed: facts.tagFates([changed]).groups,
            asked: facts.coverFate({ fate: "removed", why: "as asked" }),
            chapters: [
              { fate: "kept", before: 3, after: 3 },
              { fate: "dropped", before: 3, after: 0, why: "MP2 keeps no chapters" },
              { fate: "set", before: 0, after: 2, why: "as asked" },
            ].map(facts.chaptersFate),
            loud: facts.comparison({}, { loudness }, NaN),
          };
        }"""
    )
    assert found == {
        "clocks": ["7.3 s", "1:00", "1:23", "1:01:01"],
        "none": "The source has none",
        "all": "Kept",
        "many": [[12, 2]],
        "changed": [{"what": "Changed: another form", "names": ["date (now “2020”)"], "more": 0}],
        "asked": "Removed as asked",
        "chapters": [
            "All 3 kept",
            "3 → 0, dropped: MP2 keeps no chapters",
            "0 → 2, set as asked",
        ],
        "loud": [["Loudness", "\u221223.1 LUFS", "\u221216.0 LUFS"]],
    }
