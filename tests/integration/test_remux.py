"""Every pair of the table: a copy decodes to the very samples, and tags, cover, chapters stay."""

import hashlib
import subprocess
from pathlib import Path

import pytest
from media_files import ASSETS, FFMPEG, METADATA
from msgspec import structs

from support.audio import generate, run
from wavemill_common.catalogue import FORMATS
from wavemill_common.copies import EXACT
from wavemill_common.options import ConvertOptions
from wavemill_common.settings import SandboxMode
from wavemill_converter.ffmpeg.codecs import CODECS
from wavemill_converter.ffmpeg.installation import Ffmpeg, find_ffmpeg
from wavemill_converter.plan.remux import can_copy, copy_words
from wavemill_converter.probe.probe import probe
from wavemill_converter.sandbox import contain

SYSTEM = Path("/usr/bin/ffmpeg")
FFMPEGS = [FFMPEG, *([str(SYSTEM)] if SYSTEM.exists() else [])]
ENCODERS = {
    "aac": "aac -b:a 128k",
    "mp3": "libmp3lame -b:a 128k",
    "opus": "libopus -b:a 64k",
    "vorbis": "libvorbis -q:a 3",
    "flac": "flac -sample_fmt s16",
    "alac": "alac -sample_fmt s16p",
    "wavpack": "wavpack",
    "tta": "tta",
    "ac3": "ac3 -b:a 128k",
}
FILES = {"mov": "mp4", "aac": "aac", "matroska": "mka", "ac3": "ac3"}
PAIRS = [(*source, target) for source, targets in EXACT.items() for target in targets]
RATES = {"opus": 48_000, "webm": 48_000, "ac3": 48_000}
SECONDS = (5.337, 1.0001)


@pytest.fixture
async def ffmpeg() -> Ffmpeg:
    found = await find_ffmpeg()
    return structs.replace(found, sandbox=await contain(found.path, SandboxMode.PREFER))


def pcm(ffmpeg: str, path: Path) -> str:
    """The digest of all samples, in full depth, by a given ffmpeg."""
    words = ["-map", "0:a:0", "-c:a", "pcm_f64le", "-f", "f64le", "pipe:1"]
    raw = subprocess.run(
        [ffmpeg, "-v", "error", "-i", str(path), *words], check=True, capture_output=True
    ).stdout
    assert len(raw) > 1000
    return hashlib.md5(raw, usedforsecurity=False).hexdigest()


def copy(ffmpeg: str, source: Path, target: Path, format_id: str, *maps: str) -> Path:
    """Copy as a conversion does, by a given ffmpeg."""
    codec = CODECS[format_id]
    words = [
        "-map",
        "0:a:0",
        *maps,
        *copy_words(codec.muxer, RATES.get(format_id, 44_100)),
        "-map_metadata",
        "0",
        "-map_chapters",
        "0",
    ]
    words += ["-fflags", "+bitexact", *codec.mux_arguments, "-f", codec.muxer, "-y", str(target)]
    subprocess.run([ffmpeg, "-nostdin", "-v", "error", "-i", str(source), *words], check=True)
    return target


def made(folder: Path, codec: str, demuxer: str, seconds: float) -> Path:
    """Write a source by the bundled ffmpeg."""
    path = folder / f"source.{FILES.get(demuxer, demuxer)}"
    rate = RATES.get(codec, 44_100)
    noise = f"anoisesrc=d={seconds}:c=pink:a=0.4:r={rate}:seed=4,pan=stereo|c0=c0|c1=0.5*c0"
    return generate(path, noise, "-c:a", *ENCODERS[codec].split(), "-strict", "-2")


@pytest.mark.slow
@pytest.mark.parametrize(("codec", "demuxer", "target"), PAIRS)
async def test_a_copy_decodes_to_the_very_samples(
    ffmpeg: Ffmpeg, tmp_path: Path, codec: str, demuxer: str, target: str
) -> None:
    kind = FORMATS[target]
    for seconds in SECONDS:
        source = made(tmp_path, codec, demuxer, seconds)
        probed = await probe(ffmpeg, source)
        assert (probed.media.codec, probed.demuxer) == (codec, demuxer)
        assert can_copy(kind, kind.presets["standard"], ConvertOptions(), probed)
        for program in FFMPEGS:
            result = copy(program, source, tmp_path / f"result.{kind.extension}", target)
            for decoder in FFMPEGS:
                assert pcm(decoder, result) == pcm(decoder, source), (seconds, program, decoder)


@pytest.mark.parametrize(
    ("name", "target"),
    [
        ("lena.m4a", "m4a"),
        ("lena.mp3", "mp3"),
        ("lena.ogg", "ogg"),
        ("lena.flac", "flac"),
        ("lena.flac", "mka"),
    ],
)
def test_a_copy_of_a_real_file_decodes_to_the_very_samples(
    tmp_path: Path, name: str, target: str
) -> None:
    for program in FFMPEGS:
        result = copy(program, ASSETS / name, tmp_path / "result.bin", target)
        for decoder in FFMPEGS:
            assert pcm(decoder, result) == pcm(decoder, ASSETS / name)


@pytest.mark.parametrize(
    ("codec", "demuxer", "target"),
    [
        ("aac", "mov", "m4a"),
        ("mp3", "mp3", "mp3"),
        ("flac", "flac", "flac"),
        ("alac", "mov", "alac"),
    ],
)
async def test_tags_cover_and_chapters_stay_with_a_copy(
    ffmpeg: Ffmpeg, tmp_path: Path, codec: str, demuxer: str, target: str
) -> None:
    plain, texts, cover = (tmp_path / name for name in ("plain.wav", "texts.txt", "cover.jpg"))
    generate(plain, "sine=d=2:r=44100")
    texts.write_text(METADATA)
    run(["-f", "lavfi", "-i", "color=red:s=64x64", "-frames:v", "1", "-y", str(cover)])
    source = tmp_path / f"source.{'m4a' if demuxer == 'mov' else demuxer}"
    run([
        *("-i", str(plain), "-i", str(cover), "-f", "ffmetadata", "-i", str(texts)),
        *("-map", "0:a", "-map", "1:v", "-map_metadata", "2", "-map_chapters", "2"),
        *("-c:v", "copy", "-disposition:v", "attached_pic", "-c:a", *ENCODERS[codec].split()),
        str(source),
    ])  # fmt: skip
    before = (await probe(ffmpeg, source)).media
    pictures = ("-map", "0:v", "-c:v", "copy", "-disposition:v", "attached_pic")
    for program in FFMPEGS:
        result = copy(program, source, tmp_path / "result.bin", target, *pictures)
        after = (await probe(ffmpeg, result)).media
        assert after.tags == before.tags
        assert after.chapters is not None
        assert before.chapters is not None
        for one, other in zip(after.chapters, before.chapters, strict=True):
            assert one.title == other.title
            assert one.start == pytest.approx(other.start, abs=0.03)  # MP3 begins at its delay
        assert after.cover == before.cover
        assert after.cover is not None
