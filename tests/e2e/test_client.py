"""The Python client against real processes: what breaks on the way is taken up where it broke."""

import asyncio
import hashlib
import re
import subprocess
import sys
import time
from collections.abc import AsyncIterator, Callable
from contextlib import suppress
from io import BytesIO
from itertools import pairwise
from pathlib import Path
from typing import Any

import aiohttp
import pytest
from aiohttp import web

from support.audio import decoded, make_noise
from support.chunks import write_wav
from support.client import Client
from support.fault_proxy import FaultProxy
from support.meddler import Meddler, Meddling
from support.server import Wavemill, eventually
from wavemill_client import (
    Conflict,
    DeadlineExceeded,
    InvalidRequest,
    JobFailed,
    NotFound,
    NotWavemill,
    Options,
    ResultDamaged,
    Retry,
    ServerUnreachable,
    SourceChanged,
    Step,
    WavemillClient,
)
from wavemill_common.settings import MIB

README = Path(__file__).parents[2] / "README.md"
QUICK = Retry(base=0.05, cap=0.5, tries=40)
CHUNK = 5 * MIB


@pytest.fixture
async def wm(wavemill: Wavemill) -> AsyncIterator[WavemillClient]:
    async with WavemillClient(wavemill.url, retry=QUICK) as client:
        yield client


def digest(data: bytes) -> str:
    return hashlib.sha256(data).hexdigest()


def stored(server: Wavemill, file_id: str) -> str:
    """The SHA-256 of what an upload has become."""
    (key,) = server.kept.keys(file_id)
    return digest(server.kept.read(key))


def test_the_example_of_the_readme_works_as_printed(
    wavemill: Wavemill, lena: Path, tmp_path: Path
) -> None:
    (program,) = re.findall(r"```python\n(.*?)```", README.read_text(), re.DOTALL)
    (tmp_path / "talk.wav").write_bytes((lena / "lena.wav").read_bytes())
    (tmp_path / "example.py").write_text(program.replace("http://127.0.0.1:8080", wavemill.url))

    subprocess.run([sys.executable, "example.py"], cwd=tmp_path, check=True, timeout=60)

    assert abs(decoded(tmp_path / "talk.mp3")[0] - 12.27) < 0.05
    assert sum(bool(line) for line in program.splitlines()) <= 10


async def test_a_file_becomes_another_and_every_step_is_told(
    wm: WavemillClient, lena: Path, tmp_path: Path
) -> None:
    steps: list[Step] = []

    done = await wm.convert(
        lena / "lena.wav",
        "mp3",
        quality="192k",
        options=Options(trim_start=1, trim_end=3, metadata={"title": "Ä"}, strip_metadata=True),
        out=tmp_path / "new" / "talk.mp3",
        on_progress=steps.append,
    )

    (output,) = done.outputs
    assert done.files == (tmp_path / "new" / "talk.mp3",)
    assert digest(done.files[0].read_bytes()) == output.sha256
    assert output.media is not None
    assert output.media.duration == pytest.approx(2, abs=0.05)
    assert output.media.tags == {"title": "Ä"}
    assert list(dict.fromkeys(step.doing for step in steps)) == [
        *("uploading", "converting", "downloading")
    ]
    for doing in ("uploading", "converting", "downloading"):
        told = [step for step in steps if step.doing == doing]
        assert all(a.done <= b.done for a, b in pairwise(told))
        assert told[-1].done == told[-1].total
    assert [path.name for path in (tmp_path / "new").iterdir()] == ["talk.mp3"]


async def test_a_file_of_several_chunks_is_converted_while_it_is_sent(
    wm: WavemillClient, client: Client, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    call, accepted = wm.transport.call, asyncio.Event()

    async def called(method: str, path: str, *rest: Any, **options: Any) -> Any:
        """Hold all chunks back but the first, until the job is accepted."""
        if path == "/api/upload-audio" and options["params"]["chunkIndex"] != "0":
            await accepted.wait()
        answer = await call(method, path, *rest, **options)
        if path == "/api/convert-audio":
            accepted.set()
        return answer

    monkeypatch.setattr(wm.transport, "call", called)
    source = make_noise(tmp_path / "some.wav", 150)
    done = await wm.convert(source, "flac", out=tmp_path / "some.flac")
    _, record, _ = await client.call("GET", f"/api/jobs/{done.job.job_id}")
    assert record["follows"]
    assert decoded(done.files[0])[0] == pytest.approx(150, abs=0.01)


async def test_each_part_can_be_called_by_itself(
    wm: WavemillClient, lena: Path, tmp_path: Path
) -> None:
    offer = await wm.formats()
    assert "opus" in [one.id for one in offer.formats]
    upload = await wm.upload(lena / "lena.flac")
    assert upload.complete
    assert upload.media is not None
    assert upload.media.codec == "flac"
    estimate = await wm.estimate(upload.file_id, "opus")
    assert estimate.outputs[0].duration == pytest.approx(12.27, abs=0.02)

    outputs = [{"format": "opus"}, {"format": "wav"}]
    accepted = await wm.create_job(upload.file_id, outputs=outputs)
    ended = await wm.wait(accepted.job_id)
    assert [one.format for one in ended.outputs] == ["opus", "wav"]
    path = await wm.download(accepted.job_id, tmp_path, output=1)
    assert path == tmp_path / "lena.wav"
    with pytest.raises(FileExistsError):
        await wm.download(accepted.job_id, tmp_path, output=1)

    with pytest.raises(Conflict):
        await wm.retry(accepted.job_id)
    await wm.delete_job(accepted.job_id)
    await wm.delete_upload(upload.file_id)
    with pytest.raises(NotFound):
        await wm.show_upload(upload.file_id)


async def test_errors_tell_what_the_server_said(
    wm: WavemillClient, lena: Path, tmp_path: Path
) -> None:
    with pytest.raises(InvalidRequest) as refused:
        await wm.convert(lena / "lena.wav", "mp4000", out=tmp_path / "a")
    assert (refused.value.status, refused.value.code) == (400, "invalid_format")
    assert "mp3" in refused.value.members["supportedFormats"]
    assert refused.value.request_id

    broken = tmp_path / "broken.flac"
    broken.write_bytes(b"fLaC" + bytes(range(256)) * 400)
    with pytest.raises(JobFailed) as failed:
        await wm.convert(broken, "mp3", out=tmp_path / "a.mp3")
    assert failed.value.code == "invalid_format"
    assert list(tmp_path.iterdir()) == [broken]


async def test_who_is_no_wavemill_is_told_from_who_is_not_there(lena: Path) -> None:
    async def hello(_: web.Request) -> web.Response:
        return web.Response(text="<h1>Hello</h1>", content_type="text/html")

    app = web.Application()
    app.router.add_route("*", "/{rest:.*}", hello)
    runner = web.AppRunner(app)
    await runner.setup()
    site = web.TCPSite(runner, "127.0.0.1", 0)
    await site.start()
    port = runner.addresses[0][1]
    try:
        async with WavemillClient(f"http://127.0.0.1:{port}") as client:
            with pytest.raises(NotWavemill):
                await client.upload(lena / "lena.wav")
    finally:
        await runner.cleanup()
    for url, error in (
        (f"http://127.0.0.1:{port}", ServerUnreachable),
        ("http://name.invalid", ServerUnreachable),
        ("nonsense", NotWavemill),
    ):
        async with WavemillClient(url, retry=Retry(tries=2, base=0.01)) as client:
            with pytest.raises(error):
                await client.formats()


# --- uploads that break ---------------------------------------------------------------------------


async def test_an_upload_survives_cut_connections(wavemill: Wavemill, tmp_path: Path) -> None:
    source = write_wav(tmp_path / "long.wav", 40 * MIB + 17)
    cut_at = {10 * MIB, 20 * MIB, 30 * MIB}
    with FaultProxy(wavemill.port) as proxy:

        def cut(step: Step) -> None:
            for place in sorted(cut_at):
                if step.done > place:
                    cut_at.discard(place)
                    proxy.reset()

        async with WavemillClient(f"http://127.0.0.1:{proxy.port}", retry=QUICK) as client:
            upload = await client.upload(source, on_progress=cut, deadline=100)

    assert not cut_at
    assert stored(wavemill, upload.file_id) == digest(source.read_bytes())


async def test_another_process_goes_on_with_an_upload_and_sends_only_what_is_missing(
    wavemill: Wavemill, tmp_path: Path
) -> None:
    source = write_wav(tmp_path / "long.wav", 6 * CHUNK)
    async with WavemillClient(wavemill.url) as client:
        opened = await client.open_upload(source, chunk_size=CHUNK)

        class Killed(Exception):
            pass

        def kill(step: Step) -> None:
            if step.done > 4 * CHUNK:
                raise Killed

        with pytest.raises(Killed):
            await client.upload(
                source, file_id=opened.file_id, parallel=1, on_progress=kill, deadline=60
            )
        missing = (await client.show_upload(opened.file_id)).missing
    assert missing
    assert missing[0] > 0

    async with Meddler(wavemill.url, lambda *_: None).running() as line:
        program = f"""if True:
            import asyncio
            from wavemill_client import WavemillClient

            async def main():
                async with WavemillClient({line.url!r}) as wm:
                    await wm.upload({str(source)!r}, file_id={opened.file_id!r})

            asyncio.run(main())
        """
        process = await asyncio.create_subprocess_exec(sys.executable, "-c", program)
        assert await asyncio.wait_for(process.wait(), 60) == 0
        sent = [int(one.query["chunkIndex"]) for one in line.requests("/api/upload-audio")]

    assert sorted(sent) == [0, *missing]  # and one that was there, as a proof of the file
    assert stored(wavemill, opened.file_id) == digest(source.read_bytes())


async def test_another_file_of_the_same_size_is_not_mixed_in(
    wm: WavemillClient, wavemill: Wavemill, tmp_path: Path
) -> None:
    source = write_wav(tmp_path / "one.wav", 2 * CHUNK)
    other = tmp_path / "other.wav"
    other.write_bytes(source.read_bytes()[::-1])
    opened = await wm.open_upload(source, chunk_size=CHUNK)
    async with aiohttp.ClientSession() as session:
        await session.post(
            f"{wavemill.url}/api/upload-audio",
            params={"fileId": opened.file_id, "chunkIndex": "0"},
            data=BytesIO(source.read_bytes()[:CHUNK]),
            headers={"Content-Type": "application/octet-stream"},
        )

    with pytest.raises(Conflict) as refused:
        await wm.upload(other, file_id=opened.file_id)
    assert refused.value.code == "chunk_conflict"
    other.write_bytes(b"short")
    with pytest.raises(SourceChanged):
        await wm.upload(other, file_id=opened.file_id)


async def test_a_file_that_changes_while_it_is_sent_is_no_upload(
    wm: WavemillClient, tmp_path: Path
) -> None:
    source = write_wav(tmp_path / "live.wav", 2 * CHUNK)

    def change(step: Step) -> None:
        if step.done == step.total:
            with source.open("ab") as file:
                file.write(b"more")

    with pytest.raises(SourceChanged):
        await wm.upload(source, on_progress=change)


async def test_a_line_too_narrow_for_three_chunks_at_once_is_given_fewer(
    wavemill: Wavemill, tmp_path: Path
) -> None:
    source = write_wav(tmp_path / "long.wav", 40 * MIB)

    def too_slow(request: web.Request, number: int) -> Meddling | None:
        if request.path == "/api/upload-audio" and number < 2:
            return Meddling(answer=(408, {}))
        return None

    async with (
        Meddler(wavemill.url, too_slow).running() as line,
        WavemillClient(line.url, retry=QUICK) as client,
    ):
        upload = await client.upload(source, deadline=100)
        sent = line.requests("/api/upload-audio")

    assert len(sent) == upload.total_chunks + 2
    assert stored(wavemill, upload.file_id) == digest(source.read_bytes())


# --- servers that die -----------------------------------------------------------------------------


async def test_a_gateway_that_dies_in_mid_upload_and_in_mid_job_costs_nothing(
    start_wavemill: Callable[..., Wavemill], tmp_path: Path
) -> None:
    server = start_wavemill()
    source = make_noise(tmp_path / "long.wav", 240)
    killed: list[str] = []

    def kill(step: Step) -> None:
        late = step.done > step.total // 2 if step.doing == "uploading" else step.done >= 1
        if step.doing not in killed and late and step.doing != "downloading":
            killed.append(step.doing)
            server.service("gateway").kill()

    async with WavemillClient(server.url, retry=QUICK) as client:
        done = await client.convert(
            source, "mp3", out=tmp_path / "long.mp3", on_progress=kill, deadline=200
        )

    assert killed == ["uploading", "converting"]
    assert stored(server, done.job.file_id) == digest(source.read_bytes())
    assert digest(done.files[0].read_bytes()) == done.outputs[0].sha256
    assert decoded(done.files[0])[0] == pytest.approx(240, abs=0.1)


# --- jobs -----------------------------------------------------------------------------------------


async def test_a_job_whose_answer_was_lost_is_started_once(
    wavemill: Wavemill, lena: Path, tmp_path: Path
) -> None:
    def lose(request: web.Request, number: int) -> Meddling | None:
        is_first = request.path == "/api/convert-audio" and number == 0
        return Meddling(cut_after=-1) if is_first else None

    async with (
        Meddler(wavemill.url, lose).running() as line,
        WavemillClient(line.url, retry=QUICK) as client,
    ):
        done = await client.convert(lena / "lena.wav", "mp3", out=tmp_path / "a.mp3")
        posts = line.requests("/api/convert-audio")
        assert len({one.headers["Idempotency-Key"] for one in posts}) == 1
        assert len(posts) == 2
        await client.delete_job(done.job.job_id)
        await client.delete_upload(done.job.file_id)  # no other job needs it


async def test_a_broken_stream_of_events_goes_on_with_what_was_told_last(
    start_wavemill: Callable[..., Wavemill], long_audio: Path
) -> None:
    server = start_wavemill()

    def cut(request: web.Request, number: int) -> Meddling | None:
        if request.path == "/api/events" and number < 2:
            return Meddling(cut_after=1500)
        return None

    async with (
        Meddler(server.url, cut).running() as line,
        WavemillClient(line.url, retry=QUICK) as client,
    ):
        upload = await client.upload(long_audio)
        job_id = (await client.create_job(upload.file_id, "mp3", quality="voice")).job_id
        revisions = []
        async for progress in client.follow(job_id):
            revisions.append(progress.revision)
            if len(line.requests("/api/events")) == 3:
                break
        streams = line.requests("/api/events")
        await client.delete_job(job_id)

    assert "Last-Event-ID" not in streams[0].headers
    resumed = [int(one.headers["Last-Event-ID"].rpartition(":")[2]) for one in streams[1:]]
    assert set(resumed) <= set(revisions)
    assert all(a < b for a, b in pairwise(revisions))
    assert not line.requests("/api/progress")


async def test_where_events_do_not_come_through_the_job_is_polled(
    wavemill: Wavemill, lena: Path, tmp_path: Path
) -> None:
    def refuse(request: web.Request, _: int) -> Meddling | None:
        return Meddling(answer=(405, {})) if request.path == "/api/events" else None

    async with (
        Meddler(wavemill.url, refuse).running() as line,
        WavemillClient(line.url, retry=QUICK) as client,
    ):
        done = await client.convert(lena / "lena.wav", "mp3", out=tmp_path / "a.mp3")
        polls = line.requests("/api/progress")

    assert done.files[0].exists()
    assert polls
    assert all(one.query["wait"] == "25" for one in polls[1:])


async def test_a_server_that_asks_for_a_pause_gets_it(wavemill: Wavemill) -> None:
    def wait(_: web.Request, number: int) -> Meddling | None:
        return Meddling(answer=(429, {"Retry-After": "1"})) if number == 0 else None

    async with (
        Meddler(wavemill.url, wait).running() as line,
        WavemillClient(line.url, retry=Retry(base=0.01)) as client,
    ):
        began = time.monotonic()
        await client.formats()
        assert 1 <= time.monotonic() - began < 10


async def test_a_deadline_ends_it_and_leaves_nothing(
    start_wavemill: Callable[..., Wavemill], long_audio: Path, tmp_path: Path
) -> None:
    server = start_wavemill()
    async with WavemillClient(server.url) as client:
        with pytest.raises(DeadlineExceeded):
            await client.convert(long_audio, "flac", out=tmp_path / "a.flac", deadline=3)

    await eventually(lambda: not server.ffmpegs())
    assert not server.kept.keys()
    assert not list(tmp_path.glob("a.flac*"))


async def test_a_cancelled_conversion_takes_back_a_job_that_it_never_heard_of(
    wavemill: Wavemill, lena: Path, tmp_path: Path
) -> None:
    heard = asyncio.Event()

    def lose(request: web.Request, number: int) -> Meddling | None:
        if request.path == "/api/convert-audio" and number == 0:
            heard.set()
            return Meddling(cut_after=-1)
        return None

    before = wavemill.kept.keys()
    slow = Retry(base=20, cap=20)
    async with (
        Meddler(wavemill.url, lose).running() as line,
        WavemillClient(line.url, retry=slow) as client,
    ):
        task = asyncio.create_task(client.convert(lena / "lena.wav", "mp3", out=tmp_path / "a.mp3"))
        await heard.wait()
        await eventually(lambda: len(wavemill.kept.keys()) > len(before))
        task.cancel()
        with suppress(asyncio.CancelledError):
            await task

    assert wavemill.kept.keys() == before


# --- downloads that break -------------------------------------------------------------------------


async def test_a_download_goes_on_where_it_broke_also_in_another_process(
    wavemill: Wavemill, wm: WavemillClient, tmp_path: Path
) -> None:
    upload = await wm.upload(write_wav(tmp_path / "s.wav", 8 * MIB))
    job = await wm.create_job(upload.file_id, "wav")
    await wm.wait(job.job_id)

    def cut(request: web.Request, _: int) -> Meddling | None:
        return Meddling(cut_after=3 * MIB) if request.path == "/api/download" else None

    target = tmp_path / "out.wav"
    async with Meddler(wavemill.url, cut).running() as line:
        async with WavemillClient(line.url, retry=Retry(tries=1)) as first:
            with pytest.raises(ServerUnreachable):
                await first.download(job.job_id, target)
        assert not target.exists()
        async with WavemillClient(line.url, retry=QUICK) as second:
            await second.download(job.job_id, target)
        asked = [one.headers.get("Range") for one in line.requests("/api/download")]

    assert asked == [None, f"bytes={3 * MIB}-", f"bytes={6 * MIB}-"]
    output = (await wm.job(job.job_id)).outputs[0]
    assert digest(target.read_bytes()) == output.sha256
    assert sorted(path.name for path in tmp_path.iterdir()) == ["out.wav", "s.wav"]


async def test_spoilt_bytes_are_never_passed_off_as_the_result(
    wavemill: Wavemill, lena: Path, tmp_path: Path
) -> None:
    def spoil(request: web.Request, _: int) -> Meddling | None:
        return Meddling(spoil=True) if request.path == "/api/download" else None

    async with (
        Meddler(wavemill.url, spoil).running() as line,
        WavemillClient(line.url, retry=QUICK) as client,
    ):
        with pytest.raises(ResultDamaged):
            await client.convert(lena / "lena.wav", "mp3", out=tmp_path / "a.mp3")
        assert len(line.requests("/api/download")) == 2

    assert not list(tmp_path.iterdir())
