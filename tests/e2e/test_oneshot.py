"""POST /api/convert: what a script with one curl sees; and the README keeps its word."""

import re
import subprocess
from pathlib import Path

import aiohttp

from support.audio import decoded, make_noise
from support.client import Client
from support.server import Wavemill

README = Path(__file__).parents[2] / "README.md"


async def form(client: Client, path: Path, **fields: str) -> tuple[int, bytes, dict[str, str]]:
    data = aiohttp.FormData()
    for name, value in fields.items():
        data.add_field(name, value)
    with path.open("rb") as file:
        data.add_field("file", file, filename=path.name)
        async with client.session.post(f"{client.url}/api/convert", data=data) as response:
            return response.status, await response.read(), dict(response.headers)


async def test_one_request_takes_a_file_and_gives_the_converted_one(
    client: Client, lena: Path, tmp_path: Path
) -> None:
    status, body, headers = await form(client, lena / "lena.flac", format="opus", quality="high")

    assert status == 200
    assert 'filename="lena.opus"' in headers["Content-Disposition"]
    result = tmp_path / "lena.opus"
    result.write_bytes(body)
    assert abs(decoded(result)[0] - 12.27) < 0.05


async def test_what_takes_longer_than_the_client_waits_is_followed_by_its_job(
    client: Client, tmp_path: Path
) -> None:
    source = make_noise(tmp_path / "long.wav", 120)

    status, body, _ = await form(client, source, format="mp3", wait="0")

    assert status == 202
    job_id = re.search(rb'"jobId":"([^"]+)"', body)
    assert job_id is not None
    assert (await client.wait(job_id[1].decode()))["status"] == "completed"


async def test_a_failure_is_the_answer_of_the_request_itself(
    client: Client, tmp_path: Path
) -> None:
    broken = tmp_path / "broken.flac"
    broken.write_bytes(b"fLaC" + bytes(range(256)) * 400)

    status, body, headers = await form(client, broken, format="mp3")

    assert status == 400, body
    assert headers["Content-Type"].startswith("application/problem+json")
    assert b'"code":"invalid_format"' in body


async def test_a_format_that_there_is_not_is_refused_before_the_file_is_taken_in(
    client: Client, wavemill: Wavemill, lena: Path
) -> None:
    before = len(wavemill.kept.keys("uploads/"))

    status, body, _ = await form(client, lena / "lena.wav", format="mp4000")

    assert status == 400
    assert b"supportedFormats" in body
    assert len(wavemill.kept.keys("uploads/")) == before


async def test_a_form_that_cannot_be_served_keeps_no_file(
    client: Client, wavemill: Wavemill, lena: Path
) -> None:
    before = len(list(wavemill.data_dir.glob("objects/uploads/*")))

    status, body, _ = await form(client, lena / "lena.wav")

    assert status == 400
    assert b"'format'" in body
    assert len(list(wavemill.data_dir.glob("objects/uploads/*"))) == before


async def test_whatever_is_wrong_with_a_form_is_said_and_no_file_is_kept(
    client: Client, wavemill: Wavemill, lena: Path
) -> None:
    before = wavemill.kept.keys("uploads/")
    right = {"format": "mp3"}
    for fields, code in (
        ({"quality": "best"}, "invalid_quality"),
        ({"options": "no JSON"}, "invalid_json"),
        ({"options": '{"trimEnd": "soon"}'}, "invalid_option"),
        ({"options": '{"nonsense": 1}'}, "invalid_option"),
        ({"options": '{"split": "chapters"}'}, "invalid_option"),
        ({"wait": "500"}, "invalid_request"),
        ({"sampleRate": "8000"}, "invalid_request"),
    ):
        for last in (False, True):  # before the file, or behind it
            data = aiohttp.FormData()
            parts = [*right.items(), *fields.items()]
            for name, value in [] if last else parts:
                data.add_field(name, value)
            data.add_field("file", (lena / "lena.mp3").read_bytes(), filename="a.mp3")
            for name, value in parts if last else []:
                data.add_field(name, value)
            status, body, _ = await client.call("POST", "/api/convert", data=data)
            assert (status, body["code"]) == (400, code), (fields, body)
    assert wavemill.kept.keys("uploads/") == before


def test_curl_writes_the_result_or_nothing(wavemill: Wavemill, lena: Path, tmp_path: Path) -> None:
    options = '{"trimStart": 1, "trimEnd": 3, "metadata": {"title": "Talk"}}'
    (tmp_path / "bad.flac").write_bytes(b"fLaC" + bytes(range(256)) * 400)

    def curl(file: Path, out: str, *fields: str) -> int:
        parts = [word for field in fields for word in ("-F", field)]
        command = ["curl", "-fsS", "-F", f"file=@{file}", *parts, f"{wavemill.url}/api/convert"]
        done = subprocess.run([*command, "-o", out], cwd=tmp_path, check=False, capture_output=True)
        return done.returncode

    assert curl(lena / "lena.wav", "a.flac", "format=flac", f"options={options}") == 0
    assert decoded(tmp_path / "a.flac") == (2.0, 44100, 1)
    assert curl(tmp_path / "bad.flac", "b.mp3", "format=mp3") == 22
    assert curl(lena / "lena.wav", "b.mp3", "format=mp4000") == 22
    assert not (tmp_path / "b.mp3").exists()


def test_the_curl_of_the_readme_works_as_printed(
    wavemill: Wavemill, lena: Path, tmp_path: Path
) -> None:
    found = re.search(r"^curl -F file=@talk\.wav .*$", README.read_text(), re.MULTILINE)
    assert found is not None
    command = found[0].replace("http://127.0.0.1:8080", wavemill.url)
    (tmp_path / "talk.wav").write_bytes((lena / "lena.wav").read_bytes())

    subprocess.run(["sh", "-c", f"{command} -fsS"], cwd=tmp_path, check=True)

    assert abs(decoded(tmp_path / "talk.mp3")[0] - 12.27) < 0.05
