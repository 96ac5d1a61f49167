"""Peaks of whole conversions, on both paths, in the sandbox: those that the samples have."""

from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any

import msgspec
import numpy as np
import pytest
from msgspec import structs

from support.audio import decoded, generate
from support.conversions import content, job_for, opened_tools, put, report
from support.loud import samples_of
from wavemill_common.errors import OutputInvalid
from wavemill_common.jobs import Job
from wavemill_common.options import ConvertOptions, Wanted
from wavemill_common.peaks import JobPeaks, Peaks
from wavemill_converter.convert.conversion import Converted
from wavemill_converter.convert.files import fallback_file_conversion
from wavemill_converter.convert.streaming.conversion import streaming_convert_audio
from wavemill_converter.tools import Tools

PATHS = ["streamed", "filed"]
SECONDS = 20.0
RATE = 44_100


@pytest.fixture(scope="module")
def swelling(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A sound that swells and fades, the channels by turns; its peaks tell where one is."""
    path = tmp_path_factory.mktemp("swelling") / "swelling.flac"
    tones = "0.9*sin(800*t)*abs(sin(t))|0.6*sin(900*t)*abs(cos(t/3))"
    return generate(path, f"aevalsrc={tones}:s={RATE}:d={SECONDS}")


@pytest.fixture
async def tools(tmp_path: Path) -> AsyncIterator[Tools]:
    async with opened_tools(tmp_path) as tools:
        yield tools


async def convert(tools: Tools, job: Job, way: str, folder: Path) -> Converted:
    if way == "streamed":
        return await streaming_convert_audio(job, tools, report)
    scratch = folder / "scratch"
    scratch.mkdir()
    return await fallback_file_conversion(job, tools, scratch, report)


async def told(tools: Tools, done: Converted) -> JobPeaks:
    assert done.peaks_key is not None
    return msgspec.json.decode(await content(tools, done.peaks_key), type=JobPeaks)


def assert_peaks_are_those_of(peaks: Peaks | None, path: Path) -> None:
    """Compare with the peaks of the samples that another decoding gives."""
    assert peaks is not None
    _, rate, channels = decoded(path)
    highest = np.abs(samples_of(path, channels)).max(axis=1)
    window = round(peaks.seconds * rate)
    expected = [
        min(255, int(np.ceil(255 * highest[at : at + window].max())))
        for at in range(0, len(highest), window)
    ]
    assert len(peaks.values) == len(expected)
    assert max(abs(a - b) for a, b in zip(peaks.values, expected, strict=True)) <= 1


async def saved(tools: Tools, done: Converted, number: int, folder: Path) -> Path:
    output = done.outputs[number]
    path = folder / f"{number}-{output.file_name}"
    path.write_bytes(await content(tools, output.key))
    return path


@pytest.mark.parametrize("way", PATHS)
@pytest.mark.parametrize("target", ["mp3", "opus", "flac", "wav"])
async def test_source_and_result_have_the_peaks_of_their_samples(
    tools: Tools, swelling: Path, tmp_path: Path, way: str, target: str
) -> None:
    job = job_for(await put(tools, swelling), target, peaks=True)

    done = await convert(tools, job, way, tmp_path)

    peaks = await told(tools, done)
    assert_peaks_are_those_of(peaks.source, swelling)
    (result,) = peaks.outputs
    assert_peaks_are_those_of(result, await saved(tools, done, 0, tmp_path))
    assert done.peaks_key == f"conversions/{job.job_id}/1-peaks-claim.json"


@pytest.mark.parametrize("way", PATHS)
async def test_of_what_is_trimmed_the_whole_source_is_told_and_each_part(
    tools: Tools, swelling: Path, tmp_path: Path, way: str
) -> None:
    job = job_for(
        await put(tools, swelling),
        "mp3",
        options=ConvertOptions(trim_start=2, trim_end=5),
        more=(Wanted(format="flac", options=ConvertOptions(trim_end=1)),),
        peaks=True,
    )

    done = await convert(tools, job, way, tmp_path)

    peaks = await told(tools, done)
    assert_peaks_are_those_of(peaks.source, swelling)
    for number, length in enumerate((3.0, 1.0)):
        path = await saved(tools, done, number, tmp_path)
        assert decoded(path)[0] == pytest.approx(length, abs=0.1)
        assert_peaks_are_those_of(peaks.outputs[number], path)


@pytest.mark.parametrize("way", PATHS)
async def test_the_source_is_heard_beside_the_one_result_that_takes_all_of_it(
    tools: Tools, swelling: Path, tmp_path: Path, way: str
) -> None:
    job = job_for(
        await put(tools, swelling),
        "mp3",
        options=ConvertOptions(trim_end=1),
        more=(Wanted(format="opus", options=ConvertOptions(fade_in=3)),),
        peaks=True,
    )

    done = await convert(tools, job, way, tmp_path)

    peaks = await told(tools, done)
    assert_peaks_are_those_of(peaks.source, swelling)
    for number in range(2):
        path = await saved(tools, done, number, tmp_path)
        assert_peaks_are_those_of(peaks.outputs[number], path)


@pytest.mark.parametrize("way", PATHS)
async def test_results_are_the_same_bytes_with_peaks_and_without(
    tools: Tools, swelling: Path, tmp_path: Path, way: str
) -> None:
    key = await put(tools, swelling)
    plain, heard = tmp_path / "plain", tmp_path / "heard"
    plain.mkdir()
    heard.mkdir()
    targets = tuple(Wanted(format=one) for one in ("m4a", "wav", "opus", "flac"))
    without = await convert(tools, job_for(key, "mp3", more=targets), way, plain)
    job = job_for(key, "mp3", claim="another", more=targets, peaks=True)
    done = await convert(tools, job, way, heard)
    assert without.peaks_key is None
    assert [one.sha256 for one in done.outputs] == [one.sha256 for one in without.outputs]


async def test_results_that_are_not_decoded_have_no_peaks_but_their_source_has(
    tools: Tools, swelling: Path, tmp_path: Path
) -> None:
    tools = structs.replace(tools, decodes=False)
    job = job_for(await put(tools, swelling), "mp3", peaks=True)
    peaks = await told(tools, await convert(tools, job, "streamed", tmp_path))
    assert_peaks_are_those_of(peaks.source, swelling)
    assert peaks.outputs == (None,)


async def test_an_attempt_that_fails_keeps_no_peaks(
    tools: Tools, swelling: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    async def refuse(*_: Any) -> None:
        raise OutputInvalid("not what it should be")

    monkeypatch.setattr("wavemill_converter.check.published.verify", refuse)
    job = job_for(await put(tools, swelling), "mp3", peaks=True)
    with pytest.raises(OutputInvalid):
        await convert(tools, job, "streamed", tmp_path)
    assert [one.key async for one in tools.objects.scan(f"conversions/{job.job_id}/")] == []
