"""The page has a file converted while it is still sent, and nobody has to know."""

import asyncio
import re
from pathlib import Path

import pytest
from playwright.async_api import Page, Response, Route

from support.audio import make_noise
from support.page_steps import PATIENCE, convert, downloaded, reaches, row
from support.server import Wavemill, eventually

pytestmark = pytest.mark.asyncio(loop_scope="session")

NAME = "some.wav"


@pytest.fixture
def wav(tmp_path: Path) -> Path:
    """Four chunks of sound."""
    return make_noise(tmp_path / NAME, 150)


class Held:
    """Lets through the first chunk and the last; the others wait until they are let go."""

    def __init__(self, last: int) -> None:
        self.order: list[int] = []
        self.go_on = asyncio.Event()
        self._free = {0, last}

    async def pass_on(self, route: Route) -> None:
        found = re.search(r"chunkIndex=(\d+)", route.request.url)
        assert found
        self.order.append(int(found[1]))
        if int(found[1]) not in self._free:
            await self.go_on.wait()
        await route.continue_()


class Jobs:
    """The ids of the jobs that the page was told it has begun."""

    def __init__(self, page: Page) -> None:
        self.ids: list[str] = []
        page.on("response", self._note)

    async def _note(self, response: Response) -> None:
        if response.url.endswith("/api/convert-audio") and response.ok:
            self.ids.append((await response.json())["jobId"])


async def test_a_conversion_begins_with_the_first_chunk_and_is_one_job(
    browser_page: Page, wavemill: Wavemill, wav: Path
) -> None:
    held, jobs = Held(last=3), Jobs(browser_page)
    await browser_page.route("**/api/upload-audio?*", held.pass_on)
    await browser_page.set_input_files("#files", wav)
    await convert(browser_page)
    await eventually(lambda: jobs.ids, PATIENCE / 1000)
    await is_converting(browser_page, wavemill, jobs.ids[0])
    target = row(browser_page, NAME)
    await reaches(target, "uploading")

    held.go_on.set()
    await reaches(target, "completed")
    assert (await downloaded(browser_page, target)).stat().st_size > 0
    assert held.order[:2] == [0, 3]  # what many a file needs to be begun with is at its end
    await eventually(lambda: len(jobs.ids) == 2)  # the second asks for the same, by its key
    assert len(set(jobs.ids)) == 1


async def test_a_file_that_is_taken_back_while_it_is_sent_cancels_its_job(
    browser_page: Page, wavemill: Wavemill, wav: Path
) -> None:
    held, jobs = Held(last=3), Jobs(browser_page)
    await browser_page.route("**/api/upload-audio?*", held.pass_on)
    await browser_page.set_input_files("#files", wav)
    await convert(browser_page)
    await eventually(lambda: jobs.ids, PATIENCE / 1000)
    await row(browser_page, NAME).get_by_role("button", name=re.compile("^Cancel")).click()
    await reaches_status(browser_page, wavemill, jobs.ids[0], "cancelled")
    held.go_on.set()
    told = await browser_page.request.get(f"{wavemill.url}/api/jobs/{jobs.ids[0]}")
    assert (await told.json())["status"] == "cancelled"


async def is_converting(page: Page, wavemill: Wavemill, job_id: str) -> None:
    await reaches_status(page, wavemill, job_id, "processing")


async def reaches_status(page: Page, wavemill: Wavemill, job_id: str, status: str) -> None:
    """Ask beside the page until the job is as it should be."""
    address = f"{wavemill.url}/api/progress?jobId={job_id}"
    async with asyncio.timeout(PATIENCE / 1000):
        while (await (await page.request.get(address)).json())["status"] != status:
            await asyncio.sleep(0.05)
