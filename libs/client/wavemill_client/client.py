"""WavemillClient: everything that a program needs of a wavemill, in a few calls."""

import asyncio
import os
from collections.abc import AsyncGenerator, AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Self

import aiohttp

from wavemill_client.calls import Calls, OptionsLike
from wavemill_client.conversion import Conversion, Converted, Order
from wavemill_client.download import fetch
from wavemill_client.errors import DeadlineExceeded, JobFailed, NotReady
from wavemill_client.follow import follow, until_completed
from wavemill_client.names import target_of
from wavemill_client.retry import Retry
from wavemill_client.steps import OnProgress, nobody
from wavemill_client.transport import Transport
from wavemill_client.upload import Source, open_upload, send
from wavemill_client.values import Job, Output, Progress, Upload

PARALLEL = 3  # chunks of one file on their way at once

PathLike = str | os.PathLike[str]


class WavemillClient(Calls):
    """A client of the wavemill at `url`.

        async with WavemillClient("http://127.0.0.1:8080") as wm:
            done = await wm.convert("talk.wav", "mp3", quality="high", out="talk.mp3")
            print(done.files, done.outputs[0].media, done.outputs[0].warnings)

    Whatever breaks on the way is tried again as `retry` says, and goes on where it stopped. A
    `deadline` is in seconds. Every call may raise what the tree in `wavemill_client.errors` shows.
    Several calls may run at once.
    """

    def __init__(self, url: str, *, api_key: str | None = None, retry: Retry | None = None) -> None:
        headers = {"User-Agent": "wavemill-client"}
        if api_key:
            headers["Authorization"] = f"Bearer {api_key}"
        self._headers = headers
        self._url = url
        self._retry = retry or Retry()

    async def __aenter__(self) -> Self:
        self._session = aiohttp.ClientSession(headers=self._headers)
        super().__init__(Transport(self._session, self._url, self._retry))
        return self

    async def __aexit__(self, *_: object) -> None:
        await self._session.close()

    async def convert(
        self,
        source: PathLike,
        format: str,  # noqa: A002 - its name in the interface
        *,
        out: PathLike,
        quality: str | None = None,
        options: OptionsLike = None,
        preview: bool = False,
        overwrite: bool = False,
        on_progress: OnProgress = nobody,
        deadline: float | None = None,
    ) -> Converted:
        """Convert a file: upload it, wait, and download what came of it.

        `out` is a file's name, or an existing folder, where the result gets the server's name for
        it. With the option `split` it is a folder always. Where this is cancelled, the job is
        cancelled and everything of it removed, here and there.

        Raises:
            FileExistsError: `out` is there already, and `overwrite` was not said.
            JobFailed: the file could not be converted.
            DeadlineExceeded: it took longer.
        """
        order = Order(
            source=Path(source),
            format=format,
            quality=quality,
            options=options,
            preview=preview,
            out=Path(out),
            overwrite=overwrite,
            parallel=PARALLEL,
        )
        async with within(deadline):
            return await Conversion(self, order, on_progress).run()

    async def open_upload(
        self, source: PathLike, *, name: str | None = None, chunk_size: int | None = None
    ) -> Upload:
        """Open an upload without sending anything: with its id, `upload` can be resumed later."""
        look = await asyncio.to_thread(Source.at, Path(source))
        return await open_upload(self.transport, look, name, chunk_size)

    async def upload(
        self,
        source: PathLike,
        *,
        file_id: str | None = None,
        parallel: int = PARALLEL,
        on_progress: OnProgress = nobody,
        deadline: float | None = None,
    ) -> Upload:
        """Send a file in chunks; with the `file_id` of an open upload, only what is missing of it.

        That may be in another process than the one that began. One chunk that has arrived is sent
        again, by which the server notices another file of the same size.

        Raises:
            SourceChanged: the file has another size, or changed meanwhile.
            Conflict: it is another file.
        """
        async with within(deadline):
            look = await asyncio.to_thread(Source.at, Path(source))
            if file_id is None:
                upload = await open_upload(self.transport, look, None, None)
            else:
                upload = await self.show_upload(file_id)
            return await send(self.transport, look, upload, parallel, on_progress)

    def follow(self, job_id: str) -> AsyncGenerator[Progress, None]:
        """Tell a job's state, then each new one, until it has ended.

        By Server-Sent Events; where these do not come through, by polling.

        Raises:
            NotFound, Expired: there is no such job, or not any more.
        """
        return follow(self.transport, job_id)

    async def wait(
        self, job_id: str, *, on_progress: OnProgress = nobody, deadline: float | None = None
    ) -> Progress:
        """Wait until a job has completed.

        Raises:
            JobFailed: it failed, or was cancelled.
        """
        async with within(deadline):
            return await until_completed(self.transport, job_id, on_progress)

    async def download(
        self,
        job_id: str,
        out: PathLike,
        *,
        output: int = 0,
        overwrite: bool = False,
        on_progress: OnProgress = nobody,
        deadline: float | None = None,
    ) -> Path:
        """Download a result to `out`, a file's name or an existing folder; return where it is.

        It comes into a part file beside, from which a later call goes on, and is compared with
        the size and the SHA-256 of the record before it gets its name.

        Raises:
            FileExistsError: `out` is there already, and `overwrite` was not said.
            JobFailed: there is no result, for this reason.
            NotReady: not yet.
            IndexError: there are fewer outputs.
            ResultDamaged: the bytes were wrong twice.
        """
        async with within(deadline):
            made = find_output(await self.job(job_id), output)
            return await fetch(
                self.transport,
                job_id,
                output,
                made,
                target_of(Path(out), made),
                overwrite=overwrite,
                tell=on_progress,
            )


def find_output(job: Job, number: int) -> Output:
    """One of the results of a job.

    Raises:
        JobFailed, NotReady: there is none, or not yet.
        IndexError: there are fewer.
    """
    if job.status in ("failed", "cancelled"):
        raise JobFailed(job.job_id, job.error)
    if job.status != "completed":
        raise NotReady(f"job {job.job_id} is {job.status}; its result is not ready yet")
    if not 0 <= number < len(job.outputs):
        raise IndexError(f"output must be from 0 to {len(job.outputs) - 1}")
    return job.outputs[number]


@asynccontextmanager
async def within(seconds: float | None) -> AsyncIterator[None]:
    """Give a block so much time.

    Raises:
        DeadlineExceeded: it took longer.
    """
    try:
        async with asyncio.timeout(seconds) as limit:
            yield
    except TimeoutError:
        if not limit.expired():
            raise
        raise DeadlineExceeded(f"this was not done within {seconds:g} s") from None
