"""Tags, cover and chapters that the caller gives or takes away, on both paths, contained."""

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path

import pytest
from media_files import ASSETS
from msgspec import structs

from support.fidelity.bench import Bench, opened, same_bytes
from support.fidelity.judges import FFPROBE
from support.fidelity.tag_readers import Found, read_tags
from support.fidelity.tag_sources import JPEG, PNG, TAGS, Sources
from wavemill_common.jobs import Job
from wavemill_common.options import ChapterMark, ConvertOptions, Wanted
from wavemill_common.report import Fate
from wavemill_common.settings import SandboxMode
from wavemill_converter.convert.conversion import Converted
from wavemill_converter.sandbox import contain

SYSTEM = Path("/usr/bin/ffmpeg")
TARGETS = ("mp3", "m4a", "m4b", "opus", "ogg", "flac", "aiff", "mka")
COVER_KEY = "conversions/job/cover-0.png"
NASTY = "=;#\\ [CHAPTER]\nSTART=0\n-i /etc/passwd 🎵"
GIVEN = ConvertOptions(
    metadata={"title": NASTY, "Artist": "New", "comment": None, "album": ""},
    chapters=(
        ChapterMark(start=0.0, title="First = one"),
        ChapterMark(start=0.75, title="[CHAPTER]"),
    ),
    cover=COVER_KEY,
)
BARE = ConvertOptions(strip_metadata=True, cover="remove", chapters="remove")

pytestmark = pytest.mark.skipif(FFPROBE is None, reason="there is no ffprobe here")


@pytest.fixture(scope="module")
def sources(tmp_path_factory: pytest.TempPathFactory) -> Sources:
    return Sources(tmp_path_factory.mktemp("sources"))


@pytest.fixture
async def bench(tmp_path: Path) -> AsyncIterator[Bench]:
    async with contained(tmp_path) as bench:
        yield bench


@asynccontextmanager
async def contained(folder: Path, ffmpeg: str | None = None) -> AsyncIterator[Bench]:
    """A bench whose ffmpeg is in its sandbox."""
    async with opened(folder, ffmpeg) as bench:
        found = bench.tools.ffmpeg
        sandbox = await contain(found.path, SandboxMode.PREFER)
        bench.tools = structs.replace(bench.tools, ffmpeg=structs.replace(found, sandbox=sandbox))
        yield bench


async def convert(
    bench: Bench, source: Path, target: str, options: ConvertOptions, picture: bytes = b""
) -> tuple[Converted, Found]:
    """Convert by both paths, which must give the same; return what came out and what is in it."""

    async def job(claim: str) -> Job:
        return structs.replace(await bench.job(source, target, claim), options=options)

    async def blocks() -> AsyncIterator[bytes]:
        yield picture

    if picture:
        await bench.tools.objects.put(COVER_KEY, blocks())
    streamed = await bench.stream(await job("streamed"))
    filed = await bench.file(await job("filed"))
    assert same_bytes(bench.result(streamed), bench.result(filed))
    assert streamed.outputs[0].report == filed.outputs[0].report
    assert streamed.outputs[0].media == filed.outputs[0].media
    return streamed, read_tags(bench.result(streamed))


def assert_given(done: Converted, found: Found, picture: bytes) -> None:
    assert found.holds("title", NASTY)
    assert found.holds("artist", "New")
    assert "album" not in found.tags
    assert found.covers == [picture]
    assert [(round(start, 2), title) for start, title in found.chapters] == [
        (0.0, "First = one"),
        (0.75, "[CHAPTER]"),
    ]
    report = done.outputs[0].report
    assert report is not None
    fates = {tag.name: tag.fate for tag in report.tags}
    assert (fates["title"], fates["artist"]) == (Fate.SET, Fate.SET)
    assert (fates["comment"], fates["album"]) == (Fate.REMOVED, Fate.REMOVED)
    assert report.cover is not None
    assert report.chapters is not None
    assert (report.cover.fate, report.chapters.fate) == (Fate.SET, Fate.SET)
    assert not {"cover_dropped", "chapters_dropped"} & {one.code for one in done.remarks}


@pytest.mark.parametrize("target", TARGETS)
async def test_what_the_caller_gives_arrives(bench: Bench, sources: Sources, target: str) -> None:
    picture = sources.cover(PNG, "200x100")
    done, found = await convert(bench, sources.path("mp3"), target, GIVEN, picture)
    assert_given(done, found, picture)


async def test_all_tags_of_a_real_flac_arrive_in_a_wav(bench: Bench) -> None:
    done, _ = await convert(bench, ASSETS / "lena.flac", "wav", ConvertOptions())
    data = bench.result(done).read_bytes()
    assert b"ISFT\x0e\0\0\0Lavf57.46.100\0" in data
    assert b"ICMT" in data
    assert [one.code for one in done.remarks] == []


@pytest.mark.parametrize("target", [*TARGETS, "wma", "wv", "wav", "webm", "caf", "tta"])
@pytest.mark.parametrize("source", ["ogg", "m4a"])
async def test_nothing_is_left_of_what_is_stripped(
    bench: Bench, sources: Sources, source: str, target: str
) -> None:
    done, found = await convert(bench, sources.path(source), target, BARE)
    assert not [name for name, value in TAGS.items() if found.holds(name, value)]
    assert (found.covers, found.chapters) == ([], [])
    report = done.outputs[0].report
    assert report is not None
    assert {tag.fate for tag in report.tags} == {Fate.REMOVED}
    assert [one.code for one in done.remarks if one.code.endswith("dropped")] == []


@pytest.mark.parametrize("target", ["mp3", "opus", "mka"])
async def test_ffmpeg_5_takes_what_the_caller_gives(
    tmp_path: Path, sources: Sources, target: str
) -> None:
    if not SYSTEM.exists():
        pytest.skip(f"there is no {SYSTEM} here")
    picture = sources.cover(JPEG, "200x100")
    async with contained(tmp_path, str(SYSTEM)) as bench:
        done, found = await convert(bench, sources.path("flac"), target, GIVEN, picture)
    assert_given(done, found, picture)


@pytest.mark.parametrize("target", ["mp3", "ogg", "mka"])
async def test_a_cover_that_is_no_picture_is_left_out_and_said_so(
    bench: Bench, sources: Sources, target: str
) -> None:
    done, found = await convert(bench, sources.path("wav"), target, GIVEN, b"no picture at all")
    assert found.covers == []
    assert "cover_dropped" in {one.code for one in done.remarks}


async def test_a_large_cover_arrives_in_an_ogg(bench: Bench, sources: Sources) -> None:
    picture = sources.cover(PNG, "3000x3000")
    _, found = await convert(bench, sources.path("mp3"), "opus", GIVEN, picture)
    assert found.covers == [picture]


async def test_several_results_of_one_run_have_each_their_own(
    bench: Bench, sources: Sources
) -> None:
    picture = sources.cover(PNG, "200x100")

    async def blocks() -> AsyncIterator[bytes]:
        yield picture

    await bench.tools.objects.put(COVER_KEY, blocks())
    job = structs.replace(
        await bench.job(sources.path("mp3"), "opus", "many"),
        more=(
            Wanted(format="mp3", options=BARE),
            Wanted(format="m4a", options=GIVEN),
            Wanted(format="flac"),
            Wanted(format="mka", options=ConvertOptions(trim_start=0.6, trim_end=1.4)),
        ),
    )
    done = await bench.stream(job)
    opus, bare, given, flac, cut = (read_tags(bench.result(done, number)) for number in range(5))
    assert all(found.holds("title", TAGS["title"]) for found in (opus, flac, cut))
    assert opus.covers == flac.covers == cut.covers == [sources.cover(PNG)]
    assert (bare.tags.get("title"), bare.covers, bare.chapters) == (None, [], [])
    assert (given.tags["title"], given.covers) == ([NASTY], [picture])
    assert [round(start, 2) for start, _ in cut.chapters] == [0.0, 0.15, 0.4, 0.65]
    assert [len(found.chapters) for found in (opus, given, flac)] == [8, 2, 8]


async def test_a_lossy_source_is_not_made_better_by_more_bits(
    bench: Bench, sources: Sources
) -> None:
    job = structs.replace(await bench.job(sources.path("opus"), "mp3", "up"), quality="320k")
    done = await bench.stream(job)
    said = {one.code: one.message for one in done.remarks}
    assert "320k makes the file larger, not better" in said["upscaled_bitrate"]
