"""The page in a real Chromium: what a person does with a mouse, a keyboard and a reload."""

import asyncio
import base64
import os
import re
import shutil
import wave
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

import pytest
from mutagen.mp3 import MP3
from mutagen.oggopus import OggOpus
from playwright.async_api import FileChooser, Page, Request
from playwright.async_api import expect as expecting

from support.page_steps import PATIENCE, convert, downloaded, offered, reaches, row
from support.server import Wavemill, eventually

pytestmark = pytest.mark.asyncio(loop_scope="session")

LONG_SECONDS = 300  # of sound: long enough to be still converting when the page reloads
CHUNK_LOST = 2  # the chunk that never arrives before the reload


@pytest.fixture
def long_wav(tmp_path: Path) -> Path:
    """Noise, which no codec takes lightly, in several chunks' worth of bytes."""
    path = tmp_path / "long.wav"
    with wave.open(str(path), "wb") as sound:
        sound.setnchannels(2)
        sound.setsampwidth(2)
        sound.setframerate(48_000)
        second = os.urandom(48_000 * 2 * 2)
        for _ in range(LONG_SECONDS):
            sound.writeframesraw(second)
    return path


async def test_a_picked_file_is_converted_and_downloads(browser_page: Page, lena: Path) -> None:
    await browser_page.set_input_files("#files", lena / "lena.wav")
    await convert(browser_page)
    target = row(browser_page, "lena.wav")
    await reaches(target, "completed")
    result = await downloaded(browser_page, target)
    assert seconds_of(MP3, result) == pytest.approx(lena_seconds(lena), abs=0.1)


async def test_a_dropped_file_is_converted_and_downloads(browser_page: Page, lena: Path) -> None:
    await browser_page.evaluate(
        """({ name, content }) => {
          const bytes = Uint8Array.from(atob(content), (letter) => letter.charCodeAt(0));
          const dataTransfer = new DataTransfer();
          dataTransfer.items.add(new File([bytes], name));
          for (const type of ["dragenter", "dragover", "drop"]) {
            const how = { bubbles: true, cancelable: true, dataTransfer };
            document.querySelector("h1").dispatchEvent(new DragEvent(type, how));
          }
        }""",
        {
            "name": "lena.flac",
            "content": base64.b64encode((lena / "lena.flac").read_bytes()).decode(),
        },
    )
    await convert(browser_page, "opus")
    target = row(browser_page, "lena.flac")
    await reaches(target, "completed")
    result = await downloaded(browser_page, target)
    assert seconds_of(OggOpus, result) == pytest.approx(lena_seconds(lena), abs=0.1)


async def test_several_files_are_converted_at_once(browser_page: Page, lena: Path) -> None:
    names = ["lena.wav", "lena.flac", "lena.mp3", "lena.m4a", "lena.ogg"]
    await browser_page.set_input_files("#files", [lena / name for name in names])
    await convert(browser_page)
    for name in names:
        target = row(browser_page, name)
        await reaches(target, "completed")
        result = await downloaded(browser_page, target)
        assert seconds_of(MP3, result) == pytest.approx(lena_seconds(lena), abs=0.2)


async def test_text_renamed_mp3_shows_what_the_server_says(
    browser_page: Page, lena: Path, tmp_path: Path, tolerated: list[str]
) -> None:
    tolerated.append("status of 400")
    text = tmp_path / "notes.mp3"
    text.write_text("This is text, whatever its name says.\n" * 50)
    async with browser_page.expect_response(lambda reply: reply.status == 400) as refused:
        await browser_page.set_input_files("#files", [text, lena / "lena.wav"])
    problem = await (await refused.value).json()
    target = row(browser_page, "notes.mp3")
    await reaches(target, "failed")
    assert problem["code"] == "invalid_format"
    await expecting(target).to_contain_text(problem["error"])
    await convert(browser_page)
    await reaches(row(browser_page, "lena.wav"), "completed")


async def test_a_reload_in_mid_job_shows_the_job_again_and_its_result(
    browser_page: Page, long_wav: Path
) -> None:
    await browser_page.set_input_files("#files", long_wav)
    await convert(browser_page, "opus")
    await reaches(row(browser_page, "long.wav"), "running")
    await browser_page.reload()
    target = row(browser_page, "long.wav")
    await reaches(target, "completed")
    result = await downloaded(browser_page, target)
    assert seconds_of(OggOpus, result) == pytest.approx(LONG_SECONDS, abs=0.1)


async def test_an_upload_cut_by_a_reload_continues_where_it_stopped(
    browser_page: Page, long_wav: Path
) -> None:
    chunks: list[str] = []

    def note(request: Request) -> None:
        found = re.search(r"/api/upload-audio\?.*chunkIndex=(\d+)", request.url)
        if found:
            chunks.append(found[1])

    stalled = re.compile(rf"/api/upload-audio\?.*chunkIndex={CHUNK_LOST}(&|$)")
    await browser_page.route(stalled, lambda _: None)
    browser_page.on("request", note)
    async with browser_page.expect_response("**/api/uploads") as opened:
        await browser_page.set_input_files("#files", long_wav)
    upload = await (await opened.value).json()
    await eventually(lambda: str(CHUNK_LOST) in chunks, PATIENCE / 1000)
    *stored, _ = chunks
    chunks.clear()
    target = row(browser_page, "long.wav")
    await browser_page.reload()
    await browser_page.unroute(stalled)  # not before: whatever is held would be let through
    await expecting(target).to_contain_text("Choose the same file again to continue")
    async with browser_page.expect_file_chooser() as chooser:
        await target.get_by_role("button", name=re.compile("^Choose file")).click()
    await (await chooser.value).set_files(long_wav)
    await reaches(target, "ready")
    assert sorted([*stored, *chunks]) == [str(one) for one in range(upload["totalChunks"])]
    assert stored


async def test_a_running_job_is_cancelled_and_removed(browser_page: Page, long_wav: Path) -> None:
    await browser_page.set_input_files("#files", long_wav)
    await convert(browser_page, "opus")
    target = row(browser_page, "long.wav")
    await reaches(target, "running")
    await target.get_by_role("button", name=re.compile("^Cancel")).click()
    await reaches(target, "cancelled")
    await target.get_by_role("button", name=re.compile("^Remove")).click()
    await expecting(target).to_have_count(0)
    await browser_page.reload()
    await offered(browser_page)
    await expecting(target).to_have_count(0)


async def test_the_page_works_by_keyboard_alone(browser_page: Page, lena: Path) -> None:
    async def tab_to(selector: str) -> None:
        for _ in range(12):
            await browser_page.keyboard.press("Tab")
            if await browser_page.evaluate("(at) => document.activeElement.matches(at)", selector):
                break
        await expecting(browser_page.locator(selector)).to_be_focused()
        assert await browser_page.evaluate("document.activeElement.matches(':focus-visible')")

    # Listening from the start: a listener added with the key press may be too late for it.
    choosers: asyncio.Queue[FileChooser] = asyncio.Queue()
    browser_page.on("filechooser", choosers.put_nowait)
    await tab_to("#files")
    await browser_page.keyboard.press("Enter")
    chooser = await asyncio.wait_for(choosers.get(), PATIENCE / 1000)
    await chooser.set_files(lena / "lena.wav")
    await reaches(row(browser_page, "lena.wav"), "ready")
    await tab_to("#format")
    await browser_page.keyboard.type("Opus")
    await tab_to("#convert")
    await browser_page.keyboard.press("Enter")
    await reaches(row(browser_page, "lena.wav"), "completed")
    await expecting(browser_page.get_by_role("status")).to_contain_text("ready to download")
    await tab_to("a[data-act=download]")
    async with browser_page.expect_download() as started:
        await browser_page.keyboard.press("Enter")
    result = Path(await (await started.value).path())
    assert seconds_of(OggOpus, result) == pytest.approx(lena_seconds(lena), abs=0.1)


async def test_without_events_the_page_polls_and_still_finishes(
    browser_page: Page, lena: Path, tolerated: list[str]
) -> None:
    tolerated.append("net::ERR_FAILED")
    polls: list[str] = []
    await browser_page.route("**/api/events*", lambda route: route.abort())
    browser_page.on("request", lambda request: polls.append(urlsplit(request.url).path))
    await browser_page.set_input_files("#files", lena / "lena.wav")
    await convert(browser_page)
    await reaches(row(browser_page, "lena.wav"), "completed")
    assert "/api/progress" in polls


async def test_markup_in_a_name_is_inert(browser_page: Page, lena: Path, tmp_path: Path) -> None:
    name = "<img src=x onerror=alert(1)>.wav"
    shutil.copy(lena / "lena.wav", tmp_path / name)
    await browser_page.set_input_files("#files", tmp_path / name)
    await convert(browser_page)
    target = row(browser_page, name)
    await reaches(target, "completed")
    await expecting(target.locator("img")).to_have_count(0)
    await browser_page.reload()
    await reaches(target, "completed")
    await expecting(target.locator("img")).to_have_count(0)


async def test_no_request_leaves_the_origin(
    browser_page: Page, wavemill: Wavemill, lena: Path
) -> None:
    asked: list[str] = []
    browser_page.on("request", lambda request: asked.append(request.url))
    await browser_page.reload()
    await browser_page.set_input_files("#files", lena / "lena.wav")
    await convert(browser_page)
    await reaches(row(browser_page, "lena.wav"), "completed")
    home = urlsplit(wavemill.url).netloc
    remote = [url for url in asked if urlsplit(url).scheme not in {"data", "blob"}]
    assert {urlsplit(url).netloc for url in remote} == {home}


async def test_the_arithmetic_of_chunks_and_waiting_is_right(browser_page: Page) -> None:
    found: dict[str, Any] = await browser_page.evaluate(
        """async () => {
          const plan = await import("/assets/plan.js");
          const words = await import("/assets/words.js");
          return {
            ranges: [...plan.parseRanges("0-1,3, x,5-5")],
            none: [...plan.parseRanges("")],
            chunks: plan.planChunks(25, 10, new Set([1])),
            received: plan.receivedBytes(25, 10, new Set([0, 2])),
            order: [[0, 1, 2, 3], [0, 1], []].map(plan.lastSecond),
            waits: [0, 1, 2, 9].map((attempt) => plan.backoff(attempt)),
            left: [2, 31, 90, 3700, null].map(words.timeLeft),
            sizes: [0, 1023, 1024, 1536, 8388608, 2147483648].map(words.bytes),
          };
        }"""
    )
    assert found == {
        "ranges": [0, 1, 3, 5],
        "none": [],
        "chunks": [{"index": 0, "start": 0, "end": 10}, {"index": 2, "start": 20, "end": 25}],
        "received": 15,
        "order": [[0, 3, 1, 2], [0, 1], []],
        "waits": [500, 750, 1125, 5000],
        "left": [
            "a few seconds left",
            "about 35 s left",
            "about 2 min left",
            "about 1 h 2 min left",
            "",
        ],
        "sizes": ["0 bytes", "1023 bytes", "1 KB", "1.5 KB", "8 MB", "2 GB"],
    }


def seconds_of(kind: Any, result: Path) -> float:
    """The length of the result, by a reader that refuses what is not of this kind."""
    return float(kind(result).info.length)


def lena_seconds(lena: Path) -> float:
    with wave.open(str(lena / "lena.wav")) as sound:
        return float(sound.getnframes() / sound.getframerate())
