"""Listing: GET /api/jobs, the caller's own jobs: those of its API key, or those that it names."""

import base64
import binascii
import re
import time
from contextlib import aclosing

from aiohttp import web

from wavemill_common.errors import RequestError
from wavemill_common.ids import check_id
from wavemill_common.jobs import Job
from wavemill_common.records import JobStore, Place
from wavemill_gateway.access.caller import caller_of
from wavemill_gateway.access.ownership import may_use_job
from wavemill_gateway.jobs import record_of
from wavemill_gateway.keys import RECORDS
from wavemill_gateway.replies import json_reply

routes = web.RouteTableDef()

MAX_JOBS = 50
_LIMIT = re.compile(r"[1-9][0-9]?")


@routes.get("/api/jobs")
async def list_jobs(request: web.Request) -> web.Response:
    """Tell the records of jobs, newest first; `cursor` is for the next page, null on the last."""
    if "jobId" in request.query:
        jobs, place = await _named(request), None
    else:
        jobs, place = await _owned(request)
    return json_reply(
        {
            "jobs": [record_of(request, job) for job in jobs],
            "cursor": None if place is None else write_cursor(place),
        }
    )


async def _named(request: web.Request) -> list[Job]:
    """Those of the named jobs that there are, and that are the caller's."""
    job_ids = list(dict.fromkeys(request.query.getall("jobId")))
    if len(job_ids) > MAX_JOBS:
        raise RequestError(f"name at most {MAX_JOBS} jobs, each as jobId=…")
    caller, now = caller_of(request), time.time()
    found = await request.app[RECORDS].jobs([check_id("jobId", one) for one in job_ids])
    own = [
        job
        for job in found.values()
        if may_use_job(caller, job.job_id, job.owner) and _is_there(job, now)
    ]
    return sorted(own, key=place_of, reverse=True)


async def _owned(request: web.Request) -> tuple[list[Job], Place | None]:
    caller = caller_of(request)
    if caller.key_id is None:
        raise RequestError("name your jobs, each as jobId=…; only those of an API key are listed")
    text = request.query.get("limit", str(MAX_JOBS))
    if not (_LIMIT.fullmatch(text) and int(text) <= MAX_JOBS):
        raise RequestError(f"limit must be from 1 to {MAX_JOBS}")
    after = read_cursor(request.query["cursor"]) if "cursor" in request.query else None
    return await page_of(request.app[RECORDS], caller.account, after, int(text), time.time())


async def page_of(
    records: JobStore, owner: str, after: Place | None, limit: int, now: float
) -> tuple[list[Job], Place | None]:
    """At most `limit` jobs, and behind which place there are more."""
    page: list[Job] = []
    async with aclosing(records.owned_jobs(owner, after)) as jobs:
        async for job in jobs:
            if not _is_there(job, now):
                continue
            if len(page) == limit:
                return page, place_of(page[-1])
            page.append(job)
    return page, None


def place_of(job: Job) -> Place:
    """Where a job stands among its owner's."""
    return job.created_at, job.job_id


def write_cursor(place: Place) -> str:
    """Write a place as clients hand it back."""
    return base64.urlsafe_b64encode(f"{place[0]!r} {place[1]}".encode()).decode()


def read_cursor(text: str) -> Place:
    """Read a place.

    Raises:
        RequestError: it is none.
    """
    try:
        time_, job_id = base64.urlsafe_b64decode(text.encode()).decode().split(" ")
        created_at = float(time_)
    except (ValueError, binascii.Error):
        raise RequestError("cursor must be one that GET /api/jobs gave") from None
    if not abs(created_at) < 1e12:  # noqa: PLR2004 - a time; neither infinite nor no number
        raise RequestError("cursor must be one that GET /api/jobs gave")
    return created_at, check_id("cursor", job_id)


def _is_there(job: Job, now: float) -> bool:
    """Whether a job has not expired."""
    return not job.tombstone and not (job.is_terminal and job.expires_at <= now)
