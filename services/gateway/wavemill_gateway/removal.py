"""Removal: delete a job with its upload, when its owner says so or when all of it went out.

What has gone out is noted in the object store, each result by a mark of its own: of two downloads
that end at once neither can overwrite what the other has noted.
"""

import asyncio
from collections.abc import AsyncIterator, Coroutine
from contextlib import suppress
from typing import Any

import structlog
from aiohttp import web

from wavemill_common.errors import AppError, UploadInUse, UploadNotFound
from wavemill_common.jobs import Job, fetched_key
from wavemill_gateway.finishing import UNFINISHED
from wavemill_gateway.keys import DESK, INTAKE, OBJECTS

log = structlog.get_logger(__name__)


async def remove_job(app: web.Application, job: Job) -> None:
    """Delete an ended job, and its upload unless another job that has not ended needs that."""
    await app[DESK].remove(job)
    with suppress(UploadNotFound, UploadInUse):
        await app[INTAKE].release(job.file_id)


async def went_out(app: web.Application, job: Job, number: int) -> None:
    """Know that a result was downloaded whole; after the last one nothing of the job is kept.

    The client is content by now and may leave at any moment: this goes on without it.
    """
    if job.delete_after_download:
        await _carry_out(app, _note(app, job, number))


async def _note(app: web.Application, job: Job, number: int) -> None:
    try:
        await app[OBJECTS].put(fetched_key(job.job_id, number), _nothing())
        keys = [fetched_key(job.job_id, one) for one in range(len(job.outputs))]
        found = {one.key async for one in app[OBJECTS].scan(fetched_key(job.job_id))}
        if found.issuperset(keys):
            await remove_job(app, job)
            log.info("job_deleted_after_download", job=job.job_id)
    except AppError as error:  # it goes when its time is over
        log.warning("download_not_noted", job=job.job_id, reason=error.message)


async def _carry_out(app: web.Application, work: Coroutine[Any, Any, None]) -> None:
    task = asyncio.ensure_future(work)
    app[UNFINISHED].add(task)
    task.add_done_callback(app[UNFINISHED].discard)
    await asyncio.shield(task)


async def _nothing() -> AsyncIterator[bytes]:
    """An empty object's content."""
    return
    yield b""
