"""Named faults of the object store, the job store and the disks, as converters meet them."""

import hashlib
import os
import time
from pathlib import Path
from typing import Any

import aiohttp
import pytest
from faults import mounted

from chaos.theatre import SCALE, MakeTheatre, Report, Theatre
from support.client import Client
from support.problems import Reply

RETRIES = 1.0 + 2.0 + 4.0  # seconds at most, in full jitter, that one policy waits
MIB = 1024 * 1024


@pytest.mark.parametrize(
    ("fault", "point", "action", "bound"),
    [
        ("object-store-503-at-fetch", "converter-read", "unavailable", RETRIES),
        ("object-store-503-at-publish", "converter-put", "unavailable", RETRIES),
        ("object-store-stalls", "converter-read", "stall:3", 3.0),
        ("object-store-truncated-read", "converter-read", "truncate", RETRIES),
        ("job-store-throttled-at-start", "converter-apply", "throttled", RETRIES),
        ("job-store-lost-reply-of-a-commit", "converter-committed", "lost", RETRIES),
    ],
)
async def test_a_store_that_fails_for_a_moment_costs_time_and_no_attempt(
    theatre: Theatre, noise: Path, report: Report, fault: str, point: str, action: str, bound: float
) -> None:
    client = theatre.client
    file_id = (await client.upload(noise))["fileId"]
    whole = await digest_of(client, await converted(theatre, client, file_id))
    theatre.arm(point, action)
    began = time.monotonic()

    job_id = await client.convert(file_id, "wav")
    taken = await theatre.ended(job_id, began)

    assert list(theatre.points.glob(f"fired-{point}.0")), "the fault has not happened"
    assert (await client.progress(job_id))["attempt"] == 1
    assert await digest_of(client, job_id) == whole
    report.seconds(fault, taken, bound)


async def test_a_store_that_fails_for_long_costs_an_attempt_and_no_job(
    theatre: Theatre, noise: Path, report: Report
) -> None:
    client = theatre.client
    file_id = (await client.upload(noise))["fileId"]
    theatre.arm("converter-read", "unavailable", times=4)
    began = time.monotonic()

    job_id = await client.convert(file_id, "mp3")
    taken = await theatre.ended(job_id, began)

    assert (await client.progress(job_id))["attempt"] == 2
    report.seconds("object-store-503-for-long", taken, RETRIES + 6.0 * SCALE)


async def test_a_wrong_byte_in_the_input_never_makes_a_result_that_differs_from_its_digest(
    theatre: Theatre, noise: Path, report: Report
) -> None:
    """Where only a digest of the input could tell, and there is none, what can be known is."""
    client = theatre.client
    file_id = (await client.upload(noise))["fileId"]
    theatre.arm("converter-read", "corrupt")

    job_id = await client.convert(file_id, "wav")
    await theatre.ended(job_id, time.monotonic())

    body = await client.progress(job_id)
    assert body["outputs"][0]["sha256"] == await digest_of(client, job_id)
    report.note("object-store-corrupt-byte", "result as its digest says", "see the note")


async def test_a_full_disk_is_507_to_the_uploader_and_leaves_no_draft(
    own_theatre: MakeTheatre, noise: Path, long_noise: Path, report: Report
) -> None:
    theatre = own_theatre()
    with mounted(theatre.cluster.data_dir / "objects", 4 * MIB):
        await theatre.cluster.start_async()
        async with theatre.performance():
            client = theatre.client
            status, body, headers = await post(client, long_noise)
            assert (status, body["code"]) == (507, "insufficient_storage")
            assert int(headers["Retry-After"]) > 0
            assert not list((theatre.cluster.data_dir / "objects" / ".tmp").iterdir())
            job_id = await client.convert((await client.upload(noise))["fileId"], "mp3")
            await theatre.ended(job_id, time.monotonic())
        theatre.cluster.close()
    report.note("disk-full-at-upload", "507, nothing left behind", "told at once")


async def test_a_full_scratch_disk_delays_the_job_until_there_is_room(
    own_theatre: MakeTheatre, long_noise: Path, report: Report
) -> None:
    theatre = own_theatre(patches="by_files")
    with mounted(theatre.cluster.data_dir / "scratch", 30 * MIB) as scratch:
        filler = scratch / "filler"
        filler.write_bytes(bytes(29 * MIB))
        await theatre.cluster.start_async()
        async with theatre.performance():
            client = theatre.client
            job_id = await client.convert((await client.upload(long_noise))["fileId"], "mp3")
            record = await theatre.failed_once(job_id)
            assert record["error"]["code"] == "insufficient_storage"
            assert record["error"]["retryable"]
            assert not [path for path in scratch.glob("*/*") if path.name != "lock"]
            filler.unlink()
            taken = await theatre.ended(job_id, time.monotonic())
        theatre.cluster.close()
    report.seconds("disk-full-at-conversion", taken, 40.0 * SCALE)


async def test_a_full_disk_of_the_job_store_is_507_and_over_when_there_is_room(
    own_theatre: MakeTheatre, noise: Path, report: Report
) -> None:
    theatre = own_theatre()
    with mounted(theatre.cluster.data_dir / "small", MIB) as small:
        database = theatre.cluster.data_dir / "records.sqlite3"
        database.symlink_to(small / "records.sqlite3")
        await theatre.cluster.start_async()
        async with theatre.performance():
            client = theatre.client
            file_id = (await client.upload(noise))["fileId"]
            filler = small / "filler"
            fill(filler)
            asked = {"fileId": file_id, "format": "mp3"}
            status, body = 202, dict[str, Any]()
            for _ in range(50):
                status, body, _ = await client.call("POST", "/api/convert-audio", json=asked)
                if status != 202:
                    break
            assert (status, body["code"]) == (507, "insufficient_storage")
            filler.unlink()
            began = time.monotonic()
            taken = await theatre.ended(await client.convert(file_id, "mp3"), began)
        theatre.cluster.close()
    report.seconds("disk-full-of-the-job-store", taken, 40.0 * SCALE)


def fill(path: Path) -> None:
    """Take all the room that is left."""
    with path.open("wb") as file:
        try:
            while True:
                os.write(file.fileno(), bytes(4096))
        except OSError:
            return


async def post(client: Client, path: Path) -> Reply:
    """Upload a whole file, whatever the answer."""
    form = aiohttp.FormData()
    with path.open("rb") as file:
        form.add_field("file", file, filename=path.name)
        return await client.call("POST", "/api/upload-audio", data=form)


async def digest_of(client: Client, job_id: str) -> str:
    """The SHA-256 of a result, downloaded."""
    async with client.session.get(f"{client.url}/api/download?jobId={job_id}") as response:
        return hashlib.sha256(await response.read()).hexdigest()


async def converted(theatre: Theatre, client: Client, file_id: str) -> str:
    """A job that nothing happened to, as a reference: ended."""
    job_id = await client.convert(file_id, "wav")
    await theatre.ended(job_id, time.monotonic())
    return job_id
