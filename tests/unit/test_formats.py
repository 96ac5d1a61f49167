"""What a caller may ask of a format, and how a refusal helps."""

import pytest

from wavemill_common.catalogue import FORMATS, find_format
from wavemill_common.errors import InvalidFormat, InvalidOption, InvalidQuality
from wavemill_common.formats import Encoding, Format
from wavemill_common.options import ConvertOptions, check_options


@pytest.mark.parametrize("target", FORMATS.values(), ids=list(FORMATS))
def test_every_format_has_a_standard_preset(target: Format) -> None:
    assert "standard" in target.presets
    assert target.encoding("standard") == target.presets["standard"]


@pytest.mark.parametrize("target", FORMATS.values(), ids=list(FORMATS))
def test_every_preset_is_within_the_formats_own_ranges(target: Format) -> None:
    for encoding in target.presets.values():
        if encoding.bitrate and target.bitrates:
            assert target.bitrates.low <= encoding.bitrate <= target.bitrates.high
        if encoding.vbr is not None:
            assert target.vbr is not None
            assert target.vbr.low <= encoding.vbr <= target.vbr.high
        assert (encoding.channels or 1) <= target.max_channels


@pytest.mark.parametrize(
    ("format_id", "quality", "encoding"),
    [
        ("mp3", "V2", Encoding(vbr=2)),
        ("mp3", "192k", Encoding(bitrate=192_000)),
        ("ogg", "q10", Encoding(vbr=10)),
        ("opus", "6k", Encoding(bitrate=6_000)),
        ("wav", "max", Encoding(depth=32)),
    ],
)
def test_a_quality_is_a_preset_a_bitrate_or_a_level(
    format_id: str, quality: str, encoding: Encoding
) -> None:
    assert find_format(format_id).encoding(quality) == encoding


@pytest.mark.parametrize(
    ("format_id", "quality"),
    [
        ("mp3", "-1"),
        ("mp3", "1e9"),
        ("mp3", "V10"),
        ("mp3", "v2"),
        ("mp3", "321k"),
        ("mp3", "0192k"),
        ("mp3", "192k -f null"),
        ("mp3", "192K"),
        ("mp3", ""),
        ("mp3", "\uff11\uff19\uff12k"),
        ("ogg", "192k"),
        ("flac", "V0"),
        ("amr", "4k"),
    ],
)
def test_an_unknown_quality_is_refused_with_those_that_work(format_id: str, quality: str) -> None:
    with pytest.raises(InvalidQuality) as caught:
        find_format(format_id).encoding(quality)
    assert "standard" in caught.value.message


def test_an_unknown_format_is_refused_with_those_there_are() -> None:
    with pytest.raises(InvalidFormat) as caught:
        find_format("mp3 -f null")
    assert caught.value.members["supportedFormats"] == list(FORMATS)


@pytest.mark.parametrize(
    ("format_id", "options", "hint"),
    [
        ("mp3", ConvertOptions(sample_rate=96_000), "48000"),
        ("mp3", ConvertOptions(channels=3), "1 to 2"),
        ("flac", ConvertOptions(sample_rate=1), "8000"),
        ("flac", ConvertOptions(channels=0), "1 to 8"),
        ("aac", ConvertOptions(channels=9), "1 to 8"),
    ],
)
def test_an_option_that_the_format_cannot_do_is_refused_with_those_that_work(
    format_id: str, options: ConvertOptions, hint: str
) -> None:
    with pytest.raises(InvalidOption) as caught:
        check_options(find_format(format_id), options)
    assert hint in caught.value.message


def test_options_within_the_format_pass() -> None:
    check_options(find_format("opus"), ConvertOptions(sample_rate=48_000, channels=8))
