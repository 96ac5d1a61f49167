"""What is right already is copied: by both paths alike, checked, and else encoded after all."""

from collections.abc import AsyncIterator
from pathlib import Path

import pytest
from media_files import ASSETS, run
from msgspec import structs

from support.conversions import content, job_for, opened_tools, put, report
from support.converters import House, ScriptedFfmpeg, converter
from wavemill_common.jobs import Job
from wavemill_common.options import ConvertOptions, Loudness, Wanted
from wavemill_converter.convert.conversion import Converted
from wavemill_converter.convert.files import fallback_file_conversion
from wavemill_converter.convert.streaming.conversion import streaming_convert_audio
from wavemill_converter.ffmpeg.installation import find_ffmpeg
from wavemill_converter.tools import Tools

BY_HAND = {
    ("speech.mp3", "mp3"): "-id3v2_version 3 -write_id3v1 1 -f mp3",
    ("lena.m4a", "m4a"): "-movie_timescale 44100 -movflags +faststart -f ipod",
    ("lena.m4a", "m4b"): "-movie_timescale 44100 -movflags +faststart -f ipod",
    ("speech.ogg", "ogg"): "-map_metadata:g 0:s:a:0 -f ogg",
    ("speech.opus", "opus"): "-map_metadata:g 0:s:a:0 -f opus",
    ("lena.flac", "mka"): "-f matroska",
}
# What a stand-in for ffmpeg does to its own words before it becomes ffmpeg, or instead.
NOISE = """for word; do
  shift; set -- "$@" "$word"
  [ "$word" = copy ] && set -- "$@" -bsf:a noise=amount=200
done"""
REFUSAL = 'case " $* " in *" -c:a copy "*) exit 1;; esac'


SMALL = {"speech.mp3": "-q:a 7", "speech.ogg": "-q:a 1", "speech.opus": "-b:a 48k"}


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The real clip, also as small as standard quality makes it, or smaller."""
    folder = tmp_path_factory.mktemp("sources")
    for name, words in SMALL.items():
        run("-i", ASSETS / "lena.wav", *words.split(), folder / name)
    for path in ASSETS.glob("lena.*"):
        (folder / path.name).symlink_to(path)
    return folder


@pytest.fixture
async def tools(tmp_path: Path) -> AsyncIterator[Tools]:
    async with opened_tools(tmp_path) as opened:
        yield opened


async def filed(job: Job, tools: Tools, scratch: Path) -> Converted:
    scratch.mkdir()
    return await fallback_file_conversion(job, tools, scratch, report)


@pytest.mark.parametrize(("name", "target"), BY_HAND)
async def test_both_paths_copy_as_a_command_written_by_hand_does(
    tools: Tools, folder: Path, tmp_path: Path, name: str, target: str
) -> None:
    key, reference = await put(tools, folder / name), tmp_path / "reference"
    words = f"-map 0:a:0 -c:a copy {BY_HAND[name, target]} -fflags +bitexact".split()
    run("-i", folder / name, *words, reference)
    streamed = await streaming_convert_audio(job_for(key, target, "streamed"), tools, report)
    by_files = await filed(job_for(key, target, "filed"), tools, tmp_path / "scratch")
    for done in (streamed, by_files):
        assert done.outputs[0].copied
        assert await content(tools, done.outputs[0].key) == reference.read_bytes()


async def test_a_copy_goes_beside_results_that_are_encoded(tools: Tools, folder: Path) -> None:
    job = structs.replace(
        job_for(await put(tools, folder / "speech.mp3"), "wav"),
        more=(
            Wanted(format="mp3", quality="standard"),
            Wanted(format="flac", quality="standard"),
            Wanted(format="mp3", quality="320k"),
            Wanted(format="mp3", quality="standard", options=ConvertOptions(loudness=Loudness())),
        ),
    )
    done = await streaming_convert_audio(job, tools, report)
    assert [one.copied for one in done.outputs] == [False, True, False, False, False]
    lengths = [one.media.duration for one in done.outputs if one.media]
    assert lengths == pytest.approx([12.27] * 5, abs=0.1)


async def test_tags_are_edited_without_another_encoding(tools: Tools) -> None:
    job = structs.replace(
        job_for(await put(tools, ASSETS / "lena.m4a"), "m4a"),
        options=ConvertOptions(metadata={"title": "Lena"}, strip_metadata=True),
    )
    (output,) = (await streaming_convert_audio(job, tools, report)).outputs
    assert output.copied
    assert output.media is not None
    assert output.media.tags == {"title": "Lena"}


@pytest.mark.parametrize("fault", [NOISE, REFUSAL], ids=["damaged", "refused"])
@pytest.mark.parametrize("path", ["streamed", "filed"])
async def test_a_copy_that_comes_wrong_is_encoded_after_all(
    tools: Tools, tmp_path: Path, fault: str, path: str
) -> None:
    scripted = ScriptedFfmpeg(tmp_path / "bin", fault)
    tools = structs.replace(tools, ffmpeg=await find_ffmpeg(str(scripted.path)))
    job = job_for(await put(tools, ASSETS / "lena.m4a"), "m4a")
    if path == "streamed":
        done = await streaming_convert_audio(job, tools, report)
    else:
        done = await filed(job, tools, tmp_path / "scratch")
    assert not done.outputs[0].copied
    assert len(scripted.pids) == 2
    keys = [one.key async for one in tools.objects.scan("conversions/")]
    assert keys == [done.outputs[0].key]


async def test_a_job_whose_copy_comes_wrong_completes(house: House, tmp_path: Path) -> None:
    scripted = ScriptedFfmpeg(tmp_path / "bin", NOISE)
    async with converter(house, scripted):
        await house.submit(source=ASSETS / "lena.m4a", format="m4a")
        job = await house.ended()
    assert job.status == "completed"
    assert [one.copied for one in job.outputs] == [False]


async def test_a_job_tells_that_its_result_is_a_copy(house: House) -> None:
    async with converter(house):
        await house.submit(source=ASSETS / "lena.m4a", format="m4a")
        job = await house.ended()
    assert [one.copied for one in job.outputs] == [True]
