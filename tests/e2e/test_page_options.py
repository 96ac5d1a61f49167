"""What is folded away: options as the format has them, their weight, a preview, what is kept."""

import re
from pathlib import Path
from typing import Any

import pytest
from mutagen.flac import FLAC
from mutagen.mp3 import MP3
from playwright.async_api import Page
from playwright.async_api import expect as expecting

from support.audio import make_sweep
from support.page_steps import convert, downloaded, offered, reaches, row

pytestmark = pytest.mark.asyncio(loop_scope="session")


@pytest.fixture
def sweep(tmp_path: Path) -> Path:
    """Sound that is longer than a preview."""
    return make_sweep(tmp_path / "sweep.wav", 20)


async def opened(page: Page) -> None:
    await page.locator("#options > summary").click()


async def test_the_options_chosen_are_what_comes_out(browser_page: Page, sweep: Path) -> None:
    await opened(browser_page)
    await browser_page.get_by_label("Convert to").select_option("flac")
    await browser_page.get_by_label("Start at").fill("0:02")
    await browser_page.get_by_label("End at").fill("5.5")
    await browser_page.get_by_label("Channels").select_option(label="Mono")
    await browser_page.get_by_label("Sample rate").select_option(label="48 kHz")
    await browser_page.get_by_label("Bit depth").select_option(label="24 bit")
    await expecting(browser_page.locator("#options > summary")).to_have_text(
        "Options \u2013 trimmed, 48 kHz, mono, 24 bit"
    )
    await browser_page.set_input_files("#files", sweep)
    await convert(browser_page, "flac")
    target = row(browser_page, "sweep.wav")
    await reaches(target, "completed")
    kinds: Any = FLAC  # mutagen has no types
    sound = kinds(await downloaded(browser_page, target)).info
    assert (sound.channels, sound.sample_rate, sound.bits_per_sample) == (1, 48_000, 24)
    assert sound.length == pytest.approx(3.5, abs=0.001)


async def test_loudness_and_bitrate_go_along_and_tags_stay_behind(
    browser_page: Page, lena: Path
) -> None:
    await opened(browser_page)
    await browser_page.get_by_label("Loudness", exact=True).select_option("podcast")
    await browser_page.get_by_label("Bitrate").fill("96")
    await browser_page.get_by_label("Title and other tags").select_option("strip")
    await browser_page.set_input_files("#files", lena / "lena.mp3")
    await convert(browser_page)
    target = row(browser_page, "lena.mp3")
    await reaches(target, "completed")
    kinds: Any = MP3  # mutagen has no types
    result = kinds(await downloaded(browser_page, target))
    assert result.info.bitrate == 96_000
    await target.get_by_text("What was kept").click()
    loudness = target.locator("tr").filter(has_text="Loudness").locator("td").last
    await expecting(loudness).to_have_text(re.compile("^\u22121[56].* LUFS$"))


async def test_a_format_offers_only_what_it_can_do(browser_page: Page) -> None:
    await opened(browser_page)
    for format_id, shown, hidden in (
        ("mp3", "Bitrate", "Bit depth"),
        ("flac", "Bit depth", "Bitrate"),
    ):
        await browser_page.get_by_label("Convert to").select_option(format_id)
        await expecting(browser_page.get_by_label(shown)).to_be_visible()
        await expecting(browser_page.get_by_label(hidden)).to_be_hidden()


async def test_choices_are_remembered_but_no_trim(browser_page: Page) -> None:
    await opened(browser_page)
    await browser_page.get_by_label("Convert to").select_option("flac")
    await browser_page.get_by_label("Bit depth").select_option("24")
    await browser_page.get_by_label("Start at").fill("1:00")
    await browser_page.reload()
    await offered(browser_page)
    told = browser_page.locator("#options > summary")
    await expecting(told).to_have_text("Options \u2013 24 bit")
    await told.click()
    await browser_page.get_by_role("button", name="Reset options").click()
    await expecting(told).to_have_text(re.compile(r"^Options\s*$"))


async def test_a_time_that_is_none_is_said_before_anything_is_sent(
    browser_page: Page, lena: Path
) -> None:
    await opened(browser_page)
    await browser_page.get_by_label("Start at").fill("soon")
    await browser_page.locator("#options > summary").click()
    await browser_page.set_input_files("#files", lena / "lena.wav")
    await reaches(row(browser_page, "lena.wav"), "ready")
    await browser_page.get_by_role("button", name="Convert").click()
    await expecting(browser_page.get_by_label("Start at")).to_be_visible()
    complaint = "document.querySelector('#trim-start').validationMessage"
    assert await browser_page.evaluate(complaint) == "Write a time such as 1:30 or 90."
    await expecting(row(browser_page, "lena.wav")).to_have_attribute("data-state", "ready")


async def test_each_quality_tells_what_all_files_would_weigh(
    browser_page: Page, lena: Path, sweep: Path
) -> None:
    await browser_page.set_input_files("#files", [lena / "lena.wav", sweep])
    told = browser_page.locator("#estimate")
    await expecting(told).to_have_text(re.compile(r"^About [\d.]+ (KB|MB) for 2 files$"))
    small = browser_page.locator("#quality option[value=small]")
    await expecting(small).to_have_text(
        re.compile(r"^Small \u2013 saves space, about [\d.]+ (KB|MB)$")
    )
    before = await told.text_content()
    await browser_page.get_by_label("Convert to").select_option("wav")
    await expecting(told).not_to_have_text(before or "")
    await convert(browser_page, "wav")
    await expecting(told).to_have_text("")


async def test_a_preview_is_the_first_seconds_and_leaves_the_file_as_it_was(
    browser_page: Page, sweep: Path
) -> None:
    await browser_page.get_by_label("Convert to").select_option("flac")
    await browser_page.set_input_files("#files", sweep)
    first, second = (
        browser_page.locator("#list > li").nth(0),
        browser_page.locator("#list > li").nth(1),
    )
    await reaches(first, "ready")
    await first.get_by_role("button", name="Preview").click()
    await reaches(second, "completed")
    await expecting(second).to_contain_text("Preview of the first 15 seconds")
    kinds: Any = FLAC
    result = kinds(await downloaded(browser_page, second))
    assert result.info.length == pytest.approx(15, abs=0.01)
    await second.get_by_role("button", name="Remove").click()
    await convert(browser_page, "flac")
    await reaches(first, "completed")


async def test_values_are_read_as_people_write_them(browser_page: Page) -> None:
    found = await browser_page.evaluate(
        """async () => {
          const { seconds } = await import("/assets/settings.js");
          const { keptUntil, pace, uploadPace } = await import("/assets/words.js");
          const { Meter } = await import("/assets/meter.js");
          const { archives } = await import("/assets/totals.js");
          const { bars, inWords } = await import("/assets/waveform.js");
          const noon = new Date(2026, 0, 31, 12).getTime();
          const meter = new Meter();
          for (let at = 0; at <= 4; at += 1) meter.note(at * 1024 * 1024, at * 500);
          const job = (_, at) => ({ state: "completed", jobId: `j${at}` });
          const items = Array.from({ length: 201 }, job);
          return {
            times: ["90", "1:30", "1:02:03,5", " ", "1:", "-3"].map(seconds).map(String),
            kept: [2, 26, 60].map((hours) => keptUntil(noon + hours * 3600e3, noon)),
            paces: [pace(48.2, 120), pace(2.34, null), pace(0, 3)],
            upload: uploadPace(12 * 1048576, 30 * 1048576, meter.rate),
            none: new Meter().rate,
            zips: archives(items).map(({ text }) => text),
            one: archives(items.slice(0, 1)).length,
            bars: bars([0.1, 0.9, -0.5, 0.2], 2),
            wave: inWords({ peaks: [0, 0.5, 1, 0], duration: 8 }),
            silence: inWords({ peaks: [0, 0], duration: 120 }),
          };
        }"""
    )
    assert found == {
        "times": ["90", "90", "3723.5", "undefined", "NaN", "NaN"],
        "kept": ["kept until 14:00 today", "kept until 14:00 tomorrow", "kept until 3 February"],
        "paces": ["48\u00d7 \u2013 about 2 min left", "2.3\u00d7", "a few seconds left"],
        "upload": "12 MB of 30 MB, 2 MB/s \u2013 about 10 s left",
        "none": None,
        "zips": ["Download all 1\u2013200", "Download all 201\u2013201"],
        "one": 0,
        "bars": [0.9, 0.5],
        "wave": "8.0 s, loudest at 4.0 s with 0.0 dB",
        "silence": "2:00 of silence",
    }
