"""Many files at once: the page stays quick, a reload loses none, and one click fetches them all."""

import asyncio
import json
import shutil
import zipfile
from pathlib import Path

import pytest
from playwright.async_api import Browser, Page, Route
from playwright.async_api import expect as expecting

from support.page_steps import PATIENCE, offered

pytestmark = pytest.mark.asyncio(loop_scope="session")

MANY = 40
KINDS = ("wav", "flac", "mp3", "m4a", "ogg")
BEFORE_RELOAD = 25  # files that are uploaded before it
ENOUGH = 10  # conversions, to see what each costs the page
LONG = 100_000  # µs of the main thread's own time, whatever else the machine does
DROP = """() => {
  const dataTransfer = new DataTransfer();
  for (const file of document.querySelector("#hand").files) dataTransfer.items.add(file);
  const how = { bubbles: true, cancelable: true, dataTransfer };
  for (const type of ["dragenter", "dragover", "drop"]) {
    document.querySelector("h1").dispatchEvent(new DragEvent(type, how));
  }
}"""
HAND = """() => {
  const hand = Object.assign(document.createElement("input"), { type: "file", multiple: true });
  hand.id = "hand";
  hand.hidden = true;
  document.body.append(hand);
}"""


@pytest.fixture
def forty(lena: Path, tmp_path: Path) -> list[Path]:
    """The clip, again and again, in five formats."""
    paths = []
    for number in range(MANY):
        kind = KINDS[number % len(KINDS)]
        path = tmp_path / f"clip {number + 1:02}.{kind}"
        shutil.copy(lena / f"lena.{kind}", path)
        paths.append(path)
    return paths


async def drop(page: Page, paths: list[Path]) -> None:
    """Drop real files on the page, all at once."""
    await page.evaluate(HAND)
    await page.set_input_files("#hand", paths)
    await page.evaluate(DROP)


async def test_forty_files_survive_a_reload_and_come_back_in_one_zip(
    browser_page: Page, forty: list[Path]
) -> None:
    opened = 0

    async def open_some(route: Route) -> None:
        nonlocal opened
        opened += 1
        if opened <= BEFORE_RELOAD:
            await route.continue_()

    await browser_page.route("**/api/uploads", open_some)
    await drop(browser_page, forty)
    await browser_page.get_by_role("button", name=f"Convert {MANY} files").click()
    listed = browser_page.locator("#list > li")
    uploaded = browser_page.locator(
        "#list > li:is([data-state=starting], [data-state=running], [data-state=completed])"
    )
    await expecting(uploaded).to_have_count(BEFORE_RELOAD, timeout=PATIENCE)
    await expecting(browser_page.locator("[data-state=uploading]")).to_have_count(3)

    await browser_page.reload()
    await browser_page.unroute("**/api/uploads")
    await offered(browser_page)
    await expecting(listed).to_have_count(MANY)
    missing = MANY - BEFORE_RELOAD
    await expecting(browser_page.get_by_text(f"{missing} uploads were interrupted")).to_be_visible()

    await drop(browser_page, forty)
    completed = browser_page.locator("#list > li[data-state=completed]")
    await expecting(completed).to_have_count(MANY, timeout=2 * PATIENCE)
    await expecting(listed).to_have_count(MANY)
    await expecting(browser_page.locator("#totals")).to_contain_text(f"{MANY} of {MANY} converted")
    async with browser_page.expect_download() as started:
        await browser_page.get_by_role("link", name="Download all").click()
    with zipfile.ZipFile(await (await started.value).path()) as archive:
        assert sorted(archive.namelist()) == [f"{path.stem}.mp3" for path in forty]


async def test_forty_files_keep_the_page_quick(
    browser: Browser, browser_page: Page, forty: list[Path], tmp_path: Path
) -> None:
    await browser_page.evaluate(HAND)
    await browser_page.set_input_files("#hand", forty)
    trace = tmp_path / "trace.json"
    await browser.start_tracing(
        page=browser_page, path=trace, categories=["disabled-by-default-devtools.timeline"]
    )
    await browser_page.evaluate(DROP)
    await expecting(browser_page.locator("[data-state=ready]")).to_have_count(
        MANY, timeout=PATIENCE
    )
    await expecting(browser_page.locator("#estimate")).to_contain_text(f"for {MANY} files")
    await browser_page.get_by_role("button", name=f"Convert {MANY} files").click()
    some_done = f"() => document.querySelectorAll('[data-state=completed]').length >= {ENOUGH}"
    await browser_page.wait_for_function(some_done)
    await browser.stop_tracing()
    tasks = await asyncio.to_thread(main_thread_tasks, trace)
    assert max(tasks) < LONG


def main_thread_tasks(trace: Path) -> list[int]:
    """How much of its time the page's main thread gave to each task, in µs."""
    events = json.loads(trace.read_text())["traceEvents"]
    mains = {
        (one["pid"], one["tid"])
        for one in events
        if one["name"] == "thread_name" and one["args"]["name"] == "CrRendererMain"
    }
    tasks = [
        one["tdur"]
        for one in events
        if one["name"].endswith("RunTask") and (one["pid"], one["tid"]) in mains and "tdur" in one
    ]
    assert tasks
    return tasks
