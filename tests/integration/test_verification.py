"""No wrong result is committed: the job goes by way of files, and fails by name if that is wrong.

The publishing step is made to damage what it publishes, after all that ffmpeg's own words tell.
"""

import os
import subprocess
from collections.abc import AsyncIterator, Callable
from pathlib import Path

import pytest
from msgspec import structs
from structlog.testing import capture_logs

from support.audio import FFMPEG, decoded, run
from support.converters import House, converter
from support.fidelity.bench import opened
from support.fidelity.inputs import sweep
from wavemill_common.errors import OutputInvalid, StorageUnavailable
from wavemill_common.jobs import JobStatus
from wavemill_common.objects import ObjectInfo, ObjectStore
from wavemill_common.objects.disk import DiskObjectStore
from wavemill_common.settings import Settings, Verification
from wavemill_converter.convert import files as file_conversion
from wavemill_converter.convert.streaming.follower import OutputFollower
from wavemill_converter.main import _tools
from wavemill_converter.store.proxy import RangeProxy
from wavemill_converter.store.publish import publish

Damage = Callable[[bytes], bytes]


def again(*words: str) -> Damage:
    """What ffmpeg makes of a result with other options."""

    def damage(data: bytes) -> bytes:
        kind = "flac" if data.startswith(b"fLaC") else "mp3"
        command = [FFMPEG, "-v", "error", "-i", "pipe:0", *words, "-f", kind, "pipe:1"]
        return subprocess.run(command, check=True, input=data, capture_output=True).stdout

    return damage


def altered(data: bytes) -> bytes:
    """One bit of one sample."""
    return data[:-1000] + bytes([data[-1000] ^ 1]) + data[-999:]


DAMAGES: dict[str, tuple[str, Damage, str]] = {
    "truncated": ("mp3", lambda data: data[: len(data) // 2], "it lasts"),
    "of one channel": ("mp3", again("-ac", "1"), "1 and not 2 channels"),
    "of another rate": ("mp3", again("-ar", "22050"), "22050 and not 44100 Hz"),
    "too long": ("mp3", again("-af", "apad=pad_dur=1"), "it lasts"),
    "of other samples": ("wav", altered, "not those of the source"),
    "quieter": ("flac", again("-af", "volume=0.9"), "not those of the source"),
    "no audio at all": ("mp3", lambda data: bytes(len(data)), "does not decode"),
    "empty": ("mp3", lambda _: b"", "does not decode"),
    "only a header": ("wav", lambda data: data[: data.index(b"data") + 8], "it lasts 0.00"),
}


@pytest.fixture
def damage_streamed(monkeypatch: pytest.MonkeyPatch) -> Callable[[Damage], None]:
    """Have what streaming publishes damaged."""
    finish = OutputFollower.finish

    def patch(damage: Damage) -> None:
        async def damaged(self: OutputFollower, *, index_in_front: bool) -> ObjectInfo:
            data = damage(self._memory.read(0, self.size))
            os.ftruncate(self.fd, 0)
            os.pwrite(self.fd, data, 0)
            return await finish(self, index_in_front=index_in_front)

        monkeypatch.setattr(OutputFollower, "finish", damaged)

    return patch


@pytest.fixture
def damage_filed(monkeypatch: pytest.MonkeyPatch) -> Callable[[Damage], None]:
    """Have what the path by files publishes damaged."""

    def patch(damage: Damage) -> None:
        async def damaged(objects: ObjectStore, key: str, path: Path) -> tuple[ObjectInfo, str]:
            path.write_bytes(damage(path.read_bytes()))
            return await publish(objects, key, path)

        monkeypatch.setattr(file_conversion, "publish", damaged)

    return patch


@pytest.mark.parametrize("kind", DAMAGES)
async def test_a_wrong_result_is_made_again_by_way_of_files(
    house: House, clip: Path, damage_streamed: Callable[[Damage], None], kind: str
) -> None:
    target, damage, said = DAMAGES[kind]
    damage_streamed(damage)
    with capture_logs() as logs:
        async with converter(house):
            await house.submit(source=clip, format=target)
            job = await house.ended()
    assert (job.status, job.attempt) == (JobStatus.COMPLETED, 1)
    [key] = await house.results()
    assert key == job.output_key
    assert decoded(house.folder / "objects" / key)[0] == pytest.approx(1.0, abs=0.1)
    [failure] = [one for one in logs if one["event"] == "streaming_failed"]
    assert failure["code"] == "output_invalid"
    assert said in failure["reason"]


@pytest.mark.parametrize("kind", DAMAGES)
async def test_what_is_wrong_by_both_paths_fails_by_name_and_leaves_nothing(
    house: House,
    clip: Path,
    damage_streamed: Callable[[Damage], None],
    damage_filed: Callable[[Damage], None],
    kind: str,
) -> None:
    target, damage, said = DAMAGES[kind]
    damage_streamed(damage)
    damage_filed(damage)
    async with converter(house):
        await house.submit(source=clip, format=target)
        job = await house.ended()
    assert job.status is JobStatus.FAILED
    assert job.error is not None
    assert job.error.code == "output_invalid"
    assert said in job.error.message
    assert await house.results() == []
    assert house.scratch_files() == []


async def test_checking_the_structure_leaves_out_nothing_but_the_decoding(
    clip: Path, tmp_path: Path, damage_streamed: Callable[[Damage], None]
) -> None:
    _, cut, _ = DAMAGES["truncated"]
    damage_streamed(cut)
    async with opened(tmp_path, objects=Altering(tmp_path / "objects")) as bench:
        job = await bench.job(clip, "mp3", "claim")
        with pytest.raises(OutputInvalid, match="it lasts"):
            await bench.stream(job)
        bench.tools = structs.replace(bench.tools, decodes=False)
        assert (await bench.stream(job)).outputs[0].size > 0
        Altering.alters = True
        try:
            with pytest.raises(StorageUnavailable, match="altered"):
                await bench.stream(structs.replace(job, claim_id="another"))
        finally:
            Altering.alters = False


class Altering(DiskObjectStore):
    """A store that may give results back with another first byte."""

    alters = False

    async def read(self, key: str, start: int = 0, end: int | None = None) -> AsyncIterator[bytes]:
        async for data in super().read(key, start, end):
            wrong = self.alters and start == 0 and key.startswith("conversions/")
            yield bytes([data[0] ^ 1]) + data[1:] if wrong else data


@pytest.mark.parametrize("verify", Verification)
async def test_the_setting_says_whether_results_are_decoded(
    tmp_path: Path, verify: Verification
) -> None:
    settings = Settings(data_dir=tmp_path, verify=verify)
    async with opened(tmp_path) as bench, RangeProxy() as proxy:
        tools = _tools(settings, bench.tools.ffmpeg, bench.tools.objects, proxy)
    assert tools.decodes == (verify is Verification.DECODE)


@pytest.mark.parametrize("target", ["wav", "flac", "mp3", "m4a", "opus", "mka"])
@pytest.mark.parametrize("source", ["late.mkv", "sound.wma"])
async def test_sound_that_begins_late_is_no_reason_to_refuse_a_result(
    tmp_path: Path, source: str, target: str
) -> None:
    path = tmp_path / source
    late = ["-itsoffset", "1"] if source == "late.mkv" else []
    picture = ["-f", "lavfi", "-i", "testsrc=d=2:s=64x64"] if late else []
    run([*picture, *late, *sweep(44_100), str(path)])
    async with opened(tmp_path) as bench:
        pair = await bench.pair(path, target)
    assert pair.identical
