"""What a caller may ask beyond format and quality, through the whole of a running wavemill."""

import base64
import io
import subprocess
from pathlib import Path
from typing import Any

import aiohttp
import pytest

from support.audio import FFMPEG, decoded, generate
from support.client import Client
from support.server import Wavemill


@pytest.fixture(scope="module")
def tone(tmp_path_factory: pytest.TempPathFactory) -> Path:
    path = tmp_path_factory.mktemp("tone") / "Ton.flac"
    return generate(path, "sine=f=440:r=48000:d=20", "-metadata", "title=Kammerton")


async def ask(client: Client, path: Path, **asked: Any) -> tuple[str, dict[str, Any]]:
    """Convert; return the job's id and its whole record, completed."""
    body = {"fileId": (await client.upload(path))["fileId"], **asked}
    status, accepted, _ = await client.call("POST", "/api/convert-audio", json=body)
    assert status == 202, accepted
    ended = await client.wait(accepted["jobId"])
    assert ended["status"] == "completed", ended
    _, record, _ = await client.call("GET", f"/api/jobs/{accepted['jobId']}")
    return accepted["jobId"], record


async def fetch(client: Client, job_id: str, number: int, folder: Path) -> Path:
    url = f"{client.url}/api/download?jobId={job_id}&output={number}"
    async with client.session.get(url) as response:
        assert response.status == 200
        assert response.content_disposition is not None
        path = folder / f"{number}-{response.content_disposition.filename}"
        path.write_bytes(await response.read())
    return path


async def test_a_trimmed_and_faded_result_is_as_long_as_asked(
    client: Client, tone: Path, tmp_path: Path
) -> None:
    options = {"trimStart": 2.5, "trimEnd": 10, "fadeIn": 1, "fadeOut": 1}
    job_id, record = await ask(client, tone, format="wav", options=options)

    seconds, rate, channels = decoded(await fetch(client, job_id, 0, tmp_path))
    assert seconds == pytest.approx(7.5)
    assert (rate, channels) == (48_000, 1)
    assert record["options"] == options


async def test_a_preview_is_the_first_fifteen_seconds(
    client: Client, tone: Path, tmp_path: Path
) -> None:
    job_id, _ = await ask(client, tone, format="flac", preview=True)
    assert decoded(await fetch(client, job_id, 0, tmp_path))[0] == pytest.approx(15)


async def test_several_outputs_of_one_upload_are_downloaded_by_their_numbers(
    client: Client, tone: Path, tmp_path: Path
) -> None:
    outputs = [
        {"format": "mp3", "quality": "V0"},
        {"format": "flac", "options": {"trimEnd": 5}},
        {"format": "mp3", "quality": "64k", "options": {"channels": 1}},
    ]
    job_id, record = await ask(client, tone, outputs=outputs)

    names = [one["fileName"] for one in record["outputs"]]
    assert names == ["Ton.mp3", "Ton.flac", "Ton (2).mp3"]
    paths = [await fetch(client, job_id, number, tmp_path) for number in range(3)]
    lengths = [decoded(path)[0] for path in paths]
    assert lengths == [pytest.approx(20, abs=0.1), pytest.approx(5), pytest.approx(20, abs=0.1)]
    assert [one["format"] for one in record["wanted"]] == ["mp3", "flac", "mp3"]
    status, _, _ = await client.call("GET", f"/api/download?jobId={job_id}&output=3")
    assert status == 400


async def test_an_option_that_the_source_cannot_follow_fails_the_job_with_its_reason(
    client: Client, tone: Path
) -> None:
    file_id = (await client.upload(tone))["fileId"]
    job_id = await client.convert(file_id, "mp3", options={"trimStart": 21})

    ended = await client.wait(job_id)

    assert ended["error"]["code"] == "invalid_option"
    assert ended["error"]["httpStatus"] == 400
    assert "20.00 seconds" in ended["error"]["message"]


async def test_a_given_cover_is_kept_for_a_retry_and_goes_with_the_job(
    client: Client, wavemill: Wavemill, tone: Path, tmp_path: Path
) -> None:
    picture = tmp_path / "cover.png"
    subprocess.run(
        [FFMPEG, "-v", "error", "-f", "lavfi", "-i", "color=red:s=32x32", "-frames:v", "1",
         str(picture)],
        check=True,
    )  # fmt: skip
    data = base64.b64encode(picture.read_bytes()).decode()
    options = {"cover": f"data:image/png;base64,{data}", "trimStart": 21}
    file_id = (await client.upload(tone))["fileId"]
    job_id = await client.convert(file_id, "mp3", options=options)
    assert (await client.wait(job_id))["status"] == "failed"

    stored = wavemill.kept.keys(f"conversions/{job_id}/")
    assert stored == [f"conversions/{job_id}/cover-0.png"]
    assert wavemill.kept.read(stored[0]) == picture.read_bytes()
    _, record, _ = await client.call("GET", f"/api/jobs/{job_id}")
    assert record["options"]["cover"] == "replaced"

    status, _, _ = await client.call("DELETE", f"/api/jobs/{job_id}")
    assert status == 204
    assert wavemill.kept.keys(f"conversions/{job_id}/") == []


async def test_the_one_shot_takes_options_too(client: Client, tone: Path, tmp_path: Path) -> None:
    form = aiohttp.FormData()
    form.add_field("format", "wav")
    form.add_field("options", '{"trimEnd": 1.5}')
    form.add_field("file", io.BytesIO(tone.read_bytes()), filename="Ton.flac")
    async with client.session.post(f"{client.url}/api/convert", data=form) as response:
        assert response.status == 200, await response.text()
        path = tmp_path / "result.wav"
        path.write_bytes(await response.read())
    assert decoded(path)[0] == pytest.approx(1.5)


async def test_the_offer_says_what_each_format_can_be_asked(client: Client) -> None:
    _, body, _ = await client.call("GET", "/api/formats")
    options = {one["id"]: one["options"] for one in body["formats"]}
    assert options["flac"]["bitDepth"] == [16, 24]
    assert options["mp3"]["bitDepth"] is None
    assert options["aac"]["metadata"] is None
    assert options["m4b"]["chapters"] == ["keep", "remove", "list"]
    assert body["limits"]["outputs"] == 8
