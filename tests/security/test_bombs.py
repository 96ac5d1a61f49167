"""Small files that become large ones: refused beforehand, or stopped at a limit that has a name."""

import asyncio
from pathlib import Path
from typing import Any

import pytest
from msgspec import structs

from support.attempts import convert_both_ways, report, stored_job
from support.audio import generate
from wavemill_common.errors import FfmpegTimeout, LimitExceeded
from wavemill_common.objects import Part
from wavemill_common.objects.disk import DiskObjectStore
from wavemill_common.settings import MIB
from wavemill_converter.convert.streaming.conversion import streaming_convert_audio
from wavemill_converter.convert.streaming.pressure import Pressure
from wavemill_converter.ffmpeg.contained import output_on
from wavemill_converter.ffmpeg.failures import PHRASES, failure_of
from wavemill_converter.ffmpeg.installation import Ffmpeg
from wavemill_converter.ffmpeg.lines import Log
from wavemill_converter.ffmpeg.places import http_input
from wavemill_converter.probe.limits import Limits
from wavemill_converter.sandbox import limits as sandbox_limits
from wavemill_converter.tools import Tools

CAP = 48 * MIB
SILENCE = "anullsrc=r=44100:cl=stereo:d=600"  # 101 MiB as wav
HALF_AN_HOUR = "anullsrc=r=44100:cl=stereo:d=1800"
HALF_AN_HOUR_OF_WAV = 1800 * 44_100 * 4  # bytes
BOMBS = {"flac": "flac", "opus": "opus", "ogg": "ogg", "alac": "m4a", "wv": "wv"}
TOTAL_SAMPLES = slice(21, 26)  # of FLAC's STREAMINFO: 36 bits, the lowest 4 of the first byte


@pytest.fixture(scope="module")
def bombs(tmp_path_factory: pytest.TempPathFactory) -> dict[str, Path]:
    """Ten minutes of silence by each of some codecs."""
    folder = tmp_path_factory.mktemp("bombs")
    return {
        name: generate(
            folder / f"{name}.{extension}", SILENCE, *(["-c:a", "alac"] if name == "alac" else [])
        )
        for name, extension in BOMBS.items()
    }


@pytest.fixture
def capped(tools: Tools) -> Tools:
    return structs.replace(tools, limits=Limits(max_output_bytes=CAP))


@pytest.fixture
def gate_off(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("wavemill_converter.plan.results.check_output", lambda *_: None)


@pytest.fixture
def peaks(monkeypatch: pytest.MonkeyPatch) -> list[int]:
    """How much memory each followed output held at the most."""
    held: list[int] = []
    leave = Pressure.__exit__

    def note(self: Pressure, *error: object) -> None:
        leave(self, *error)
        held.append(self.peak)

    monkeypatch.setattr(Pressure, "__exit__", note)
    return held


def with_samples(bomb: Path, target: Path, samples: int) -> Path:
    """Let a FLAC say that it has so many samples; 0 stands for not known."""
    data = bytearray(bomb.read_bytes())
    upper = data[TOTAL_SAMPLES][0] & 0xF0
    data[TOTAL_SAMPLES] = ((upper << 32) | samples).to_bytes(5, "big")
    target.write_bytes(data)
    return target


@pytest.mark.parametrize("name", BOMBS)
async def test_it_is_refused_before_anything_is_converted(
    capped: Tools,
    bombs: dict[str, Path],
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    name: str,
) -> None:
    def never(*_: Any, **__: Any) -> None:
        raise AssertionError("a conversion was started")

    monkeypatch.setattr("wavemill_converter.convert.streaming.conversion.transcode_between", never)
    monkeypatch.setattr("wavemill_converter.convert.files.transcode_between", never)
    for failure in await convert_both_ways(capped, bombs[name], tmp_path / "scratch"):
        assert isinstance(failure, LimitExceeded)
        assert failure.members["limitName"] == "outputBytes"


@pytest.mark.usefixtures("gate_off")
@pytest.mark.parametrize("name", BOMBS)
async def test_past_the_gate_it_is_stopped_at_the_cap(
    capped: Tools, bombs: dict[str, Path], tmp_path: Path, peaks: list[int], name: str
) -> None:
    await assert_stopped(capped, bombs[name], tmp_path, peaks)


@pytest.mark.parametrize("samples", [0, 44_100], ids=["unknown", "one second"])
async def test_a_flac_that_lies_about_its_length_is_stopped_at_the_cap(
    capped: Tools, bombs: dict[str, Path], tmp_path: Path, peaks: list[int], samples: int
) -> None:
    liar = with_samples(bombs["flac"], tmp_path / "liar.flac", samples)
    await assert_stopped(capped, liar, tmp_path, peaks)


async def assert_stopped(tools: Tools, bomb: Path, folder: Path, peaks: list[int]) -> None:
    failures = await convert_both_ways(tools, bomb, folder / "scratch")
    assert [type(failure) for failure in failures] == [LimitExceeded, LimitExceeded], failures
    assert all(failure and failure.members["limit"] == CAP for failure in failures)
    assert (folder / "scratch" / "result-0").stat().st_size <= CAP
    assert max(peaks) <= CAP  # all of it, where a busy machine lets no one look in between
    assert [one async for one in tools.objects.scan("conversions/")] == []
    assert [one async for one in tools.objects.scan_multiparts("")] == []


@pytest.mark.usefixtures("gate_off")
async def test_one_that_writes_fast_is_held_back_while_the_store_is_slow(
    tools: Tools, peaks: list[int], tmp_path: Path
) -> None:
    class Slow(DiskObjectStore):
        async def put_part(self, key: str, upload_id: str, number: int, data: bytes) -> Part:
            await asyncio.sleep(0.05)
            return await super().put_part(key, upload_id, number, data)

    slow = structs.replace(tools, objects=Slow(tmp_path / "objects"))
    silence = generate(tmp_path / "half_an_hour.flac", HALF_AN_HOUR)
    await streaming_convert_audio(await stored_job(slow, silence, "wav"), slow, report)
    assert max(peaks) < HALF_AN_HOUR_OF_WAV / 2


async def test_one_that_takes_too_much_memory_fails_by_name(
    capped: Tools, lena: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    contained = capped.ffmpeg.sandbox
    if contained is None or "limits" not in contained.names:
        pytest.skip("no limits of resources here")
    monkeypatch.setattr("wavemill_converter.probe.probe.output_on", _unlimited(capped.ffmpeg))
    monkeypatch.setattr(sandbox_limits, "MEMORY", 240 * MIB)
    failures = await convert_both_ways(capped, lena / "lena.m4a", tmp_path / "scratch", "mp3")
    for failure in failures:
        assert isinstance(failure, LimitExceeded), failure
        assert failure.members["limitName"] == "memory"


def _unlimited(ffmpeg: Ffmpeg) -> Any:
    async def run(_: Ffmpeg, *arguments: Any) -> tuple[int, str, str]:
        return await output_on(structs.replace(ffmpeg, sandbox=None), *arguments)

    return run


async def test_one_that_takes_too_much_computing_time_fails_by_name(
    contained: Ffmpeg, monkeypatch: pytest.MonkeyPatch
) -> None:
    if contained.sandbox is None or "limits" not in contained.sandbox.names:
        pytest.skip("no limits of resources here")
    monkeypatch.setattr(sandbox_limits, "CORES", 0)
    argv = [contained.path, "-nostdin", "-f", "lavfi", "-i", "anoisesrc=d=36000"]
    nothing = http_input("http://127.0.0.1:9/x")
    code, _, err = await output_on(contained, [*argv, "-f", "null", "-"], nothing, 60.0)
    log = Log(PHRASES)
    for line in err.replace("\r", "\n").splitlines():
        log.add(line)
    assert code != 0
    assert isinstance(failure_of(code, log), FfmpegTimeout), (code, err[-300:])
