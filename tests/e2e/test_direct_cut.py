"""Uppy in a browser, straight to S3, cut at 60 %: not more than one part of it is sent twice."""

import hashlib
from collections.abc import AsyncIterator, Awaitable, Callable, Iterator
from pathlib import Path
from urllib.parse import urlsplit

import pytest
from playwright.async_api import Page, Route

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
import { AwsS3, GoldenRetriever, Uppy } from '/npm/bundle.js'
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
uppy.use(AwsS3, { companionEndpoint: location.origin, shouldUseMultipart: true })
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
def server(
    start_wavemill: Callable[..., Wavemill], kept: InAws, proxy: FaultProxy
) -> Wavemill:
    public = f"http://127.0.0.1:{proxy.port}"
    return start_wavemill(**kept.variables, S3_PUBLIC_ENDPOINT_URL=public)


@pytest.fixture
async def page() -> AsyncIterator[Page]:
    async with chromium_page(PATIENCE) as one:
        yield one


async def _open(page: Page, url: str, path: Path) -> None:
    """Have Uppy on a page of the gateway's origin, and a file chosen."""
    bundle = npm_packages() / "bundle.js"

    async def show(route: Route) -> None:
        if route.request.url.endswith(".js"):
            await route.fulfill(path=bundle, content_type="text/javascript")
        else:
            await route.fulfill(body=PAGE, content_type="text/html")

    await page.route("**/npm/*", show)
    await page.goto(f"{url}/npm/page")
    await page.wait_for_function("window.ready")
    await page.unroute("**/npm/*")  # large bodies shall pass as they do elsewhere
    await page.set_input_files("#file", path)


async def _the_line_breaks(page: Page, cut: Cut, _: Path) -> None:
    await cut.happen()
    await page.evaluate("broken")
    cut.heal()
    await page.evaluate("void uppy.retryAll()")


async def _the_laptop_is_closed(page: Page, cut: Cut, path: Path) -> None:
    address = page.url.removesuffix("/npm/page")
    await cut.happen()
    await page.goto("about:blank")
    cut.heal()
    await _open(page, address, path)
    await page.evaluate("restored")
    await page.evaluate("add(); uppy.emit('restore-confirmed')")


@pytest.mark.timeout(900)
@pytest.mark.parametrize("mib", [64, pytest.param(1024, marks=pytest.mark.slow)])
@pytest.mark.parametrize("broken", [_the_line_breaks, _the_laptop_is_closed])
async def test_no_more_than_a_part_is_sent_twice(
    page: Page,
    server: Wavemill,
    kept: InAws,
    proxy: FaultProxy,
    tmp_path: Path,
    broken: Callable[[Page, Cut, Path], Awaitable[None]],
    mib: int,
) -> None:
    noise = Noise(mib)
    path = noise.written(tmp_path / "large.wav")
    await _open(page, server.url, path)
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
