"""A client of the HTTP interface, as short as a test wants to read it."""

import asyncio
import json
from collections.abc import AsyncGenerator, Mapping
from pathlib import Path
from typing import Any

import aiohttp

from support.declared import assert_declared

TERMINAL = frozenset({"completed", "failed", "cancelled"})


class Client:
    """Speaks to one gateway. Replies are plain dictionaries, as any outside program sees them."""

    def __init__(self, session: aiohttp.ClientSession, url: str) -> None:
        self.session = session
        self.url = url

    async def call(
        self, method: str, path: str, **options: Any
    ) -> tuple[int, dict[str, Any], Mapping[str, str]]:
        """Send a request; return status, JSON body (or {}), headers."""
        async with self.session.request(method, self.url + path, **options) as response:
            body = await response.read()
            parsed = json.loads(body) if "json" in response.content_type and body else {}
            assert_declared(method, path, response.status, response.content_type, parsed)
            return response.status, parsed, response.headers

    async def upload(self, path: Path, name: str | None = None) -> dict[str, Any]:
        """Upload a whole file; it must be taken."""
        form = aiohttp.FormData(quote_fields=False)  # as curl and browsers send names
        with path.open("rb") as file:
            form.add_field("file", file, filename=name or path.name)
            status, body, _ = await self.call("POST", "/api/upload-audio", data=form)
        assert status == 201, body
        return body

    async def convert(self, file_id: str, format: str, **more: Any) -> str:  # noqa: A002 - its name
        """Start a job; it must be accepted. Returns its id."""
        asked = {"fileId": file_id, "format": format, **more}
        status, body, _ = await self.call("POST", "/api/convert-audio", json=asked)
        assert status == 202, body
        return str(body["jobId"])

    async def progress(self, job_id: str) -> dict[str, Any]:
        """The newest progress of a job."""
        status, body, _ = await self.call("GET", f"/api/progress?jobId={job_id}")
        assert status == 200, body
        return body

    async def wait(self, job_id: str, timeout: float = 60.0) -> dict[str, Any]:
        """Poll until the job has ended."""
        body: dict[str, Any] = {}
        try:
            async with asyncio.timeout(timeout):
                while body.get("status") not in TERMINAL:
                    await asyncio.sleep(0.05 if body else 0)
                    body = await self.progress(job_id)
        except TimeoutError:
            raise AssertionError(f"a job did not end in {timeout} s: {body}") from None
        return body

    async def wait_for_stage(self, job_id: str, *stages: str) -> dict[str, Any]:
        """Poll until the job is in one of these stages."""
        async with asyncio.timeout(30):
            while True:
                body = await self.progress(job_id)
                if body["stage"] in stages:
                    return body
                assert body["status"] not in TERMINAL, body
                await asyncio.sleep(0.02)

    async def download(self, job_id: str, target: Path) -> Path:
        """Download a result into a file."""
        async with self.session.get(f"{self.url}/api/download?jobId={job_id}") as response:
            assert response.status == 200, await response.text()
            target.write_bytes(await response.read())
        return target

    async def events(
        self, *job_ids: str, last_event_id: str | None = None
    ) -> AsyncGenerator[dict[str, Any], None]:
        """Watch jobs: yields {"event", "id", "data"} until the server ends the stream."""
        query = "&".join(f"jobId={job_id}" for job_id in job_ids)
        headers = {"Last-Event-ID": last_event_id} if last_event_id else {}
        async with self.session.get(f"{self.url}/api/events?{query}", headers=headers) as response:
            assert response.status == 200, await response.text()
            event: dict[str, Any] = {}
            async for raw in response.content:
                line = raw.decode().rstrip("\n")
                if not line:
                    if "data" in event:
                        yield event | {"data": json.loads(event["data"])}
                    event = {}
                elif not line.startswith(":"):
                    name, _, value = line.partition(": ")
                    event[name] = value
