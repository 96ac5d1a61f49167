"""Packets are copied only where nothing at all is lost and nothing else was asked."""

import pytest
from msgspec import structs

from wavemill_common.catalogue import FORMATS
from wavemill_common.copies import EXACT
from wavemill_common.media import MediaInfo
from wavemill_common.options import ConvertOptions, Loudness
from wavemill_converter.plan.remux import can_copy, copy_words
from wavemill_converter.probe.source import Probed

AAC = Probed(
    media=MediaInfo(codec="aac", bitrate=128_000, duration=60.0),
    demuxer="mov",
    layout="stereo",
    channels=2,
    sample_rate=44_100,
    bits=32,
    floating=True,
    lossless=False,
    size=1_000_000,
    duration_exact=True,
)
MP3 = structs.replace(AAC, media=MediaInfo(codec="mp3", bitrate=128_000), demuxer="mp3")
FLAC = structs.replace(
    AAC, media=MediaInfo(codec="flac", bitrate=900_000), demuxer="flac", lossless=True, bits=24
)


def copies(
    source: Probed, target: str, quality: str = "standard", options: ConvertOptions | None = None
) -> bool:
    kind = FORMATS[target]
    return can_copy(kind, kind.encoding(quality), options or ConvertOptions(), source)


@pytest.mark.parametrize(
    ("source", "target", "copied"),
    [
        (AAC, "m4a", True),
        (AAC, "m4b", True),
        (AAC, "aac", False),
        (AAC, "mp3", False),
        (structs.replace(AAC, demuxer="matroska"), "m4a", False),
        (structs.replace(AAC, demuxer="aac"), "aac", True),
        (MP3, "mp3", True),
        (FLAC, "mka", True),
        (FLAC, "flac", False),
        (FLAC, "alac", False),
    ],
)
def test_only_the_same_codec_in_a_container_that_keeps_it_exact(
    source: Probed, target: str, *, copied: bool
) -> None:
    assert copies(source, target) is copied


@pytest.mark.parametrize("quality", ["max", "high", "192k", "voice"])
def test_a_quality_of_ones_own_choice_is_encoded(quality: str) -> None:
    assert not copies(AAC, "m4a", quality)


@pytest.mark.parametrize(
    "options",
    [
        ConvertOptions(sample_rate=48_000),
        ConvertOptions(channels=1),
        ConvertOptions(bit_depth=16),
        ConvertOptions(trim_start=1.0),
        ConvertOptions(trim_end=1.0),
        ConvertOptions(fade_in=1.0),
        ConvertOptions(fade_out=1.0),
        ConvertOptions(loudness=Loudness()),
        ConvertOptions(split="chapters"),
    ],
)
def test_what_touches_samples_is_encoded(options: ConvertOptions) -> None:
    assert not copies(FLAC, "mka", options=options)


@pytest.mark.parametrize(
    "options",
    [
        ConvertOptions(metadata={"title": "x"}, strip_metadata=True),
        ConvertOptions(cover="remove", chapters="remove"),
        ConvertOptions(sample_rate=44_100, channels=2, bit_depth=24),
    ],
)
def test_what_touches_none_is_copied(options: ConvertOptions) -> None:
    assert copies(FLAC, "mka", options=options)


@pytest.mark.parametrize(
    ("bitrate", "copied"), [(96_000, True), (165_000, True), (256_000, False), (None, False)]
)
def test_a_lossy_source_is_copied_if_it_is_as_small_as_standard(
    bitrate: int | None, *, copied: bool
) -> None:
    media = structs.replace(AAC.media, bitrate=bitrate)
    assert copies(structs.replace(AAC, media=media), "m4a") is copied


def test_vbr_is_compared_by_channel() -> None:
    assert copies(MP3, "mp3")
    assert not copies(structs.replace(MP3, channels=1, layout="mono"), "mp3")


def test_mp3_without_a_header_that_tells_its_delay_is_encoded() -> None:
    assert not copies(structs.replace(MP3, duration_exact=False), "mp3")


def test_sound_that_begins_late_is_encoded() -> None:
    assert copies(structs.replace(AAC, start=0.023), "m4a")
    assert not copies(structs.replace(AAC, start=1.5), "m4a")


def test_every_target_is_in_the_catalogue() -> None:
    assert {target for targets in EXACT.values() for target in targets} <= set(FORMATS)


def test_mp4_ends_at_the_sample_and_not_at_the_millisecond() -> None:
    assert copy_words("ipod", 44_100) == ("-c:a", "copy", "-movie_timescale", "44100")
    assert copy_words("ogg", 44_100) == ("-c:a", "copy")
