"""Uppy in a browser, straight to S3, cut at 60 %: not more than one part of it is sent twice."""

import hashlib
from collections.abc import AsyncIterator, Awaitable, Callable, Iterator
from pathlib import Path
from urllib.parse import urlsplit

import pytest
from aiohttp import web
from playwright.async_api import Page

from support.browser import chromium_page
from support.cut import OVERHEAD, PATIENCE, Cut
from support.fault_proxy import FaultProxy
from support.kept import InAws
from support.moto_server import running_moto
from support.noise import Noise
from support.npm_packages import npm_packages
from support.s3 import OPEN_TO_PAGES
from support.server import Wavemill
from wavemill_common.settings import MIB

PART = 5 * MIB  # Uppy's own
PAGE = """<!doctype html><input type="file" id="file"><script type="module">
import { AwsS3, GoldenRetriever, Uppy } from './bundle.js'
const uppy = new Uppy()
window.uppy = uppy
window.uploaded = new Promise((resolve) => {
  uppy.on('upload-success', (_, response) => resolve(response.body.location))
})
window.broken = new Promise((resolve) => uppy.on('upload-error', () => resolve()))
window.restored = new Promise((resolve) => uppy.on('restored', () => resolve()))
window.add = () => {
  const [data] = document.getElementById('file').files
  uppy.addFile({ name: data.name, type: data.type, data })
}
const companionEndpoint = new URLSearchParams(location.search).get('wavemill')
uppy.use(AwsS3, { companionEndpoint, shouldUseMultipart: true })
uppy.use(GoldenRetriever)
window.ready = true
</script>"""


@pytest.fixture
def kept() -> Iterator[InAws]:
    """A bucket that pages of any origin may write to, where they are allowed to by a signature."""
    with running_moto() as url:
        one = InAws(url)
        s3 = one.service("s3")
        s3.put_bucket_cors(Bucket=one.variables["S3_BUCKET"], CORSConfiguration=OPEN_TO_PAGES)
        s3.close()
        yield one


@pytest.fixture
def proxy(kept: InAws) -> Iterator[FaultProxy]:
    """The way to S3 that browsers take."""
    port = urlsplit(kept.variables["S3_ENDPOINT_URL"]).port
    assert port
    with FaultProxy(port) as one:
        yield one


@pytest.fixture
async def site() -> AsyncIterator[str]:
    """Somebody else's website, with Uppy on it; a browser trusts no page made up for it."""

    async def show(request: web.Request) -> web.StreamResponse:
        if request.path == "/bundle.js":
            return web.FileResponse(npm_packages() / "bundle.js")
        return web.Response(text=PAGE, content_type="text/html")

    app = web.Application()
    app.router.add_get("/{name}", show)
    runner = web.AppRunner(app, shutdown_timeout=1)
    await runner.setup()
    await web.TCPSite(runner, "127.0.0.1", 0).start()
    yield f"http://127.0.0.1:{runner.addresses[0][1]}"
    await runner.cleanup()


@pytest.fixture
def server(
    start_wavemill: Callable[..., Wavemill], kept: InAws, proxy: FaultProxy, site: str
) -> Wavemill:
    public = f"http://127.0.0.1:{proxy.port}"
    more = {"S3_PUBLIC_ENDPOINT_URL": public, "WAVEMILL_CORS_ORIGINS": site}
    return start_wavemill(**kept.variables, **more)


@pytest.fixture
async def page(site: str, server: Wavemill) -> AsyncIterator[Page]:
    async with chromium_page(PATIENCE) as one:
        await one.goto(f"{site}/uppy?wavemill={server.url}")
        yield one


async def _choose(page: Page, path: Path) -> None:
    await page.wait_for_function("window.ready")
    await page.set_input_files("#file", path)


async def _the_line_breaks(page: Page, cut: Cut, _: Path) -> None:
    await cut.happen()
    await page.evaluate("broken")
    cut.heal()
    await page.evaluate("void uppy.retryAll()")


async def _the_laptop_is_closed(page: Page, cut: Cut, path: Path) -> None:
    address = page.url
    await cut.happen()
    await page.goto("about:blank")
    cut.heal()
    await page.goto(address)
    await _choose(page, path)
    await page.evaluate("restored")
    await page.evaluate("add(); uppy.emit('restore-confirmed')")


@pytest.mark.timeout(900)
@pytest.mark.parametrize("mib", [64, pytest.param(1024, marks=pytest.mark.slow)])
@pytest.mark.parametrize("broken", [_the_line_breaks, _the_laptop_is_closed])
async def test_no_more_than_a_part_is_sent_twice(
    page: Page,
    kept: InAws,
    proxy: FaultProxy,
    tmp_path: Path,
    broken: Callable[[Page, Cut, Path], Awaitable[None]],
    mib: int,
) -> None:
    noise = Noise(mib)
    path = noise.written(tmp_path / "large.wav")
    await _choose(page, path)
    cut = Cut(proxy, noise.size)
    await page.evaluate("add(); void uppy.upload()")

    await broken(page, cut, path)

    location = await page.evaluate("uploaded")
    print(f"\n{cut.sent_again} bytes sent again")  # noqa: T201
    assert 0 < cut.sent_again <= PART + OVERHEAD
    (key,) = kept.keys(location.rpartition("/")[2])
    digest = hashlib.sha256()
    for block in kept.blocks(key):
        digest.update(block)
    assert digest.hexdigest() == noise.sha256()
    path.unlink()
