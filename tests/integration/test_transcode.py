"""Every input into every format, by the real ffmpeg, judged by decoding what came out."""

import asyncio
import shlex
import subprocess
from pathlib import Path

import pytest
from media_files import ASSETS, FFMPEG, decoded, make_inputs, run

from support.known import known_ffmpeg
from wavemill_common.catalogue import FORMATS
from wavemill_common.errors import LimitExceeded, NotAudio, OutputInvalid
from wavemill_common.jobs import Remark
from wavemill_common.objects.disk import DiskObjectStore
from wavemill_common.options import ConvertOptions
from wavemill_converter.check.check import check_result
from wavemill_converter.convert.artwork import with_picture
from wavemill_converter.ffmpeg.commands import DEMUXERS
from wavemill_converter.ffmpeg.contained import local_input
from wavemill_converter.ffmpeg.installation import Ffmpeg, find_ffmpeg
from wavemill_converter.ffmpeg.progress import TranscodeProgress
from wavemill_converter.plan.plan import ConversionPlan, plan_conversion
from wavemill_converter.probe.probe import probe
from wavemill_converter.probe.source import Probed
from wavemill_converter.transcode.outcome import Timeouts
from wavemill_converter.transcode.transcode import transcode

REAL = ["lena.wav", "lena.flac", "lena.mp3", "lena.m4a", "lena.ogg"]
MADE = [
    *("deep.wav", "float.wav", "surround.flac", "phone.wav", "fast.flac"),
    *("full.mp3", "full.m4a", "full.opus", "cut.mp3", "cut.flac"),
    *("noxing.mp3", "streamed.wav", "video.mp4"),
]
TOLERANCE = 0.05  # seconds
# Seconds that a format adds or drops by nature, where that is more.
FRAMES = {
    "aac": 3 * 1024,  # samples; ADTS cannot say how long the encoder's delay and padding are
    "wma": 2048,  # the encoder does not flush its last frame
    "caf": 4096,  # ffmpeg 9 cuts the last packet short when it reads, ffmpeg 5 does not
    "ac3": 3 * 256,
    "mp2": 2 * 1152,
}
LOSSLESS = ["flac", "alac", "wav", "aiff", "wv", "caf", "mka", "tta"]


@pytest.fixture(scope="module")
def inputs(tmp_path_factory: pytest.TempPathFactory) -> dict[str, Path]:
    made = make_inputs(tmp_path_factory.mktemp("inputs"))
    return made | {path.name: path for path in ASSETS.glob("lena.*")}


@pytest.fixture
async def ffmpeg() -> Ffmpeg:
    return await known_ffmpeg(contained=True)


class Result:
    """A conversion that was judged believable."""

    def __init__(self, path: Path, plan: ConversionPlan, remarks: tuple[Remark, ...]) -> None:
        self.path, self.plan = path, plan
        self.codes = {remark.code for remark in (*plan.remarks, *remarks)}


async def convert(
    ffmpeg: Ffmpeg, source: Path, target: Path, format_id: str, probed: Probed | None = None
) -> Result:
    """Convert as a converter does: what is to be a copy is encoded if the copy is not right."""
    wanted = FORMATS[format_id]
    probed = probed or await probe(ffmpeg, source)
    encoding, options = wanted.encoding("standard"), ConvertOptions()
    plan = plan_conversion(wanted, encoding, options, probed)
    try:
        return await carry_out(ffmpeg, source, target, plan)
    except OutputInvalid:
        if not plan.copied:
            raise
        anew = plan_conversion(wanted, encoding, options, probed, may_copy=False)
        return await carry_out(ffmpeg, source, target, anew)


async def carry_out(ffmpeg: Ffmpeg, source: Path, target: Path, plan: ConversionPlan) -> Result:
    with local_input(ffmpeg, source) as opened:
        plan = await with_picture(ffmpeg, DiskObjectStore(target.parent), opened, plan)
    steps: list[TranscodeProgress] = []
    done = await transcode(ffmpeg, source, target, plan, Timeouts(), steps.append)
    assert steps
    assert [one.percent for one in steps] == sorted(one.percent for one in steps)
    return Result(target, plan, check_result(done, plan, target))


async def assert_it_sounds_right(ffmpeg: Ffmpeg, result: Result, seconds: float) -> None:
    probed = await probe(ffmpeg, result.path)
    assert probed.channels == result.plan.channels
    if result.plan.encoder == "libopus":
        assert probed.sample_rate == 48_000  # what Opus always decodes to
    else:
        assert probed.sample_rate == result.plan.sample_rate
    samples = await asyncio.to_thread(decoded, result.path)
    length = len(samples) / 2 / probed.channels / probed.sample_rate
    frames = FRAMES.get(result.plan.format, 0) / result.plan.sample_rate
    assert length == pytest.approx(seconds, abs=max(TOLERANCE, frames))
    assert any(samples), "silence"
    expected = result.plan.expected_size
    assert expected is None or result.path.stat().st_size <= expected + 20_000  # tags, cover


@pytest.mark.parametrize("name", [*REAL, *MADE])
async def test_every_format_can_be_made_of(
    ffmpeg: Ffmpeg, inputs: dict[str, Path], tmp_path: Path, name: str
) -> None:
    probed = await probe(ffmpeg, inputs[name])
    samples = await asyncio.to_thread(decoded, inputs[name])
    seconds = len(samples) / 2 / probed.channels / probed.sample_rate
    slots = asyncio.Semaphore(2)

    async def one(format_id: str) -> None:
        async with slots:
            target = tmp_path / format_id
            result = await convert(ffmpeg, inputs[name], target, format_id, probed)
            await assert_it_sounds_right(ffmpeg, result, seconds)
            assert ("input_truncated" in result.codes) == name.startswith("cut."), format_id

    async with asyncio.TaskGroup() as group:
        for format_id in FORMATS:
            group.create_task(one(format_id))


@pytest.mark.parametrize("format_id", LOSSLESS)
async def test_lossless_means_every_sample(
    ffmpeg: Ffmpeg, inputs: dict[str, Path], tmp_path: Path, format_id: str
) -> None:
    for name, samples in (("lena.wav", "s16le"), ("deep.wav", "s24le")):
        result = await convert(ffmpeg, inputs[name], tmp_path / name, format_id)
        words = ("-map", "0:a", "-c:a", f"pcm_{samples}", "-f", samples, "pipe:1")
        assert run("-i", result.path, *words) == run("-i", inputs[name], *words)
        assert result.codes == set()


# Written out by hand, not by the product: what a person would type for the same result.
REFERENCES = {
    ("lena.wav", "mp3"): "-c:a libmp3lame -q:a 2 -id3v2_version 3 -write_id3v1 1 -f mp3",
    ("lena.m4a", "m4a"): "-c:a copy -movie_timescale 44100 -movflags +faststart -f ipod",
    ("full.mp3", "m4a"): "-map 0:v -c:v copy -disposition:v attached_pic -c:a aac -b:a 160k "
    "-movflags +faststart -f ipod",
    ("full.m4a", "mp3"): "-map 0:v -c:v copy -disposition:v attached_pic -c:a libmp3lame -q:a 2 "
    "-id3v2_version 3 -write_id3v1 1 -f mp3",
    ("lena.flac", "opus"): "-c:a libopus -b:a 96k -f opus",
    ("lena.mp3", "ogg"): "-c:a libvorbis -q:a 5 -f ogg",
    ("deep.wav", "flac"): "-c:a flac -sample_fmt s32 -frame_size 4096 -compression_level 5 -f flac",
    ("lena.ogg", "wav"): "-map_metadata:g 0:s:a:0 -metadata ISFT=Lavf57.46.100 "
    "-metadata 'ICMT=created by heshamwhite@gmail.com' -c:a pcm_s16le -rf64 auto -f wav",
    ("deep.wav", "aiff"): "-c:a pcm_s24be -write_id3v2 1 -id3v2_version 3 -f aiff",
    ("float.wav", "wav"): "-c:a pcm_f32le -rf64 auto -f wav",
    ("surround.flac", "ac3"): "-c:a ac3 -b:a 192k -f ac3",
    ("surround.flac", "mp2"): "-ac 2 -c:a mp2 -b:a 192k -f mp2",
    ("lena.wav", "wma"): "-c:a wmav2 -b:a 160k -f asf",
    ("full.opus", "webm"): "-map_metadata:g 0:s:a:0 -c:a libopus -b:a 96k -f webm",
    ("phone.wav", "wv"): "-af asetnsamples=n=22050:p=0 -c:a wavpack -f wv",
    ("lena.wav", "alac"): "-c:a alac -movflags +faststart -f ipod",
    ("phone.wav", "amr"): "-c:a libopencore_amrnb -b:a 12.2k -f amr",
    ("lena.wav", "aac"): "-c:a aac -b:a 160k -f adts",
    ("lena.flac", "caf"): "-c:a alac -f caf",
    ("phone.wav", "tta"): "-c:a tta -f tta",
}


@pytest.mark.parametrize(("name", "format_id"), REFERENCES)
async def test_the_result_is_the_very_bytes_that_plain_ffmpeg_writes(
    ffmpeg: Ffmpeg, inputs: dict[str, Path], tmp_path: Path, name: str, format_id: str
) -> None:
    result = await convert(ffmpeg, inputs[name], tmp_path / "ours", format_id)
    words = shlex.split(REFERENCES[name, format_id])
    end = ["-map_metadata:g", "0"] if "-map_metadata:g" not in words else []
    common = ["-map", "0:a:0", *words, *end, "-fflags", "+bitexact"]
    run("-i", inputs[name], *common, tmp_path / "reference")
    assert result.path.read_bytes() == (tmp_path / "reference").read_bytes()


async def test_converting_again_gives_the_same_bytes(
    ffmpeg: Ffmpeg, inputs: dict[str, Path], tmp_path: Path
) -> None:
    for format_id in ("opus", "webm", "m4a", "mka", "wma"):
        once = await convert(ffmpeg, inputs["full.mp3"], tmp_path / "once", format_id)
        again = await convert(ffmpeg, inputs["full.mp3"], tmp_path / "again", format_id)
        assert once.path.read_bytes() == again.path.read_bytes(), format_id


@pytest.mark.parametrize("name", ["full.mp3", "full.m4a", "full.opus"])
async def test_tags_cover_and_chapters_arrive_or_are_said_to_be_lost(
    ffmpeg: Ffmpeg, inputs: dict[str, Path], tmp_path: Path, name: str
) -> None:
    before = (await probe(ffmpeg, inputs[name])).media
    for format_id, target in FORMATS.items():
        result = await convert(ffmpeg, inputs[name], tmp_path / format_id, format_id)
        after = (await probe(ffmpeg, result.path)).media
        assert (after.cover is None) == (before.cover is None or not target.cover), format_id
        assert ("cover_dropped" in result.codes) == (after.cover != before.cover), format_id
        assert len(after.chapters or ()) == (2 if target.chapters else 0), format_id
        assert ("chapters_dropped" in result.codes) == (not target.chapters), format_id
        if target.tags:
            lowered = {key.lower(): value for key, value in (after.tags or {}).items()}
            assert lowered["title"] == "Tïtle = with ; stuff", format_id
            assert "Someone" in lowered.values(), format_id


async def test_reducing_float_to_24_bits_adds_dither(
    ffmpeg: Ffmpeg, inputs: dict[str, Path], tmp_path: Path
) -> None:
    result = await convert(ffmpeg, inputs["float.wav"], tmp_path / "out", "flac")
    assert "bit_depth_reduced" in result.codes
    plain = ["-c:a", "flac", "-sample_fmt", "s32", "-f", "flac"]
    run("-i", inputs["float.wav"], *plain, tmp_path / "plain")
    samples = ["-c:a", "pcm_s32le", "-f", "s32le", "pipe:1"]
    ours, theirs = run("-i", result.path, *samples), run("-i", tmp_path / "plain", *samples)
    assert ours != theirs
    assert len(ours) == len(theirs)


async def test_a_wav_without_samples_is_not_audio(ffmpeg: Ffmpeg, tmp_path: Path) -> None:
    source = tmp_path / "source"
    run("-f", "lavfi", "-i", "sine", "-frames:a", "0", "-f", "wav", source)
    for format_id in ("mp3", "wav"):
        with pytest.raises(NotAudio):
            await convert(ffmpeg, source, tmp_path / "out", format_id)


async def test_a_file_of_garbage_behind_a_good_header_is_not_audio(
    ffmpeg: Ffmpeg, tmp_path: Path
) -> None:
    clip = bytearray((ASSETS / "lena.m4a").read_bytes())
    start, end = clip.find(b"mdat") + 4, clip.find(b"moov") - 4
    clip[start:end] = bytes((at * 31 + 7) % 253 for at in range(end - start))
    (tmp_path / "source").write_bytes(clip)
    with pytest.raises(NotAudio, match="no audio could be decoded"):
        await convert(ffmpeg, tmp_path / "source", tmp_path / "out", "mp3")


async def test_a_title_that_reads_like_an_error_is_only_a_title(
    ffmpeg: Ffmpeg, tmp_path: Path
) -> None:
    title = "title=Error writing trailer: No space left on device, received signal"
    run("-i", ASSETS / "lena.wav", "-metadata", title, "-f", "wav", tmp_path / "source")
    result = await convert(ffmpeg, tmp_path / "source", tmp_path / "out", "mp3")
    assert result.codes == set()


async def test_a_result_that_grows_beyond_its_limit_is_stopped(
    ffmpeg: Ffmpeg, inputs: dict[str, Path], tmp_path: Path
) -> None:
    target = FORMATS["wav"]
    probed = await probe(ffmpeg, inputs["lena.flac"])
    plan = plan_conversion(target, target.encoding("max"), ConvertOptions(), probed)
    source, result = inputs["lena.flac"], tmp_path / "out"
    with pytest.raises(LimitExceeded, match="grew beyond 1000 bytes"):
        await transcode(ffmpeg, source, result, plan, Timeouts(), lambda _: None, max_bytes=1000)


async def test_the_system_ffmpeg_makes_what_it_offers(
    inputs: dict[str, Path], tmp_path: Path
) -> None:
    if not Path("/usr/bin/ffmpeg").exists():
        pytest.skip("no system ffmpeg here")
    system = await find_ffmpeg("/usr/bin/ffmpeg")
    for format_id in system.formats:
        result = await convert(system, inputs["full.mp3"], tmp_path / format_id, format_id)
        await assert_it_sounds_right(system, result, 2.0)


def test_the_whitelist_names_only_demuxers_that_exist() -> None:
    listed = subprocess.run([FFMPEG, "-demuxers"], capture_output=True, text=True, check=True)
    rows = [line.split() for line in listed.stdout.splitlines() if line.startswith(" D")]
    known = {name for row in rows for name in row[1].split(",")}
    assert {name for name in DEMUXERS.split(",") if name not in known} == set()
