"""Whatever set of options is accepted, no conversion fails for a reason of ours."""

import asyncio
import re
from pathlib import Path
from typing import Literal

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from msgspec import structs

from support.audio import decoded, generate
from support.conversions import content, job_for, opened_tools, put, report
from wavemill_common.catalogue import FORMATS
from wavemill_common.errors import InvalidOption
from wavemill_common.formats import Format
from wavemill_common.options import (
    MIN_LENGTH,
    ChapterMark,
    ConvertOptions,
    Loudness,
    Wanted,
    check_options,
)
from wavemill_converter.convert.conversion import Converted
from wavemill_converter.convert.streaming.conversion import streaming_convert_audio

Chapters = Literal["keep", "remove"] | tuple[ChapterMark, ...]
TITLES = st.text(st.characters(codec="utf-8", exclude_categories=("Cc", "Cs")), max_size=40)
SECONDS = st.floats(0, 3, allow_nan=False).map(lambda value: round(value, 3))


def rates(target: Format) -> st.SearchStrategy[int]:
    if target.sample_rates:
        return st.sampled_from(target.sample_rates)
    return st.sampled_from([8_000, 11_025, 44_100, 48_000, 96_000, target.max_sample_rate])


def tags(target: Format) -> st.SearchStrategy[dict[str, str | None]]:
    if not target.tags:
        return st.just({})
    names = st.sampled_from(["title", "artist", "comment", "my tag"])
    return st.dictionaries(names, st.none() | TITLES, max_size=3)


def chapters(target: Format) -> st.SearchStrategy[Chapters]:
    words: st.SearchStrategy[Chapters] = st.sampled_from(["keep", "remove"])
    if not target.chapters:
        return words
    titles = st.lists(TITLES, min_size=1, max_size=3)
    return words | titles.map(
        lambda each: tuple(ChapterMark(start=float(at), title=one) for at, one in enumerate(each))
    )


@st.composite
def wishes(draw: st.DrawFn) -> Wanted:
    """A result that the gateway would accept, whichever format it has."""
    target = draw(st.sampled_from(list(FORMATS.values())))
    start = draw(st.none() | SECONDS)
    loudness = st.builds(Loudness, target_lufs=st.integers(-30, -10).map(float))
    options = ConvertOptions(
        sample_rate=draw(st.none() | rates(target)),
        channels=draw(st.none() | st.integers(1, target.max_channels)),
        bit_depth=draw(st.sampled_from([None, *target.bit_depths])),
        trim_start=start,
        trim_end=draw(st.none() | SECONDS.map(lambda length: (start or 0) + length + MIN_LENGTH)),
        fade_in=draw(st.none() | SECONDS),
        fade_out=draw(st.none() | SECONDS),
        loudness=draw(st.none() | loudness),
        metadata=draw(tags(target)),
        strip_metadata=draw(st.booleans()),
        cover=draw(st.sampled_from(["keep", "remove"])),
        chapters=draw(chapters(target)),
        split=draw(st.sampled_from([None, None, None, "chapters"])),
    )
    check_options(target, options)
    quality = draw(st.sampled_from(list(target.presets)))
    return Wanted(format=target.id, quality=quality, options=options)


@pytest.fixture(scope="module")
def sources(tmp_path_factory: pytest.TempPathFactory) -> list[Path]:
    folder = tmp_path_factory.mktemp("sources")
    return [
        generate(folder / "phone.wav", "sine=f=300:r=8000:d=3", "-ac", "1"),
        generate(folder / "deep.flac", "anoisesrc=d=3:r=96000,aformat=s32:channel_layouts=stereo"),
        generate(folder / "surround.wav", "aevalsrc=0.1*sin(2000*t)|0|0|0|0|0.1:c=5.1:d=3:s=48000"),
        generate(folder / "float.wav", "anoisesrc=d=3:r=44100:a=0.9", "-c:a", "pcm_f32le"),
        generate(folder / "song.mp3", "sine=f=440:r=44100:d=3", "-metadata", "title=Ä"),
        generate(folder / "late.ogg", "sine=f=440:r=44100:d=3", "-c:a", "libvorbis"),
    ]


async def convert(folder: Path, source: Path, wanted: Wanted) -> tuple[Converted, list[Path]]:
    async with opened_tools(folder) as tools:
        job = structs.replace(
            job_for(await put(tools, source), wanted.format),
            quality=wanted.quality,
            options=wanted.options,
        )
        done = await streaming_convert_audio(job, tools, report)
        paths = []
        for number, output in enumerate(done.outputs):
            paths.append(folder / f"{number}.{FORMATS[output.format].extension}")
            paths[-1].write_bytes(await content(tools, output.key))
        return done, paths


@settings(
    max_examples=50,
    deadline=None,
    derandomize=True,
    suppress_health_check=[HealthCheck.function_scoped_fixture, HealthCheck.too_slow],
)
@given(wanted=wishes(), number=st.integers(0, 5))
def test_an_accepted_set_of_options_gives_a_result_or_says_what_the_source_lacks(
    sources: list[Path],
    tmp_path_factory: pytest.TempPathFactory,
    wanted: Wanted,
    number: int,
) -> None:
    folder = tmp_path_factory.mktemp("set")
    try:
        done, paths = asyncio.run(convert(folder, sources[number], wanted))
    except InvalidOption as refused:
        assert re.search(r"no chapters|lasts only", refused.message)  # noqa: PT017 - or a result
        return
    for output, path in zip(done.outputs, paths, strict=True):
        seconds, rate, channels = decoded(path)
        assert seconds > 0
        if wanted.options.sample_rate and output.format not in {"opus", "webm"}:
            assert rate == wanted.options.sample_rate
        if wanted.options.channels:
            assert channels == wanted.options.channels
