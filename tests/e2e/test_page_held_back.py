"""Behind a proxy that holds events back until it has them all, progress is polled instead."""

import re
from collections.abc import Iterator
from contextlib import aclosing
from pathlib import Path

import pytest
from playwright.async_api import Page
from playwright.async_api import expect as expecting

from support.nginx import NGINX, running_nginx
from support.page_steps import convert, offered, reaches, row
from support.ports import free_port
from support.server import Wavemill
from wavemill_client import WavemillClient

RECIPE = """
server {{
    listen 127.0.0.1:{port};
    client_max_body_size 0;
    location / {{
        proxy_pass http://127.0.0.1:{target};
        proxy_http_version 1.1;
        proxy_buffering on;
        proxy_ignore_headers X-Accel-Buffering;
    }}
}}
"""

pytestmark = [
    pytest.mark.asyncio(loop_scope="session"),
    pytest.mark.skipif(NGINX is None, reason="no nginx here (apt-get install nginx-light)"),
]


@pytest.fixture(scope="module")
def proxy(wavemill: Wavemill, tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    """An nginx that takes no hints."""
    port = free_port()
    recipe = RECIPE.format(port=port, target=wavemill.port)
    with running_nginx(tmp_path_factory.mktemp("nginx"), recipe, port):
        yield f"http://127.0.0.1:{port}"


async def test_the_page_shows_how_a_job_gets_on(
    browser_page: Page, proxy: str, long_audio: Path
) -> None:
    await browser_page.goto(proxy)
    await offered(browser_page)
    async with browser_page.expect_request("**/api/events*"):
        await browser_page.set_input_files("#files", long_audio)
        await convert(browser_page, "opus")
    target = row(browser_page, long_audio.name)
    await expecting(target).to_contain_text(re.compile(r"Converting . \d+ %"))
    await target.get_by_role("button", name="Cancel").click()
    await reaches(target, "cancelled")


async def test_the_python_client_tells_how_a_job_gets_on(proxy: str, long_audio: Path) -> None:
    async with WavemillClient(proxy) as client:
        upload = await client.upload(long_audio)
        job_id = (await client.create_job(upload.file_id, "opus")).job_id
        async with aclosing(client.follow(job_id)) as states:
            async for progress in states:
                if progress.stage == "converting":
                    break
        assert (await client.job(job_id)).status == "processing"
        await client.delete_job(job_id)
