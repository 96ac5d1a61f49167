"""Other people's tus clients, unmodified: cut, resumed by a new process, and no byte is lost."""

import asyncio
import hashlib
import os
import shutil
import subprocess
import sys
from collections.abc import AsyncIterator, Callable, Iterator
from contextlib import asynccontextmanager
from pathlib import Path
from urllib.parse import urlsplit

import aiohttp
import pytest
from playwright.async_api import Page, Route, async_playwright

from support.browser import ARGUMENTS, CHROMIUM
from support.chunks import write_wav
from support.client import Client
from support.fault_proxy import FaultProxy, Mode
from support.npm_packages import npm_packages
from support.server import Wavemill, eventually
from wavemill_common.settings import MIB

CHUNK = 8 * MIB  # as the gateway keeps things
SIZE = 40 * MIB + 12_345
SLOWLY = 0.004  # seconds for 64 KiB
PATIENCE = 60.0  # seconds
TESTS = Path(__file__).parents[1]


@pytest.fixture(scope="module")
def song(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return write_wav(tmp_path_factory.mktemp("song") / "Ünïcode.wav", SIZE)


@pytest.fixture
def proxy(wavemill: Wavemill) -> Iterator[FaultProxy]:
    """A slow way to the gateway, that can be cut."""
    with FaultProxy(wavemill.port) as one:
        one.become(Mode.PASS, delay=SLOWLY)
        yield one


@pytest.fixture
def client(session: aiohttp.ClientSession, wavemill: Wavemill) -> Client:
    return Client(session, wavemill.url)


class Chunks:
    """The chunks that are kept of the upload that begins after this."""

    def __init__(self, server: Wavemill) -> None:
        self._server = server
        self._before = self._now()

    @property
    def count(self) -> int:
        return len(self._now() - self._before)

    def _now(self) -> set[str]:
        return set(self._server.kept.keys("uploads/chunks/"))


async def is_whole(client: Client, server: Wavemill, url: str, song: Path) -> bool:
    """Whether an upload is complete, under its name, and stored as it was sent."""
    file_id = urlsplit(url.strip()).path.rpartition("/")[2]
    _, body, _ = await client.call("GET", f"/api/uploads/{file_id}")
    assert (body["complete"], body["fileName"]) == (True, song.name), body
    stored = [server.kept.read(key) for key in server.kept.keys(file_id)]
    return [hashlib.sha256(one).hexdigest() for one in stored] == [
        hashlib.sha256(song.read_bytes()).hexdigest()
    ]


# --- tuspy, and tus-js-client in Node ---


def tuspy(chunk: str, checksum: str) -> Callable[[str, Path, Path], list[str]]:
    def command(url: str, song: Path, urls: Path) -> list[str]:
        module = [sys.executable, "-m", "support.tuspy_send"]
        return [*module, f"{url}/api/tus/", str(song), str(urls), chunk, checksum]

    return command


def tus_js(chunk: str) -> Callable[[str, Path, Path], list[str]]:
    def command(url: str, song: Path, urls: Path) -> list[str]:
        script = npm_packages() / "send.mjs"
        return ["node", str(script), f"{url}/api/tus", str(song), str(urls), chunk]

    return command


@pytest.mark.parametrize(
    ("command", "kept"),
    [
        pytest.param(tuspy("whole", ""), 2, id="tuspy"),
        pytest.param(tuspy("3000000", ""), 2, id="tuspy in chunks"),
        pytest.param(tuspy("3000000", "checksum"), 2, id="tuspy with checksums"),
        pytest.param(tuspy("whole", "checksum"), 0, id="tuspy with one checksum"),
        pytest.param(tus_js("whole"), 2, id="tus-js-client in Node"),
        pytest.param(tus_js("3000000"), 2, id="tus-js-client in Node, in chunks"),
    ],
)
async def test_a_program_that_was_cut_is_resumed_by_another_process(
    wavemill: Wavemill,
    client: Client,
    proxy: FaultProxy,
    song: Path,
    tmp_path: Path,
    command: Callable[[str, Path, Path], list[str]],
    kept: int,
) -> None:
    words = command(f"http://127.0.0.1:{proxy.port}", song, tmp_path / "urls.json")
    environ = {**os.environ, "PYTHONPATH": str(TESTS)}
    chunks = Chunks(wavemill)
    with subprocess.Popen(words, env=environ, stderr=subprocess.PIPE) as first:
        if kept:
            await eventually(lambda: chunks.count >= kept, PATIENCE)
        else:
            await eventually(lambda: proxy.forwarded > SIZE // 2, PATIENCE)
        proxy.become(Mode.REFUSE)
        proxy.reset()
        assert await asyncio.to_thread(first.wait, PATIENCE) != 0

    proxy.become(Mode.PASS)
    second = await asyncio.to_thread(
        subprocess.run, words, env=environ, capture_output=True, text=True, check=False
    )
    assert second.returncode == 0, second.stderr
    assert await is_whole(client, wavemill, second.stdout, song)
    if kept:
        assert proxy.forwarded < SIZE + CHUNK, "what had been kept was sent again"


# --- tus-js-client and Uppy in a browser ---

PAGE = """<!doctype html><input type="file" id="file"><script type="module">
import { Uppy, UppyTus, tus } from '/npm/bundle.js'
const endpoint = `${location.origin}/api/tus`
const chosen = () => document.getElementById('file').files[0]

window.sendByTus = () => new Promise(async (resolve, reject) => {
  const file = chosen()
  const upload = new tus.Upload(file, {
    endpoint,
    retryDelays: [0, 500, 1000, 3000],
    metadata: { filename: file.name, filetype: file.type },
    onError: reject,
    onSuccess: () => resolve(upload.url),
  })
  const [known] = await upload.findPreviousUploads()
  if (known) upload.resumeFromPreviousUpload(known)
  upload.start()
})

window.sendByUppy = () => new Promise((resolve, reject) => {
  const uppy = new Uppy()
  uppy.use(UppyTus, { endpoint })
  uppy.on('upload-success', (_, response) => resolve(response.uploadURL))
  uppy.on('upload-error', (_, error) => reject(error))
  const file = chosen()
  uppy.addFile({ name: file.name, type: file.type, data: file })
  uppy.upload()
})
window.ready = true
</script>"""


@asynccontextmanager
async def browser(profile: Path, url: str, song: Path) -> AsyncIterator[Page]:
    """A browser process, with a page of the gateway's origin on which a file was chosen."""
    bundle = npm_packages() / "bundle.js"

    async def show(route: Route) -> None:
        if route.request.url.endswith(".js"):
            await route.fulfill(path=bundle, content_type="text/javascript")
        else:
            await route.fulfill(body=PAGE, content_type="text/html")

    async with async_playwright() as playwright:
        context = await playwright.chromium.launch_persistent_context(
            profile, executable_path=CHROMIUM, args=ARGUMENTS
        )
        try:
            page = context.pages[0]
            page.set_default_timeout(PATIENCE * 1000)
            await page.route("**/npm/*", show)
            await page.goto(f"{url}/npm/page")
            await page.wait_for_function("window.ready")
            await page.unroute("**/npm/*")  # large bodies shall pass as they do elsewhere
            await page.set_input_files("#file", song)
            yield page
        finally:
            await context.close()


@pytest.mark.skipif(CHROMIUM is None or not shutil.which("npm"), reason="needs chromium and npm")
@pytest.mark.parametrize("send", ["sendByTus", "sendByUppy"])
async def test_a_browser_that_was_cut_and_closed_goes_on_where_it_was(
    wavemill: Wavemill, client: Client, proxy: FaultProxy, song: Path, tmp_path: Path, send: str
) -> None:
    url = f"http://127.0.0.1:{proxy.port}"
    async with browser(tmp_path / "profile", url, song) as page:
        before, chunks = proxy.forwarded, Chunks(wavemill)
        await page.evaluate(f"void {send}().catch(() => null)")
        await eventually(lambda: chunks.count >= 1, PATIENCE)
        proxy.reset()  # the client tries again by itself
        await eventually(lambda: chunks.count >= 4, PATIENCE)

    async with browser(tmp_path / "profile", url, song) as page:
        proxy.become(Mode.PASS)
        uploaded = await page.evaluate(f"{send}()")

    assert await is_whole(client, wavemill, uploaded, song)
    assert proxy.forwarded - before < SIZE + 2 * CHUNK, "what had been kept was sent again"
