"""The archive: all results of several jobs as one zip, right to the last byte."""

import io
import zipfile
from pathlib import Path

from support.client import Client
from support.problems import assert_problem

UNKNOWN = "C" * 32


async def converted(client: Client, path: Path, name: str, format: str) -> str:  # noqa: A002
    """Convert a file; it must come out well."""
    upload = await client.upload(path, name)
    job_id = await client.convert(upload["fileId"], format)
    assert (await client.wait(job_id))["status"] == "completed"
    return job_id


async def archive(client: Client, *job_ids: str) -> tuple[int, bytes, dict[str, str]]:
    """Ask for an archive."""
    query = "&".join(f"jobId={job_id}" for job_id in job_ids)
    async with client.session.get(f"{client.url}/api/archive?{query}") as response:
        return response.status, await response.read(), dict(response.headers)


async def test_an_archive_holds_every_result_as_its_own_download_does(
    client: Client, lena: Path, tmp_path: Path
) -> None:
    first = await converted(client, lena / "lena.mp3", "Ünïcode.mp3", "flac")
    second = await converted(client, lena / "lena.ogg", "talk.ogg", "wav")
    status, body, headers = await archive(client, first, second)
    assert (status, headers["Content-Type"]) == (200, "application/zip")
    assert 'filename="wavemill.zip"' in headers["Content-Disposition"]
    with zipfile.ZipFile(io.BytesIO(body)) as found:
        assert found.namelist() == ["Ünïcode.flac", "talk.wav"]
        assert found.testzip() is None
        for job_id, name in ((first, "Ünïcode.flac"), (second, "talk.wav")):
            alone = await client.download(job_id, tmp_path / name)
            assert found.read(name) == alone.read_bytes()


async def test_two_results_of_one_name_both_arrive(client: Client, lena: Path) -> None:
    jobs = [await converted(client, lena / "lena.mp3", "a.mp3", "opus") for _ in range(2)]
    _, body, _ = await archive(client, *jobs)
    with zipfile.ZipFile(io.BytesIO(body)) as found:
        assert found.namelist() == ["a.opus", "a (2).opus"]


async def test_every_output_of_a_job_is_in_it(client: Client, lena: Path) -> None:
    upload = await client.upload(lena / "lena.mp3", "song.mp3")
    asked = {"fileId": upload["fileId"], "outputs": [{"format": "opus"}, {"format": "wav"}]}
    _, accepted, _ = await client.call("POST", "/api/convert-audio", json=asked)
    await client.wait(accepted["jobId"])
    _, body, _ = await archive(client, accepted["jobId"])
    with zipfile.ZipFile(io.BytesIO(body)) as found:
        assert found.namelist() == ["song.opus", "song.wav"]


async def test_unknown_and_unfinished_jobs_are_named_before_anything_is_sent(
    client: Client, lena: Path, tmp_path: Path
) -> None:
    done = await converted(client, lena / "lena.mp3", "a.mp3", "opus")
    reply = await client.call("GET", f"/api/archive?jobId={done}&jobId={UNKNOWN}")
    assert_problem(reply, 404, "job_not_found")
    assert_problem(await client.call("GET", "/api/archive"), 400, "invalid_request")
    broken = tmp_path / "broken.wav"
    broken.write_bytes((lena / "lena.wav").read_bytes()[:40] + bytes(10))
    upload = await client.upload(broken)
    failed = await client.convert(upload["fileId"], "mp3")
    assert (await client.wait(failed))["status"] == "failed"
    status, body, _ = await client.call("GET", f"/api/archive?jobId={done}&jobId={failed}")
    assert status == 409
    assert body["code"] == (await client.progress(failed))["error"]["code"]
