"""A gateway dies in mid-upload, another one comes: the browser goes on, and every byte is there."""

import hashlib
import re
from collections import Counter
from collections.abc import Iterator
from pathlib import Path

import pytest
from playwright.async_api import Page, Request
from playwright.async_api import expect as expecting

from support.browser import chromium_page
from support.chunks import write_wav
from support.cluster import Cluster
from support.kept import InAws
from support.moto_server import running_moto
from support.server import eventually
from wavemill_common.settings import MIB

PATIENCE = 90.0  # seconds
SIZE = 80 * MIB + 12_345  # ten chunks, and a bit
SPEED = 10 * MIB  # bytes a second that the browser sends: slow enough to be interrupted
BEFORE = 4  # chunks that have arrived when the gateway dies


@pytest.fixture(params=["files", "S3 and DynamoDB"])
def cluster(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[Cluster]:
    """One gateway and Redis."""
    if request.param == "files":
        yield from _running(Cluster(tmp_path / "cluster", converters=0, janitors=0))
        return
    with running_moto() as url:
        kept = InAws(url)
        yield from _running(Cluster(tmp_path / "cluster", converters=0, janitors=0, kept=kept))


def _running(cluster: Cluster) -> Iterator[Cluster]:
    try:
        cluster.start()
        yield cluster
    finally:
        cluster.close()


async def test_the_browser_resumes_at_another_gateway_and_the_stored_file_is_the_sources(
    cluster: Cluster, tmp_path: Path
) -> None:
    (gateway,) = cluster.gateways
    source = write_wav(tmp_path / "long.wav", SIZE)
    sent, answered = Counter[str](), set[str]()

    async with chromium_page(PATIENCE) as page:
        await page.goto(gateway.url)
        await page.locator("#format option[value=opus]").wait_for(state="attached")
        await _slow_down(page)
        page.on("request", lambda one: sent.update(_chunk_of(one)))
        page.on("requestfinished", lambda one: answered.update(_chunk_of(one)))
        async with page.expect_response("**/api/uploads") as opened:
            await page.set_input_files("#files", source)
        upload = await (await opened.value).json()
        await eventually(lambda: len(answered) >= BEFORE, PATIENCE)
        gateway.kill()
        before = answered.copy()
        gateway.start()

        row = page.get_by_role("listitem").filter(has=page.get_by_text("long.wav", exact=True))
        await expecting(row).to_have_attribute("data-state", "ready", timeout=PATIENCE * 1000)

    (key,) = cluster.kept.keys(upload["fileId"])
    stored = hashlib.sha256(cluster.kept.read(key)).hexdigest()
    assert stored == hashlib.sha256(source.read_bytes()).hexdigest()
    assert key == f"uploads/{upload['fileId']}.wav"  # and no chunk is left
    assert {sent[index] for index in before} == {1}, "what had arrived was sent again"
    assert len(before) < upload["totalChunks"]
    assert len(sent) == upload["totalChunks"]
    assert sum(sent.values()) > len(sent), "nothing was on its way when the gateway died"


async def _slow_down(page: Page) -> None:
    session = await page.context.new_cdp_session(page)
    await session.send("Network.enable")
    limits = {"offline": False, "latency": 0, "downloadThroughput": -1, "uploadThroughput": SPEED}
    await session.send("Network.emulateNetworkConditions", limits)


def _chunk_of(request: Request) -> list[str]:
    """The index of the chunk that a request sends, if it sends one."""
    return re.findall(r"/api/upload-audio\?.*chunkIndex=(\d+)", request.url)
