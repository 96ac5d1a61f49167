"""Named faults of the gateway: killed between any two of its writes."""

import time
from pathlib import Path

import aiohttp
import pytest

from chaos.theatre import SCALE, Report, Theatre
from support.chunks import ChunkedFile

LOST_ENQUEUE = 15.0 * SCALE  # seconds until a janitor has made up for it


@pytest.mark.parametrize(
    ("fault", "point", "bound"),
    [
        ("gateway-killed-before-put", "gateway-before-put", 0.0),
        ("gateway-killed-after-put-before-enqueue", "gateway-after-put", LOST_ENQUEUE),
        ("gateway-killed-after-enqueue-before-answer", "gateway-after-enqueue", 0.0),
    ],
)
async def test_a_client_that_repeats_its_key_gets_one_job_whenever_its_gateway_died(
    theatre: Theatre, noise: Path, report: Report, fault: str, point: str, bound: float
) -> None:
    a, b = theatre.cluster.gateways
    file_id = (await theatre.client_of(a).upload(noise))["fileId"]
    theatre.arm(point)
    with pytest.raises(aiohttp.ClientError):
        await theatre.ask(file_id, "one", theatre.client_of(a))
    await theatre.died(a)
    died = time.monotonic()

    job_id = await theatre.submit(file_id, "one", theatre.client_of(b))
    again = await theatre.submit(file_id, "one", theatre.client_of(b))
    taken = await theatre.ended(job_id, died, theatre.client_of(b))

    assert again == job_id
    assert theatre.commits(job_id) == 1
    report.seconds(fault, taken, bound)


async def test_a_chunk_stored_but_not_recorded_is_taken_again(
    theatre: Theatre, noise: Path, report: Report
) -> None:
    a, b = theatre.cluster.gateways
    upload = await opened(theatre, noise)
    theatre.arm("gateway-chunk-stored")
    with pytest.raises(aiohttp.ClientError):
        await upload.send_raw(0)
    await theatre.died(a)

    upload.client = theatre.client_of(b)
    began = time.monotonic()
    status, body, _ = await upload.send_raw(0)

    assert (status, body["complete"]) == (201, True), body
    report.seconds("gateway-killed-between-chunk-and-record", time.monotonic() - began, 0.0)


async def test_a_completion_that_died_is_taken_over(
    theatre: Theatre, noise: Path, report: Report
) -> None:
    a, b = theatre.cluster.gateways
    upload = await opened(theatre, noise)
    theatre.arm("gateway-completing")
    with pytest.raises(aiohttp.ClientError):
        await upload.send_raw(0)
    await theatre.died(a)

    upload.client = theatre.client_of(b)
    began = time.monotonic()
    status, body, _ = await upload.complete()

    assert (status, body["complete"]) == (200, True), body
    report.seconds("gateway-killed-while-completing", time.monotonic() - began, 30.0 * SCALE)


async def test_a_store_that_answers_503_reaches_the_client_as_such(
    theatre: Theatre, noise: Path, report: Report
) -> None:
    theatre.arm("gateway-put", "unavailable")
    upload = await opened(theatre, noise)

    status, body, headers = await upload.send_raw(0)
    assert (status, body["code"]) == (503, "storage_unavailable")
    assert int(headers["Retry-After"]) > 0
    status, body, _ = await upload.send_raw(0)

    assert (status, body["complete"]) == (201, True), body
    report.note("object-store-503-at-upload", "503, Retry-After, then taken", "told at once")


async def test_a_store_that_forbids_reaches_the_client_with_the_permission_that_is_missing(
    theatre: Theatre, noise: Path, report: Report
) -> None:
    theatre.arm("gateway-put", "forbidden")
    upload = await opened(theatre, noise)

    status, body, headers = await upload.send_raw(0)

    assert (status, body["code"]) == (403, "storage_forbidden")
    assert "s3:PutObject" in body["error"]
    assert "Retry-After" not in headers
    report.note("object-store-403", "403 with the permission", "told at once")


async def test_a_throttled_job_store_reaches_the_client_as_429(
    theatre: Theatre, noise: Path, report: Report
) -> None:
    client = theatre.client_of(theatre.cluster.gateways[0])
    file_id = (await client.upload(noise))["fileId"]
    theatre.arm("gateway-put-job", "throttled")

    asked = {"fileId": file_id, "format": "mp3"}
    status, body, headers = await client.call("POST", "/api/convert-audio", json=asked)
    assert (status, body["code"]) == (429, "throttled")
    assert int(headers["Retry-After"]) > 0
    taken = await theatre.ended(await client.convert(file_id, "mp3"), time.monotonic(), client)

    report.seconds("job-store-throttled-at-submission", taken, 0.0)


async def test_a_truncated_download_is_cut_off_and_never_passes_for_whole(
    theatre: Theatre, noise: Path, report: Report
) -> None:
    client = theatre.client_of(theatre.cluster.gateways[0])
    job_id = await client.convert((await client.upload(noise))["fileId"], "wav")
    await theatre.ended(job_id, time.monotonic(), client)
    theatre.arm("gateway-read", "truncate")

    with pytest.raises(aiohttp.ClientError):
        await theatre.is_whole(job_id, client)
    assert await theatre.is_whole(job_id, client)

    report.note(
        "object-store-truncated-read-at-download", "connection cut", "never passes as whole"
    )


async def opened(theatre: Theatre, path: Path) -> ChunkedFile:
    """An upload of one chunk, opened on the first gateway."""
    upload = ChunkedFile(theatre.client_of(theatre.cluster.gateways[0]), path)
    await upload.open()
    return upload
