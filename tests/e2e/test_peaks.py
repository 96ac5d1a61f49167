"""Waveforms through the whole of a running wavemill, compared with the samples themselves."""

from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from support.audio import decoded, generate
from support.client import Client
from support.loud import samples_of
from support.server import Wavemill


@pytest.fixture(scope="module")
def swelling(tmp_path_factory: pytest.TempPathFactory) -> Path:
    path = tmp_path_factory.mktemp("peaks") / "swelling.wav"
    return generate(path, "aevalsrc=0.8*sin(800*t)*abs(sin(t))|0.3*sin(900*t):s=48000:d=12")


async def converted(client: Client, path: Path, **asked: Any) -> str:
    file_id = (await client.upload(path))["fileId"]
    job_id = await client.convert(file_id, "mp3", **asked)
    assert (await client.wait(job_id))["status"] == "completed"
    return job_id


def assert_waveform_of(body: dict[str, Any], path: Path) -> None:
    """The values are within 1/255 of the highest sample in each window of another decoding."""
    seconds, rate, channels = decoded(path)
    highest = np.abs(samples_of(path, channels)).max(axis=1)
    window = round(body["seconds"] * rate)
    expected = [highest[at : at + window].max() for at in range(0, len(highest), window)]
    assert body["duration"] == pytest.approx(seconds, abs=0.1)
    assert len(body["peaks"]) == len(expected)
    assert np.abs(np.minimum(expected, 1.0) - body["peaks"]).max() <= 1 / 255 + 0.0005


async def test_peaks_of_source_and_result_are_those_of_the_samples(
    client: Client, swelling: Path, tmp_path: Path
) -> None:
    job_id = await converted(client, swelling, peaks=True)
    result = await client.download(job_id, tmp_path / "result.mp3")

    for of, path in (("source", swelling), ("output", result)):
        status, body, headers = await client.call("GET", f"/api/jobs/{job_id}/peaks?of={of}")
        assert (status, body["of"]) == (200, of)
        assert_waveform_of(body, path)
        assert len(body["peaks"]) == pytest.approx(900, abs=2)
        known = {"If-None-Match": headers["ETag"]}
        status, _, _ = await client.call("GET", f"/api/jobs/{job_id}/peaks?of={of}", headers=known)
        assert status == 304


async def test_peaks_come_as_audiowaveform_writes_them_too(client: Client, swelling: Path) -> None:
    job_id = await converted(client, swelling, peaks=True)
    _, body, _ = await client.call("GET", f"/api/jobs/{job_id}/peaks?as=audiowaveform")
    told = body["length"] * body["samples_per_pixel"] / body["sample_rate"]
    assert told == pytest.approx(12, abs=12 / 900)
    assert len(body["data"]) == 2 * body["length"]
    assert max(body["data"]) == pytest.approx(0.8 * 127, abs=1)
    assert body["data"][0::2] == [-one for one in body["data"][1::2]]


async def test_peaks_go_with_the_job(client: Client, wavemill: Wavemill, swelling: Path) -> None:
    job_id = await converted(client, swelling, peaks=True)
    keys = wavemill.kept.keys(f"conversions/{job_id}/")
    assert [key for key in keys if "-peaks-" in key] != []
    _, record, _ = await client.call("GET", f"/api/jobs/{job_id}")
    assert record["peaks"] is True
    assert "peaksKey" not in record

    await client.call("DELETE", f"/api/jobs/{job_id}")

    assert wavemill.kept.keys(f"conversions/{job_id}/") == []
    status, _, _ = await client.call("GET", f"/api/jobs/{job_id}/peaks")
    assert status == 404


async def test_a_job_that_was_not_asked_for_peaks_says_how_to_get_them(
    client: Client, swelling: Path
) -> None:
    job_id = await converted(client, swelling)
    status, body, _ = await client.call("GET", f"/api/jobs/{job_id}/peaks")
    assert (status, body["code"]) == (404, "no_peaks")
    assert '"peaks": true' in body["error"]


async def test_peaks_are_not_ready_while_a_job_runs(client: Client, long_audio: Path) -> None:
    job_id = await client.convert((await client.upload(long_audio))["fileId"], "mp3", peaks=True)
    status, body, headers = await client.call("GET", f"/api/jobs/{job_id}/peaks")
    assert (status, body["code"]) == (409, "not_ready")
    assert "Retry-After" in headers
    await client.call("DELETE", f"/api/jobs/{job_id}")
    status, body, _ = await client.call("GET", f"/api/jobs/{job_id}/peaks")
    assert (status, body["code"]) == (409, "cancelled")


async def test_results_that_are_not_verified_by_decoding_say_that_they_have_no_peaks(
    client: Client, start_wavemill: Callable[..., Wavemill], swelling: Path
) -> None:
    server = start_wavemill(WAVEMILL_VERIFY="structure")
    client = Client(client.session, server.url)
    job_id = await converted(client, swelling, peaks=True)
    status, body, _ = await client.call("GET", f"/api/jobs/{job_id}/peaks?of=output")
    assert (status, body["code"]) == (404, "no_peaks")
    assert "WAVEMILL_VERIFY" in body["error"]
    status, body, _ = await client.call("GET", f"/api/jobs/{job_id}/peaks")
    assert status == 200
    assert_waveform_of(body, swelling)


@pytest.mark.parametrize("query", ["of=both", "as=png", "of=output&output=1", "output=x"])
async def test_what_there_is_not_is_refused(client: Client, swelling: Path, query: str) -> None:
    job_id = await converted(client, swelling, peaks=True)
    status, body, _ = await client.call("GET", f"/api/jobs/{job_id}/peaks?{query}")
    assert (status, body["code"]) == (400, "invalid_request")
