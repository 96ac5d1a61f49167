"""The real ffmpeg tells what files are, and refuses what is none of ours."""

import shutil
from collections.abc import Callable
from pathlib import Path

import pytest
from media_files import ASSETS, make_inputs, run

from support.known import known_ffmpeg
from wavemill_common.catalogue import FORMATS
from wavemill_common.errors import FfmpegMissing, FfmpegTimeout, LimitExceeded, NotAudio
from wavemill_common.media import Chapter, Cover
from wavemill_converter.ffmpeg.installation import Ffmpeg, find_ffmpeg
from wavemill_converter.probe.limits import Limits, check_output
from wavemill_converter.probe.probe import probe
from wavemill_converter.probe.wave import HEAD, look_options

Script = Callable[[str], Ffmpeg]


@pytest.fixture(scope="module")
def inputs(tmp_path_factory: pytest.TempPathFactory) -> dict[str, Path]:
    made = make_inputs(tmp_path_factory.mktemp("inputs"))
    return made | {path.name: path for path in ASSETS.glob("lena.*")}


@pytest.fixture
async def ffmpeg() -> Ffmpeg:
    return await known_ffmpeg()


@pytest.fixture
def script(tmp_path: Path) -> Script:
    """Return a maker of stand-ins for ffmpeg: shell scripts."""

    def make(body: str) -> Ffmpeg:
        path = tmp_path / "ffmpeg"
        path.write_text(f"#!/bin/sh\n{body}\n")
        path.chmod(0o755)
        return Ffmpeg(str(path), "0", ())

    return make


async def test_the_bundled_ffmpeg_makes_every_format_of_the_catalogue() -> None:
    ffmpeg = await find_ffmpeg()
    assert set(ffmpeg.formats) == set(FORMATS)
    assert ffmpeg.version[0].isdigit()


async def test_an_ffmpeg_named_by_the_settings_is_taken_and_no_other() -> None:
    found = shutil.which("ffmpeg")
    if found is None:
        pytest.skip("no system ffmpeg here")
    assert (await find_ffmpeg("ffmpeg")).path == found
    with pytest.raises(FfmpegMissing, match=r"WAVEMILL_FFMPEG='/nowhere/ffmpeg'.*install"):
        await find_ffmpeg("/nowhere/ffmpeg")


async def test_a_program_that_is_not_ffmpeg_is_no_ffmpeg(script: Script) -> None:
    with pytest.raises(FfmpegMissing, match="none of our formats"):
        await find_ffmpeg(script("echo hello").path)


@pytest.mark.parametrize(
    ("name", "codec", "rate", "channels", "depth", "seconds"),
    [
        ("lena.wav", "pcm_s16le", 44_100, 1, 16, 12.27),
        ("lena.flac", "flac", 44_100, 1, 16, 12.27),
        ("lena.mp3", "mp3", 44_100, 1, None, 12.27),
        ("lena.m4a", "aac", 44_100, 2, None, 12.27),
        ("lena.ogg", "vorbis", 44_100, 1, None, 12.27),
        ("deep.wav", "pcm_s24le", 48_000, 2, 24, 2.0),
        ("float.wav", "pcm_f32le", 44_100, 2, 32, 2.0),
        ("surround.flac", "flac", 48_000, 6, 16, 2.0),
        ("phone.wav", "pcm_s16le", 8_000, 1, 16, 2.0),
        ("fast.flac", "flac", 96_000, 2, 16, 2.0),
        ("video.mp4", "aac", 44_100, 1, None, 2.0),
        ("streamed.wav", "pcm_s16le", 48_000, 2, 16, 2.0),
    ],
)
async def test_what_a_file_is(
    ffmpeg: Ffmpeg,
    inputs: dict[str, Path],
    name: str,
    codec: str,
    rate: int,
    channels: int,
    depth: int | None,
    seconds: float,
) -> None:
    media = (await probe(ffmpeg, inputs[name])).media
    assert (media.codec, media.sample_rate, media.channels) == (codec, rate, channels)
    assert media.bit_depth == depth
    assert media.duration == pytest.approx(seconds, abs=0.05)


@pytest.mark.parametrize("name", ["full.mp3", "full.m4a", "full.opus"])
async def test_tags_and_chapters_come_exactly(
    ffmpeg: Ffmpeg, inputs: dict[str, Path], name: str
) -> None:
    media = (await probe(ffmpeg, inputs[name])).media
    assert media.tags == {
        "title": "Tïtle = with ; stuff",
        "artist": "Someone",
        "comment": "line one\nline two",
    }
    assert media.chapters is not None
    assert media.chapters[0] == Chapter(0.0, 1.0, "First")
    assert media.chapters[1].title == "Second"
    expected = None if name == "full.opus" else Cover("image/jpeg", width=64, height=64)
    assert media.cover == expected


@pytest.mark.parametrize(
    ("name", "content"),
    [
        ("text.mp3", b"this is no music\n" * 100),
        ("empty.wav", b""),
        ("picture.mp3", b"\x89PNG\r\n\x1a\n" + b"\0" * 4000),
        ("list.m3u8", b"#EXTM3U\n#EXTINF:1,\nfile:///etc/passwd\n"),
        ("list.mp3", b"#EXTM3U\n#EXT-X-TARGETDURATION:1\n#EXTINF:1,\nfile:///etc/passwd\n"),
        ("list.wav", b"ffconcat version 1.0\nfile /etc/passwd\n"),
        ("list.flac", b"v=0\no=- 0 0 IN IP4 127.0.0.1\ns=x\nm=audio 9 RTP/AVP 0\n"),
        ("tags.mp3", b";FFMETADATA1\ntitle=x\n"),
    ],
)
async def test_what_is_no_audio_is_refused_with_what_would_work(
    ffmpeg: Ffmpeg, tmp_path: Path, name: str, content: bytes
) -> None:
    source = tmp_path / name
    source.write_bytes(content)
    with pytest.raises(NotAudio, match="send mp3") as caught:
        await probe(ffmpeg, source)
    assert str(tmp_path) not in caught.value.members.get("detail", "")


async def test_a_source_over_a_limit_is_refused_by_name(
    ffmpeg: Ffmpeg, inputs: dict[str, Path]
) -> None:
    for limits, name in (
        (Limits(max_channels=5), "channels"),
        (Limits(max_sample_rate=44_100), "sampleRate"),
        (Limits(max_duration=1.0), "duration"),
    ):
        with pytest.raises(LimitExceeded) as caught:
            await probe(ffmpeg, inputs["surround.flac"], limits)
        assert caught.value.members["limitName"] == name


def test_a_result_that_would_be_too_large_is_refused_before_it_is_made() -> None:
    check_output(None, Limits())
    check_output(1000, Limits(max_output_bytes=1000))
    with pytest.raises(LimitExceeded, match="choose a smaller format"):
        check_output(1001, Limits(max_output_bytes=1000))


async def test_a_probe_that_hangs_ends_in_time(script: Script, inputs: dict[str, Path]) -> None:
    with pytest.raises(FfmpegTimeout):
        await probe(script("exec sleep 1000"), inputs["lena.wav"], seconds=0.2)


async def test_a_probe_that_prints_without_end_ends_in_time_too(
    script: Script, inputs: dict[str, Path]
) -> None:
    with pytest.raises(FfmpegTimeout):
        await probe(script("yes garbage >&2 & yes garbage"), inputs["lena.wav"], seconds=0.5)


async def test_a_wav_is_told_alike_by_a_short_look_and_by_a_long_one(
    ffmpeg: Ffmpeg, inputs: dict[str, Path], monkeypatch: pytest.MonkeyPatch
) -> None:
    waves = [path for path in inputs.values() if path.read_bytes()[:4] == b"RIFF"]
    short = [look_options(path.read_bytes()[:HEAD]) for path in waves]
    assert any(short), "some of them are looked at shortly"
    shortly = [await probe(ffmpeg, path) for path in waves]
    monkeypatch.setattr("wavemill_converter.probe.probe.look_options", lambda _: ())
    assert [await probe(ffmpeg, path) for path in waves] == shortly


@pytest.mark.parametrize("silence", [0, 44_100, 100_000, 400_000])  # bytes
async def test_dts_in_a_wav_is_found_wherever_it_begins(
    ffmpeg: Ffmpeg, tmp_path: Path, silence: int
) -> None:
    coded, padded, source = (tmp_path / name for name in ("a.dts", "b.dts", "c.wav"))
    sine = ("-f", "lavfi", "-i", "sine=d=3:r=44100", "-ac", "2", "-strict", "-2")
    run(*sine, "-c:a", "dca", "-b:a", "1411200", str(coded))
    padded.write_bytes(bytes(silence) + coded.read_bytes())
    raw = ("-f", "s16le", "-ar", "44100", "-ac", "2", "-i", str(padded), "-c", "copy")
    run(*raw, str(source))
    assert (await probe(ffmpeg, source)).media.codec == "dts"


async def test_what_only_seems_to_be_a_wav_is_looked_at_again(
    ffmpeg: Ffmpeg, inputs: dict[str, Path], monkeypatch: pytest.MonkeyPatch
) -> None:
    one = next(path for path in inputs.values() if path.suffix == ".flac")
    expected = await probe(ffmpeg, one)
    options = ("-max_size", "135168", "-max_probe_packets", "1")
    monkeypatch.setattr("wavemill_converter.probe.probe.look_options", lambda _: options)
    assert await probe(ffmpeg, one) == expected
