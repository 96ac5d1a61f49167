"""Commands are lists, and here they stand word by word."""

from pathlib import Path
from typing import Any

import pytest
from msgspec import structs

from wavemill_common.catalogue import FORMATS, find_format
from wavemill_common.media import MediaInfo
from wavemill_common.options import ConvertOptions
from wavemill_converter.ffmpeg.codecs import CODECS
from wavemill_converter.ffmpeg.commands import DEMUXERS, probe_command
from wavemill_converter.ffmpeg.places import Destination, Input, file_destination, file_input
from wavemill_converter.plan.plan import plan_conversion
from wavemill_converter.probe.source import Probed
from wavemill_converter.transcode.command import NO_EXTRAS, Extras, Leg, counters, transcode_command

STEREO = Probed(
    media=MediaInfo(duration=60.0),
    demuxer="wav",
    layout="stereo",
    channels=2,
    sample_rate=44_100,
    bits=16,
    floating=False,
    lossless=True,
    size=10_584_044,
)
DEEP = structs.replace(STEREO, bits=24, sample_rate=96_000, layout="5.1(side)", channels=6)
FLOAT = structs.replace(STEREO, bits=32, floating=True)
SONG = structs.replace(STEREO, lossless=False, bits=32, floating=True, covers=(1,), pictures=1)
MP3 = structs.replace(
    SONG,
    media=MediaInfo(codec="mp3", bitrate=128_000, duration=60.0),
    demuxer="mp3",
    duration_exact=True,
)
AAC = structs.replace(
    MP3, media=structs.replace(MP3.media, codec="aac"), demuxer="mov", covers=(), pictures=0
)
OGG = structs.replace(SONG, demuxer="ogg", covers=(), pictures=0, tags_on_stream=True)

PAIR = ("mp3", "flac")

BEGIN = (
    "ffmpeg -nostdin -hide_banner -nostats -loglevel level+verbose -progress pipe:1 "
    "-stats_period 0.5 "
    f"-abort_on empty_output -protocol_whitelist file -format_whitelist {DEMUXERS} "
    "-f wav -i file:/scratch/source -map 0:a:0"
)
TAGS = "-map_metadata 0 -map_chapters 0 -fflags +bitexact"
COVER = "-map 0:1 -c:v copy -disposition:v attached_pic"
DITHER = "aresample=osf=s32p:output_sample_bits=24:dither_method=triangular"
FLAC = "-c:a flac -frame_size 4096"
ID3 = "-id3v2_version 3"
END = "-y file:/scratch/result"

GOLDEN = {
    ("mp3", "standard"): f"-c:a libmp3lame -q:a 2 {TAGS} {ID3} -write_id3v1 1 -f mp3",
    ("mp3", "max"): f"-c:a libmp3lame -b:a 320000 {TAGS} {ID3} -write_id3v1 1 -f mp3",
    ("mp3", "voice"): "-af aformat=channel_layouts=mono -c:a libmp3lame -b:a 64000 "
    f"{TAGS} {ID3} -write_id3v1 1 -f mp3",
    ("m4a", "standard"): f"-c:a aac -b:a 160000 {TAGS} -movflags +faststart -f ipod",
    ("m4b", "small"): f"-c:a aac -b:a 96000 {TAGS} -movflags +faststart -f ipod",
    ("alac", "standard"): f"-sample_fmt s16p -c:a alac {TAGS} -movflags +faststart -f ipod",
    ("aac", "192k"): f"-c:a aac -b:a 192000 {TAGS} -f adts",
    ("opus", "standard"): f"-ar 48000 -c:a libopus -vbr on -b:a 96000 {TAGS} -f opus",
    ("webm", "high"): f"-ar 48000 -c:a libopus -vbr on -b:a 128000 {TAGS} -f webm",
    ("ogg", "q7"): f"-c:a libvorbis -q:a 7 {TAGS} -f ogg",
    ("flac", "max"): f"-sample_fmt s16 {FLAC} -compression_level 8 {TAGS} -f flac",
    ("mka", "standard"): f"-sample_fmt s16 {FLAC} {TAGS} -f matroska",
    ("wav", "standard"): f"-c:a pcm_s16le {TAGS} -rf64 auto -f wav",
    ("wav", "max"): f"-c:a pcm_f32le {TAGS} -rf64 auto -f wav",
    ("aiff", "standard"): f"-c:a pcm_s16be {TAGS} -write_id3v2 1 {ID3} -f aiff",
    ("aiff", "max"): f"-c:a pcm_f32be {TAGS} -write_id3v2 1 {ID3} -f aiff",
    ("wma", "standard"): f"-c:a wmav2 -b:a 160000 {TAGS} -f asf",
    ("wv", "standard"): f"-af asetnsamples=n=22050:p=0 -sample_fmt s16p -c:a wavpack {TAGS} -f wv",
    ("caf", "standard"): f"-sample_fmt s16p -c:a alac {TAGS} -f caf",
    ("tta", "standard"): f"-sample_fmt s16 -c:a tta {TAGS} -f tta",
    ("ac3", "standard"): f"-c:a ac3 -b:a 192000 {TAGS} -f ac3",
    ("mp2", "standard"): f"-c:a mp2 -b:a 192000 {TAGS} -f mp2",
    ("amr", "standard"): "-af aformat=channel_layouts=mono -ar 8000 -c:a libopencore_amrnb "
    f"-b:a 12200 {TAGS} -f amr",
}


def command(source: Probed, format_id: str, quality: str = "standard", **options: Any) -> list[str]:
    target = find_format(format_id)
    plan = plan_conversion(target, target.encoding(quality), ConvertOptions(**options), source)
    files = file_input(Path("/scratch/source")), file_destination(Path("/scratch/result"))
    return transcode_command("ffmpeg", files[0], [Leg(plan, files[1])])


@pytest.mark.parametrize(("format_id", "quality"), GOLDEN)
def test_a_stereo_wav_is_converted_by_exactly_this_command(format_id: str, quality: str) -> None:
    expected = f"{BEGIN} {GOLDEN[format_id, quality]} {END}"
    assert " ".join(command(STEREO, format_id, quality)) == expected


@pytest.mark.parametrize(
    ("source", "format_id", "expected"),
    [
        (MP3, "mp3", f"{COVER} -c:a copy {TAGS} {ID3} -write_id3v1 1 -f mp3"),
        (AAC, "m4a", f"-c:a copy -movie_timescale 44100 {TAGS} -movflags +faststart -f ipod"),
    ],
)
def test_what_is_right_already_is_copied_by_exactly_this_command(
    source: Probed, format_id: str, expected: str
) -> None:
    begin = BEGIN.replace("-f wav", f"-f {source.demuxer}")
    assert " ".join(command(source, format_id)) == f"{begin} {expected} {END}"


def test_what_a_copy_must_decode_to_is_what_the_whole_source_decodes_to() -> None:
    digest = file_destination(Path("/scratch/digest"))
    copied, encoded = (structs.replace(leg(one, NO_EXTRAS, MP3), digest=digest) for one in PAIR)
    words = transcode_command("ffmpeg", file_input(Path("/scratch/source")), [copied, encoded])
    *_, of_copy, of_flac = " ".join(words).split(" -map 0:a:0 ")
    assert of_copy.startswith("-c:a pcm_f32le -f md5 ")
    assert of_flac.startswith("-c:a pcm_s16le -f md5 ")


def test_the_samples_of_a_copy_are_counted_by_its_digest() -> None:
    digest = file_destination(Path("/scratch/digest"))
    copied, encoded = (leg(one, NO_EXTRAS, MP3) for one in PAIR)
    digested = structs.replace(copied, digest=digest)
    assert list(counters([encoded, encoded])) == [0, 1]
    assert list(counters([digested, encoded])) == [2, 1]
    lossless = structs.replace(encoded, digest=digest)
    assert list(counters([lossless, digested, digested])) == [0, 4, 5]


def our(demuxer: str, fd: int) -> Input:
    return Input(f"file:/proc/self/fd/{fd}", "file", ("-f", demuxer), pass_fds=(fd,))


def leg(format_id: str, extras: Extras, source: Probed = OGG) -> Leg:
    target = find_format(format_id)
    options = ConvertOptions(metadata={"title": "; rm -rf /"}, cover="conversions/j/cover-0.png")
    plan = plan_conversion(target, target.encoding("standard"), options, source)
    return Leg(plan, file_destination(Path(f"/scratch/{format_id}")), extras=extras)


def test_each_result_takes_tags_and_picture_from_its_own_inputs() -> None:
    legs = [
        leg("mp3", Extras(our("ffmetadata", 5), our("png_pipe", 6))),
        leg(
            "mka", Extras(our("ffmetadata", 7), attachment=our("", 8), attachment_mime="image/png")
        ),
        leg("opus", Extras(our("ffmetadata", 9))),
    ]
    words = transcode_command("ffmpeg", file_input(Path("/scratch/source")), legs)
    text = " ".join(words)
    assert [words[at + 1] for at, word in enumerate(words) if word == "-i"] == [
        "file:/scratch/source",
        *(f"file:/proc/self/fd/{fd}" for fd in (5, 6, 7, 9)),
    ]
    mp3, mka, opus = text.split(" -map 0:a:0 ")[1:]
    assert mp3.startswith("-map 2:v:0 -c:v copy -disposition:v attached_pic -metadata:s:v ")
    assert "-map_metadata 1 -map_chapters 1 -map_metadata:s:a -1 " in mp3
    assert mka.startswith("-attach file:/proc/self/fd/8 -metadata:s:t mimetype=image/png ")
    assert "-map_metadata 3 -map_chapters 3 " in mka
    assert "-map_metadata 4 -map_chapters 4 " in opus
    assert "rm -rf" not in text


def test_every_format_of_the_catalogue_has_a_codec_and_a_golden_command() -> None:
    assert set(CODECS) == set(FORMATS) == {format_id for format_id, _ in GOLDEN}


@pytest.mark.parametrize(
    ("source", "format_id", "expected"),
    [
        (SONG, "mp3", f"{COVER} -c:a libmp3lame"),
        (SONG, "flac", f"{COVER} -sample_fmt s16 -c:a flac"),
        (OGG, "mp3", "-map_metadata 0 -map_metadata:g 0:s:a:0 -map_chapters 0"),
        (DEEP, "flac", "-sample_fmt s32 -c:a flac"),
        (DEEP, "wav", "-c:a pcm_s24le"),
        (DEEP, "aiff", "-c:a pcm_s24be"),
        (DEEP, "wv", "-sample_fmt s32p -bits_per_raw_sample 24 -c:a wavpack"),
        (DEEP, "alac", "-af aformat=channel_layouts=5.1 -sample_fmt s32p -c:a alac"),
        (DEEP, "opus", "-af aformat=channel_layouts=5.1 -ar 48000 -c:a libopus"),
        (DEEP, "mp3", "-af aformat=channel_layouts=stereo -ar 48000 -c:a libmp3lame"),
        (FLOAT, "wav", "-c:a pcm_f32le"),
        (FLOAT, "wv", "-sample_fmt fltp -c:a wavpack"),
        (
            FLOAT,
            "alac",
            f"-af {DITHER} -sample_fmt s32p -c:a alac",
        ),
    ],
)
def test_what_a_source_is_shows_in_the_command(
    source: Probed, format_id: str, expected: str
) -> None:
    assert f" {expected} " in " ".join(command(source, format_id))


def test_a_cover_is_not_even_mapped_where_the_format_keeps_none() -> None:
    assert "-c:v" not in command(SONG, "wav")


def test_rate_and_channels_that_the_caller_asks_for_are_in_the_command() -> None:
    words = " ".join(command(STEREO, "flac", sample_rate=22_050, channels=1))
    assert "-af aformat=channel_layouts=mono -ar 22050 " in words


def test_a_destination_that_cannot_be_rewritten_gets_no_faststart() -> None:
    target = find_format("m4a")
    plan = plan_conversion(target, target.encoding("standard"), ConvertOptions(), STEREO)
    source = Input("http://127.0.0.1:9/t", "http,tcp", ("-multiple_requests", "1"))
    words = transcode_command("ffmpeg", source, [Leg(plan, Destination(("-fd", "5", "fd:")))])
    assert "+faststart" not in words
    assert words[-3:] == ["-fd", "5", "fd:"]
    opening = ["-multiple_requests", "1", "-f", "wav", "-i", source.url]
    assert words[words.index("-i") - 4 :][:6] == opening


def test_no_path_can_be_an_option_or_another_protocol() -> None:
    words = probe_command("ffmpeg", file_input(Path("-i http:evil|concat:x")))
    assert words[words.index("-i") + 1] == f"file:{Path.cwd()}/-i http:evil|concat:x"
    assert words.count("-i") == 1


def test_a_probe_opens_only_files_that_are_no_playlists() -> None:
    words = probe_command("ffmpeg", file_input(Path("/scratch/source")))
    assert words[words.index("-protocol_whitelist") + 1] == "file"
    opened = words[words.index("-format_whitelist") + 1].split(",")
    assert not {"hls", "concat", "dash", "sdp", "rtsp", "image2", "lavfi"} & set(opened)
