"""What ffmpeg 5 and 9 printed about real files, recorded, is understood."""

from pathlib import Path

import pytest

from wavemill_common.errors import NotAudio
from wavemill_common.media import Chapter, Cover, MediaInfo
from wavemill_converter.ffmpeg.failures import PHRASES, failure_of
from wavemill_converter.ffmpeg.lines import MAX_LINE, TAIL_LINES, LineSplitter, Log
from wavemill_converter.probe.ffmetadata import parse_global_tags
from wavemill_converter.probe.source import Probed, describe
from wavemill_converter.probe.text import InputText, parse_input

RECORDED = Path(__file__).parents[1] / "assets" / "ffmpeg"
VERSIONS = ["ffmpeg5", "ffmpeg9"]


def text_of(name: str, version: str) -> str:
    return (RECORDED / f"{name}.{version}.txt").read_text()


def parsed(name: str, version: str) -> InputText:
    text = parse_input(text_of(name, version))
    assert text is not None
    return text


def described(name: str, version: str) -> Probed:
    return describe(parsed(name, version), {}, 1000)


@pytest.mark.parametrize("version", VERSIONS)
@pytest.mark.parametrize(
    ("name", "container", "codec", "rate", "channels", "depth"),
    [
        ("s24.wav", "wav", "pcm_s24le", 48_000, 2, 24),
        ("f32.wav", "wav", "pcm_f32le", 44_100, 2, 32),
        ("71.flac", "flac", "flac", 48_000, 8, 16),
        ("full.mp3", "mp3", "mp3", 48_000, 2, None),
        ("full.m4a", "mp4", "aac", 48_000, 2, None),
        ("full.opus", "ogg", "opus", 48_000, 2, None),
        ("full.mka", "matroska", "flac", 48_000, 2, 24),
        ("video.mp4", "mp4", "aac", 44_100, 1, None),
    ],
)
def test_a_file_is_described(
    name: str, container: str, codec: str, rate: int, channels: int, depth: int | None, version: str
) -> None:
    media = described(name, version).media
    assert media == MediaInfo(
        container=container,
        codec=codec,
        duration=media.duration,
        sample_rate=rate,
        channels=channels,
        bit_depth=depth,
        bitrate=media.bitrate,
        tags=media.tags,
        chapters=media.chapters,
        cover=media.cover,
    )
    assert media.duration == pytest.approx(2.0, abs=0.05)
    assert media.bitrate is not None
    assert 10_000 < media.bitrate < 3_000_000


@pytest.mark.parametrize("version", VERSIONS)
@pytest.mark.parametrize("name", ["full.mp3", "full.m4a"])
def test_cover_and_chapters_are_found(name: str, version: str) -> None:
    probed = described(name, version)
    assert probed.media.cover == Cover("image/jpeg", width=64, height=64)
    assert probed.covers == ((1,) if name == "full.mp3" else (2,))
    assert probed.media.chapters == (
        Chapter(0.0, 1.0, "First # chapter"),
        Chapter(1.0, 2.0, "Second"),
    )


@pytest.mark.parametrize("version", VERSIONS)
def test_the_tags_of_ogg_are_those_of_its_stream(version: str) -> None:
    probed = described("full.opus", version)
    assert probed.tags_on_stream
    assert probed.media.tags == {
        "title": "Tïtle = with ; stuff",
        "artist": "Someone",
        "comment": "line one\nline two",
    }


@pytest.mark.parametrize("version", VERSIONS)
@pytest.mark.parametrize(
    ("name", "exact"),
    [("full.mp3", True), ("noxing.mp3", False), ("unk.wav", False), ("s24.wav", True)],
)
def test_an_estimated_duration_is_not_taken_for_exact(
    name: str, version: str, *, exact: bool
) -> None:
    assert parsed(name, version).duration_exact is exact


@pytest.mark.parametrize("version", VERSIONS)
def test_float_and_depth_are_told_apart(version: str) -> None:
    floating, deep = described("f32.wav", version), described("s24.wav", version)
    assert (floating.bits, floating.floating, floating.lossless) == (32, True, True)
    assert (deep.bits, deep.floating, deep.lossless) == (24, False, True)
    assert not described("full.mp3", version).lossless


@pytest.mark.parametrize("version", VERSIONS)
def test_a_video_without_sound_is_not_audio(version: str) -> None:
    with pytest.raises(NotAudio, match="no audio"):
        described("video-only.mp4", version)


@pytest.mark.parametrize("version", VERSIONS)
@pytest.mark.parametrize(
    ("name", "says"),
    [
        ("text.mp3", "not readable as audio"),
        ("trunc.m4a", "index is missing"),
        ("cover.png", "not accepted"),
    ],
)
def test_what_cannot_be_opened_is_not_audio_and_the_message_says_what_would_work(
    name: str, says: str, version: str
) -> None:
    text = text_of(name, version)
    assert parse_input(text) is None
    log = Log(PHRASES)
    for line in text.splitlines():
        log.add(line)
    failure = failure_of(1 if version == "ffmpeg5" else 183, log)
    assert isinstance(failure, NotAudio)
    assert says in failure.message
    assert "mp3, m4a, wav" in failure.message


def test_a_chapter_or_tag_cannot_pose_as_a_stream() -> None:
    text = """Input #0, mp3, from 'file:x':
  Metadata:
    title           : one
                    :   Stream #0:0: Audio: flac, 96000 Hz, stereo, s32
  Duration: 00:00:01.00, start: 0.000000, bitrate: 128 kb/s
  Stream #0:0: Audio: mp3 (mp3float), 44100 Hz, mono, fltp, 128 kb/s
Stream mapping:
  Stream #0:9: Audio: pcm_s16le, 8000 Hz, mono, s16
"""
    found = parse_input(text)
    assert found is not None
    assert [one.codec for one in found.audio] == ["mp3"]


def test_an_unknown_duration_and_a_missing_sample_format_are_none() -> None:
    text = "Input #0, aac, from 'x':\n  Duration: N/A, bitrate: N/A\n"
    found = parse_input(f"{text}  Stream #0:0: Audio: aac (LC), 44100 Hz, stereo, 64 kb/s\n")
    assert found is not None
    assert (found.duration, found.bitrate, found.duration_exact) == (None, None, False)
    assert (found.audio[0].layout, found.audio[0].sample_format) == ("stereo", None)
    assert found.audio[0].bitrate == 64_000


@pytest.mark.parametrize(
    ("line", "layout", "sample_format", "bits"),
    [
        ("opus, 48000 Hz, stereo, fltp (default)", "stereo", "fltp", None),
        ("opus, 48000 Hz, 5.1(side), fltp (default) (forced)", "5.1(side)", "fltp", None),
        ("flac, 48000 Hz, 7.1(wide), s32 (24 bit) (default)", "7.1(wide)", "s32", 24),
        (
            "pcm_s16be, 48000 Hz, 2 channels (FC+LFE), s16, 9 kb/s",
            "2 channels (FC+LFE)",
            "s16",
            None,
        ),
        ("mp3 (mp3float), 48000 Hz, mono, fltp, 128 kb/s, start 0.02", "mono", "fltp", None),
        ("mp3, 48000 Hz, mono, start 0.025", "mono", None, None),
        ("mp3, 48000 Hz, mono (default)", "mono", None, None),
    ],
)
def test_all_ways_to_write_an_audio_stream_are_understood(
    line: str, layout: str, sample_format: str | None, bits: int | None
) -> None:
    found = parse_input(f"Input #0, x, from 'x':\n  Stream #0:0[0x1](eng): Audio: {line}\n")
    assert found is not None
    stream = found.audio[0]
    assert (stream.sample_rate, stream.layout) == (48_000, layout)
    assert (stream.sample_format, stream.bits) == (sample_format, bits)


def test_an_audio_stream_without_parameters_cannot_be_decoded() -> None:
    text = "Input #0, mov,mp4, from 'x':\n  Stream #0:0: Audio: ac4, 0 channels, 1 kb/s\n"
    found = parse_input(text)
    assert found is not None
    with pytest.raises(NotAudio, match="ac4"):
        describe(found, {}, 1)


def test_escaped_tags_come_back_as_they_were() -> None:
    text = ";FFMETADATA1\ntitle=a \\= b \\; c \\# d \\\\\ncomment=one\\\ntwo\n"
    chapter = "[CHAPTER]\ntitle=not a tag\n"
    assert parse_global_tags(text + chapter) == {
        "title": "a = b ; c # d \\",
        "comment": "one\ntwo",
    }


def test_lines_are_bounded_whatever_comes() -> None:
    splitter, log = LineSplitter(), Log(["needle"])
    for line in splitter.feed(b"needle\n" + b"x" * 10**6 + b"\n" + b"\xff\xfe\r\n" * 1000):
        log.add(line)
    splitter.feed(b"y" * 10**6)
    splitter.feed(b"y" * 10**6)
    assert len(log.tail) == TAIL_LINES
    assert all(len(line) <= MAX_LINE for line in [*log.tail, *splitter.end()])
    assert log.seen == {"needle"}
