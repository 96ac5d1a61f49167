"""Trims, fades, depths and several results, on both paths, by a real ffmpeg; decoded to check."""

import array
import re
import subprocess
from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any

import pytest
from msgspec import structs

from support.audio import FFMPEG, decoded, generate
from support.conversions import content, job_for, opened_tools, put, report
from wavemill_common.errors import InvalidOption
from wavemill_common.options import ConvertOptions, Loudness, Wanted
from wavemill_converter.check.published import check_published
from wavemill_converter.convert.conversion import Converted
from wavemill_converter.convert.files import fallback_file_conversion
from wavemill_converter.convert.streaming.conversion import streaming_convert_audio
from wavemill_converter.tools import Tools

RATE = 44_100
STREAMING_CHECK = "wavemill_converter.convert.streaming.conversion.check_published"
PATHS = ["streamed", "filed"]


def samples(path: Path) -> list[int]:
    """The left channel, as 16-bit integers."""
    raw = subprocess.run(
        [FFMPEG, "-v", "error", "-i", str(path), "-map", "0:a:0", "-af", "pan=mono|c0=c0",
         "-f", "s16le", "-c:a", "pcm_s16le", "pipe:1"],
        check=True,
        capture_output=True,
    ).stdout  # fmt: skip
    return array.array("h", raw).tolist()


def loudest(values: list[int]) -> int:
    return max(map(abs, values))


@pytest.fixture(scope="module")
def ramp(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Ten seconds whose every sample tells its time: the value is the sample's number / 16."""
    path = tmp_path_factory.mktemp("ramp") / "ramp.wav"
    return generate(path, f"aevalsrc=n/16/32768|n/16/32768:s={RATE}:d=10")


@pytest.fixture(scope="module")
def tone(tmp_path_factory: pytest.TempPathFactory) -> Path:
    path = tmp_path_factory.mktemp("tone") / "tone.flac"
    return generate(path, f"sine=f=997:r={RATE}:d=10,volume=4")


@pytest.fixture(scope="module")
def book(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("book")
    marks = folder / "marks.txt"
    parts = ((0, 4000, "One"), (4000, 5500, "Two"), (5500, 10000, "Three"))
    marks.write_text(
        ";FFMETADATA1\n"
        + "".join(
            f"[CHAPTER]\nTIMEBASE=1/1000\nSTART={start}\nEND={end}\ntitle={title}\n"
            for start, end, title in parts
        )
    )
    return generate(
        folder / "book.m4a", f"sine=f=440:r={RATE}:d=10",
        "-i", str(marks), "-map", "0:a", "-map_metadata", "1", "-map_chapters", "1",
    )  # fmt: skip


@pytest.fixture
async def tools(tmp_path: Path) -> AsyncIterator[Tools]:
    async with opened_tools(tmp_path) as tools:
        yield tools


async def convert(
    tools: Tools, tmp_path: Path, way: str, source: Path, *wanted: Wanted
) -> tuple[Converted, list[Path]]:
    """Convert by one of the two paths; the results as files."""
    first, *more = wanted
    job = structs.replace(
        job_for(await put(tools, source), first.format, way),
        quality=first.quality,
        options=first.options,
        more=tuple(more),
    )
    if way == "streamed":
        done = await streaming_convert_audio(job, tools, report)
    else:
        scratch = tmp_path / "scratch"
        scratch.mkdir()
        done = await fallback_file_conversion(job, tools, scratch, report)
        assert [one.name for one in scratch.iterdir()] == []
    paths = []
    for number, output in enumerate(done.outputs):
        path = tmp_path / f"{number}-{output.file_name}"
        path.write_bytes(await content(tools, output.key))
        paths.append(path)
    return done, paths


def want(target: str, quality: str = "standard", **options: Any) -> Wanted:
    return Wanted(format=target, quality=quality, options=ConvertOptions(**options))


@pytest.mark.parametrize("way", PATHS)
async def test_a_trim_is_exact_to_the_sample(
    tools: Tools, tmp_path: Path, ramp: Path, way: str
) -> None:
    _, [path] = await convert(tools, tmp_path, way, ramp, want("wav", trim_start=2.5, trim_end=4))

    found = samples(path)
    assert len(found) == int(1.5 * RATE)
    assert found[0] == pytest.approx(2.5 * RATE / 16, abs=1)
    assert found[-1] == pytest.approx(4 * RATE / 16, abs=1)


@pytest.mark.parametrize("way", PATHS)
@pytest.mark.parametrize("target", ["mp3", "m4a", "opus", "flac"])
async def test_fades_rise_from_and_fall_to_nothing(
    tools: Tools, tmp_path: Path, tone: Path, way: str, target: str
) -> None:
    asked = want(target, trim_start=1, trim_end=9, fade_in=2, fade_out=2)
    _, [path] = await convert(tools, tmp_path, way, tone, asked)

    found = samples(path)
    rate = len(found) / 8
    middle = loudest(found[int(3 * rate) : int(5 * rate)])
    assert loudest(found[: int(0.02 * rate)]) < 0.05 * middle
    assert loudest(found[int(0.95 * rate) : int(1.05 * rate)]) == pytest.approx(middle / 2, rel=0.1)
    assert loudest(found[int(-0.02 * rate) :]) < 0.05 * middle


async def test_a_fade_out_finds_the_end_of_a_file_that_does_not_know_its_length(
    tools: Tools, tmp_path: Path
) -> None:
    source = generate(tmp_path / "tone.aac", f"sine=f=997:r={RATE}:d=10,volume=4", "-f", "adts")

    done, [path] = await convert(tools, tmp_path, "streamed", source, want("wav", fade_out=2))

    found = samples(path)
    assert len(found) == pytest.approx(10 * RATE, rel=0.01)
    assert loudest(found[-RATE // 50 :]) < 0.05 * loudest(found[5 * RATE : 6 * RATE])
    assert done.outputs[0].warnings == ()


@pytest.mark.parametrize("way", PATHS)
async def test_a_trim_behind_the_end_is_refused_with_the_length(
    tools: Tools, tmp_path: Path, tone: Path, way: str
) -> None:
    with pytest.raises(InvalidOption, match=r"lasts only 10\.00"):
        await convert(tools, tmp_path, way, tone, want("mp3", trim_start=11))


@pytest.mark.parametrize(
    ("target", "depth", "kind"),
    [
        ("wav", 24, "pcm_s24le"),
        ("wav", 32, "pcm_f32le"),
        ("aiff", 24, "pcm_s24be"),
        ("flac", 24, "s32 (24 bit)"),
        ("flac", 16, "s16"),
        ("wv", 32, "fltp"),
    ],
)
async def test_a_result_has_the_depth_that_is_asked_for(
    tools: Tools, tmp_path: Path, tone: Path, target: str, depth: int, kind: str
) -> None:
    asked = want(target, bit_depth=depth)
    _, [path] = await convert(tools, tmp_path, "streamed", tone, asked)
    shown = subprocess.run([FFMPEG, "-i", str(path)], capture_output=True, text=True, check=False)
    assert kind in shown.stderr


@pytest.mark.parametrize("way", PATHS)
async def test_several_results_are_those_that_several_jobs_would_give(
    tools: Tools, tmp_path: Path, lena: Path, way: str
) -> None:
    wanted = [want("mp3"), want("flac", trim_end=5), want("m4a", "96k"), want("opus")]
    done, together = await convert(tools, tmp_path, way, lena / "lena.wav", *wanted)

    assert [one.format for one in done.outputs] == ["mp3", "flac", "m4a", "opus"]
    for number, one in enumerate(wanted):
        folder = tmp_path / f"alone-{number}"
        folder.mkdir()
        key = done.outputs[number].key
        await tools.objects.delete([key])
        for output in done.outputs:
            await tools.objects.delete([output.key])
        _, [alone] = await convert(tools, folder, way, lena / "lena.wav", one)
        assert together[number].read_bytes() == alone.read_bytes()


@pytest.mark.parametrize("way", PATHS)
async def test_split_by_chapters_the_parts_are_together_the_whole(
    tools: Tools, tmp_path: Path, book: Path, way: str
) -> None:
    done, paths = await convert(tools, tmp_path, way, book, want("flac", split="chapters"))

    assert [one.file_name for one in done.outputs] == [
        "book - 01 One.flac", "book - 02 Two.flac", "book - 03 Three.flac",
    ]  # fmt: skip
    lengths = [decoded(path)[0] for path in paths]
    assert lengths[:2] == pytest.approx([4.0, 1.5], abs=0.001)
    joined = list[int]()
    for path in paths:
        joined += samples(path)
    assert joined == samples(book)[: len(joined)]
    assert sum(lengths) == pytest.approx(decoded(book)[0], abs=0.03)


async def test_when_one_result_fails_none_of_the_job_is_left(
    tools: Tools, tmp_path: Path, tone: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    async def failing(tools: Tools, stored: Any, *rest: Any) -> str:
        if stored.key.endswith(".opus"):
            await tools.objects.delete([stored.key])
            raise RuntimeError("as if the check had failed")
        return await check_published(tools, stored, *rest)

    monkeypatch.setattr(STREAMING_CHECK, failing)
    with pytest.raises(RuntimeError):
        await convert(tools, tmp_path, "streamed", tone, want("mp3"), want("opus"), want("wav"))

    assert [one.key async for one in tools.objects.scan("conversions/")] == []
    assert [one async for one in tools.objects.scan_multiparts("conversions/")] == []


# --- loudness -------------------------------------------------------------------------------------


def loudness(path: Path) -> float:
    """Integrated loudness in LUFS, by ffmpeg's meter."""
    told = subprocess.run(
        [FFMPEG, "-hide_banner", "-i", str(path), "-af", "ebur128", "-f", "null", "-"],
        capture_output=True,
        text=True,
        check=True,
    ).stderr
    return float(re.findall(r"I: +(-?[\d.]+) LUFS", told)[-1])


@pytest.mark.parametrize("way", PATHS)
async def test_results_have_the_loudness_asked_for_and_the_record_says_what_was_done(
    tools: Tools, tmp_path: Path, tone: Path, way: str
) -> None:
    asked = Loudness(target_lufs=-20, true_peak_db=-1)
    wanted = [want(one, loudness=asked, fade_in=0.5) for one in ("mp3", "flac", "opus")]
    done, paths = await convert(tools, tmp_path, way, tone, *wanted)

    for output, path in zip(done.outputs, paths, strict=True):
        assert loudness(path) == pytest.approx(-20, abs=0.5)
        assert output.loudness is not None
        assert output.loudness.before_lufs == pytest.approx(loudness(tone), abs=0.3)
        assert output.loudness.after_lufs == pytest.approx(loudness(path), abs=0.1)


async def test_the_parts_of_a_split_file_keep_their_loudness_towards_each_other(
    tools: Tools, tmp_path: Path, book: Path
) -> None:
    asked = want("flac", split="chapters", loudness=Loudness(target_lufs=-23))
    done, paths = await convert(tools, tmp_path, "streamed", book, asked)

    gains = {one.loudness.gain_db for one in done.outputs if one.loudness}
    assert len(gains) == 1
    assert [loudness(path) for path in paths] == pytest.approx([-23.0] * 3, abs=0.5)


async def test_silence_is_left_as_it_is_and_that_is_said(tools: Tools, tmp_path: Path) -> None:
    silence = generate(tmp_path / "silence.wav", f"anullsrc=r={RATE}:d=3")
    done, [path] = await convert(
        tools, tmp_path, "streamed", silence, want("wav", loudness=Loudness())
    )

    assert [one.code for one in done.remarks] == ["loudness_not_measured"]
    assert set(samples(path)) == {0}
