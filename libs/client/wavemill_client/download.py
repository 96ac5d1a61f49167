"""Download: a result comes into a part file, resumed where it broke, compared with its record.

The part file is named after the result's SHA-256, so what an earlier process left of the same
result is used, and of another one never. Only a whole and right file gets its name.
"""

import asyncio
from http import HTTPStatus
from pathlib import Path

import aiohttp

from wavemill_client.errors import NotWavemill, ResultDamaged, ServerUnreachable, WavemillError
from wavemill_client.parts import Part, check_free, part_path, publish
from wavemill_client.retry import Patience
from wavemill_client.steps import OnProgress, Step
from wavemill_client.transport import Transport, query
from wavemill_client.values import Output

BLOCK = 1024 * 1024  # bytes written at once


async def fetch(
    transport: Transport,
    job_id: str,
    number: int,
    output: Output,
    target: Path,
    *,
    overwrite: bool,
    tell: OnProgress,
) -> Path:
    """Download the result `number` of a job to `target`.

    Raises:
        FileExistsError: there is a file already, and it may not be overwritten.
        ResultDamaged: the bytes were wrong, and again when they were fetched anew.
    """
    check_free(target, overwrite=overwrite)
    fetching = _Fetching(transport, query(jobId=job_id, output=number), output, tell)
    path = part_path(target, output)
    found = await fetching.run(path)
    if found != output.sha256:  # an old part file may have been spoiled: once more, from zero
        path.unlink()
        found = await fetching.run(path)
    if found != output.sha256:
        path.unlink()
        raise ResultDamaged(
            f"{output.file_name} arrived with SHA-256 {found}, but was made with {output.sha256}"
        )
    await asyncio.to_thread(publish, path, target, overwrite=overwrite)
    return target


class _Fetching:
    """The bytes of one result on their way."""

    def __init__(
        self, transport: Transport, params: dict[str, str], output: Output, tell: OnProgress
    ) -> None:
        self._transport = transport
        self._params = params
        self._output = output
        self._tell = tell

    async def run(self, path: Path) -> str:
        """Fetch what is missing of the part file; return the SHA-256 of the whole."""
        patience = Patience(self._transport.retry)
        with await asyncio.to_thread(Part.open, path, self._output.size) as part:
            while part.size < self._output.size:
                before = part.size
                try:
                    await self._rest(part)
                except WavemillError as error:
                    if part.size > before:
                        patience.refresh()
                    await patience.bear(error)
            self._say(part)
            return await asyncio.to_thread(part.finish)

    async def _rest(self, part: Part) -> None:
        headers = {"Accept-Encoding": "identity"}
        if part.size:
            headers |= {"Range": f"bytes={part.size}-", "If-Range": f'"{self._output.sha256}"'}
        async with self._transport.stream(
            "GET", "/api/download", self._params, headers
        ) as response:
            _check_same(response, self._output)
            if response.status != HTTPStatus.PARTIAL_CONTENT:
                part.begin_anew()
            await self._write(response, part)
        if part.size < self._output.size:
            raise ServerUnreachable("the download ended before it was whole")

    async def _write(self, response: aiohttp.ClientResponse, part: Part) -> None:
        """Write what comes in large blocks; what came before a break is written, too."""
        gathered = bytearray()
        try:
            async for piece in response.content.iter_any():
                gathered += piece
                if part.size + len(gathered) > self._output.size:
                    raise NotWavemill("more bytes came than the result has")
                if len(gathered) >= BLOCK:
                    await asyncio.to_thread(part.write, bytes(gathered))
                    gathered.clear()
                    self._say(part)
        finally:
            part.write(gathered)

    def _say(self, part: Part) -> None:
        self._tell(Step(doing="downloading", done=part.size, total=self._output.size))


def _check_same(response: aiohttp.ClientResponse, output: Output) -> None:
    """Refuse the bytes of another result than the one that the record tells of.

    Raises:
        ResultDamaged: the job was run again meanwhile, or somebody on the way changes answers.
    """
    told = response.headers.get("ETag", "").removeprefix("W/").strip('"')
    if told and told != output.sha256:
        raise ResultDamaged(
            f"{output.file_name} is not the one that was made; look at the job anew"
        )
