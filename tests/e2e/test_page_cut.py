"""An upload of the page's that is cut at 60 %: not more than one chunk of it is sent twice."""

import hashlib
import re
from collections.abc import Awaitable, Callable, Iterator
from pathlib import Path

import pytest
from playwright.async_api import Page
from playwright.async_api import expect as expecting

from support.cut import OVERHEAD, PATIENCE, Cut
from support.fault_proxy import FaultProxy
from support.noise import Noise
from support.page_steps import offered, row
from support.server import Wavemill
from wavemill_common.settings import MIB

pytestmark = pytest.mark.asyncio(loop_scope="session")

CHUNK = 8 * MIB
NAME = "large.wav"


@pytest.fixture
def proxy(wavemill: Wavemill) -> Iterator[FaultProxy]:
    with FaultProxy(wavemill.port) as one:
        yield one


async def _the_line_breaks(page: Page, cut: Cut, _: Path) -> None:
    async with page.expect_event("requestfailed"):
        await cut.happen()
    cut.heal()  # the page tries again by itself


async def _the_laptop_is_closed(page: Page, cut: Cut, path: Path) -> None:
    address = page.url
    await cut.happen()
    await page.goto("about:blank")
    cut.heal()
    await page.goto(address)
    await expecting(row(page, NAME)).to_contain_text("Choose the same file again to continue")
    await page.set_input_files("#files", path)


@pytest.mark.timeout(900)
@pytest.mark.parametrize("mib", [64, pytest.param(1024, marks=pytest.mark.slow)])
@pytest.mark.parametrize("broken", [_the_line_breaks, _the_laptop_is_closed])
async def test_no_more_than_a_chunk_is_sent_twice(
    browser_page: Page,
    wavemill: Wavemill,
    proxy: FaultProxy,
    tolerated: list[str],
    tmp_path: Path,
    broken: Callable[[Page, Cut, Path], Awaitable[None]],
    mib: int,
) -> None:
    tolerated.append("net::ERR_")
    noise = Noise(mib)
    path = noise.written(tmp_path / NAME)
    await browser_page.goto(f"http://127.0.0.1:{proxy.port}")
    await offered(browser_page)
    cut = Cut(proxy, noise.size)
    async with browser_page.expect_response("**/api/uploads") as opened:
        await browser_page.set_input_files("#files", path)
    upload = await (await opened.value).json()

    await broken(browser_page, cut, path)

    target = row(browser_page, NAME)
    await expecting(target).to_have_attribute("data-state", "ready", timeout=PATIENCE * 1000)
    print(f"\n{cut.sent_again} bytes sent again")  # noqa: T201
    assert 0 < cut.sent_again <= CHUNK + OVERHEAD
    assert _stored(wavemill, upload["fileId"]) == noise.sha256()
    async with browser_page.expect_response(lambda reply: upload["fileId"] in reply.url):
        await target.get_by_role("button", name=re.compile("^Remove")).click()
    path.unlink()


def _stored(server: Wavemill, file_id: str) -> str:
    (key,) = server.kept.keys(file_id)
    digest = hashlib.sha256()
    for block in server.kept.blocks(key):
        digest.update(block)
    return digest.hexdigest()
