"""A plan keeps what it can and remarks on what it cannot."""

from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st
from msgspec import structs

from wavemill_common.bitrates import fit_bitrate
from wavemill_common.catalogue import FORMATS, find_format
from wavemill_common.media import Chapter, MediaInfo
from wavemill_common.options import ConvertOptions
from wavemill_converter.plan.plan import ConversionPlan, plan_conversion
from wavemill_converter.probe.layouts import are_alike, channels_of
from wavemill_converter.probe.source import Probed

SOURCE = Probed(
    media=MediaInfo(duration=100.0),
    demuxer="wav",
    layout="stereo",
    channels=2,
    sample_rate=44_100,
    bits=16,
    floating=False,
    lossless=True,
    size=17_640_044,
)
SONG = structs.replace(SOURCE, lossless=False, bits=32, floating=True)
MP3 = structs.replace(
    SONG,
    media=MediaInfo(codec="mp3", bitrate=128_000, duration=100.0),
    demuxer="mp3",
    duration_exact=True,
    size=1_600_000,
)


def plan(
    format_id: str, quality: str = "standard", source: Probed = SOURCE, **options: Any
) -> ConversionPlan:
    target = find_format(format_id)
    return plan_conversion(target, target.encoding(quality), ConvertOptions(**options), source)


def codes(planned: ConversionPlan) -> list[str]:
    return [remark.code for remark in planned.remarks]


@pytest.mark.parametrize(
    ("format_id", "source", "rate"),
    [
        ("mp3", 96_000, 48_000),
        ("mp3", 88_200, 44_100),
        ("mp3", 352_800, 44_100),
        ("mp3", 37_800, 44_100),
        ("mp3", 4_000, 8_000),
        ("opus", 44_100, 48_000),
        ("opus", 22_050, 24_000),
        ("opus", 192_000, 48_000),
        ("ac3", 8_000, 32_000),
        ("m4a", 192_000, 96_000),
        ("amr", 44_100, 8_000),
        ("ogg", 384_000, 192_000),
        ("flac", 384_000, 384_000),
        ("flac", 37_800, 37_800),
    ],
)
def test_a_rate_that_the_format_lacks_becomes_the_nearest_sensible_one(
    format_id: str, source: int, rate: int
) -> None:
    planned = plan(format_id, source=structs.replace(SOURCE, sample_rate=source))
    assert planned.sample_rate == rate
    assert ("resampled" in codes(planned)) == (rate != source) == planned.resample


def test_what_the_caller_asked_for_is_no_news() -> None:
    assert codes(plan("mp3", sample_rate=22_050, channels=1)) == []


def test_channels_beyond_the_format_are_mixed_and_that_is_said() -> None:
    surround = structs.replace(SOURCE, layout="7.1", channels=8)
    planned = plan("mp3", source=surround)
    assert (planned.layout, codes(planned)) == ("stereo", ["channels_mixed"])
    assert plan("ac3", source=surround).layout == "5.1(side)"
    assert codes(plan("flac", source=surround)) == []


def test_speakers_that_only_stand_elsewhere_are_no_mix() -> None:
    side = structs.replace(SOURCE, layout="5.1(side)", channels=6)
    planned = plan("opus", source=side)
    assert (planned.layout, planned.mix, codes(planned)) == ("5.1", True, ["resampled"])


def test_a_voice_preset_makes_mono_but_never_more_channels_than_there_are() -> None:
    assert plan("mp3", "voice").channels == 1
    mono = structs.replace(SOURCE, layout="mono", channels=1)
    assert plan("mp3", "voice", mono).mix is False


@pytest.mark.parametrize("format_id", ["wav", "aiff", "caf", "flac", "alac", "wv", "mka", "tta"])
def test_a_lossy_source_is_worth_16_bits(format_id: str) -> None:
    depth = plan(format_id, source=SONG).depth
    assert depth is not None
    assert (depth.bits, depth.floating) == (16, False)


@pytest.mark.parametrize("format_id", ["wav", "aiff", "caf", "flac", "alac", "wv", "mka", "tta"])
def test_a_24_bit_source_keeps_its_depth(format_id: str) -> None:
    planned = plan(format_id, source=structs.replace(SOURCE, bits=24))
    assert planned.depth is not None
    assert (planned.depth.bits, planned.dither, codes(planned)) == (24, False, [])


@pytest.mark.parametrize("format_id", ["caf", "flac", "alac", "mka", "tta"])
def test_float_becomes_24_bits_with_dither_where_the_codec_has_no_float(format_id: str) -> None:
    planned = plan(format_id, source=structs.replace(SOURCE, bits=32, floating=True))
    assert planned.depth is not None
    assert planned.depth.bits == 24
    assert planned.dither
    assert codes(planned) == ["bit_depth_reduced"]


@pytest.mark.parametrize("format_id", ["wav", "aiff", "wv"])
def test_float_stays_float_where_the_codec_has_it(format_id: str) -> None:
    planned = plan(format_id, source=structs.replace(SOURCE, bits=32, floating=True))
    assert planned.depth is not None
    assert (planned.depth.floating, codes(planned)) == (True, [])


def test_cover_and_chapters_that_do_not_arrive_are_remarked_on() -> None:
    media = structs.replace(SOURCE.media, chapters=(Chapter(0, 50), Chapter(50, 100)))
    full = structs.replace(SOURCE, media=media, covers=(1,), pictures=1)
    assert codes(plan("mp3", source=full)) == []
    assert codes(plan("wv", source=full)) == ["cover_dropped", "chapters_dropped"]
    assert codes(plan("webm", source=full)) == ["resampled", "cover_dropped"]
    assert codes(plan("wav", source=full)) == ["cover_dropped", "chapters_dropped"]
    strange = structs.replace(full, covers=())  # a picture that no muxer takes
    assert codes(plan("mp3", source=strange)) == ["cover_dropped"]


@pytest.mark.parametrize(
    ("encoder", "asked", "rate", "channels", "given"),
    [
        ("libopus", 510_000, 48_000, 1, 256_000),
        ("libopus", 510_000, 48_000, 2, 510_000),
        ("aac", 512_000, 44_100, 1, 264_600),
        ("mp2", 384_000, 22_050, 2, 160_000),
        ("mp2", 100_000, 44_100, 2, 96_000),
        ("mp2", 384_000, 44_100, 1, 192_000),
        ("libmp3lame", 320_000, 24_000, 2, 160_000),
        ("libmp3lame", 320_000, 8_000, 2, 64_000),
        ("libmp3lame", 77_000, 44_100, 2, 80_000),
        ("ac3", 65_000, 48_000, 2, 64_000),
        ("wmav2", 77_000, 44_100, 2, 77_000),
    ],
)
def test_a_bitrate_is_one_that_the_encoder_does(
    encoder: str, asked: int, rate: int, channels: int, given: int
) -> None:
    assert fit_bitrate(encoder, asked, rate, channels) == given


def test_another_bitrate_than_the_asked_one_is_remarked_on() -> None:
    planned = plan("mp3", "77k")
    assert planned.bitrate == 80_000
    assert codes(planned) == ["bitrate_adjusted"]
    assert "77k" in planned.remarks[0].message


def test_the_expected_size_is_an_upper_estimate() -> None:
    assert 17_640_000 < (plan("wav").expected_size or 0) < 18_500_000
    assert 4_000_000 < (plan("mp3", "max").expected_size or 0) < 4_200_000
    assert plan("wav", source=structs.replace(SOURCE, media=MediaInfo())).expected_size is None


def test_an_mp3_is_copied_where_the_standard_is_asked_of_one_that_is_no_larger() -> None:
    large = structs.replace(MP3, media=structs.replace(MP3.media, bitrate=320_000))
    assert plan("mp3", source=MP3).copied
    assert not plan("mp3", "320k", MP3).copied
    assert not plan("mp3", source=large).copied
    assert not plan("m4a", source=MP3).copied
    assert not plan("mp3", source=MP3, channels=1).copied


def test_a_copy_has_the_samples_of_its_source_and_nothing_to_remark_on() -> None:
    planned = plan("mp3", source=MP3)
    assert planned.keeps_samples
    assert (planned.pcm, planned.bitrate, codes(planned)) == ("pcm_f32le", None, [])
    media = MediaInfo(codec="flac", duration=100.0)
    odd = structs.replace(SOURCE, media=media, demuxer="flac", bits=24, layout="4.0", channels=4)
    planned = plan("mka", source=odd)
    assert (planned.copied, planned.layout, planned.mix) == (True, "4.0", False)
    assert (planned.pcm, codes(planned)) == ("pcm_s32le", [])


def test_a_copy_is_expected_to_be_as_large_as_its_source() -> None:
    assert 1_600_000 < (plan("mp3", source=MP3).expected_size or 0) < 1_700_000


def test_nothing_is_copied_that_may_not_be() -> None:
    target, options = find_format("mp3"), ConvertOptions()
    encoding = target.encoding("standard")
    anew = plan_conversion(target, encoding, options, MP3, may_copy=False)
    assert not anew.copied
    assert anew.encoder == "libmp3lame"


@given(
    format_id=st.sampled_from(sorted(FORMATS)),
    layout=st.sampled_from(
        ["mono", "stereo", "2.1", "3.0", "quad", "4.0", "5.0", "5.1(side)", "6.1", "7.1", "cube"]
    ),
    rate=st.integers(1, 384_000),
    bits=st.sampled_from([8, 16, 20, 24, 32]),
    floating=st.booleans(),
    lossless=st.booleans(),
    data=st.data(),
)
def test_a_plan_stays_within_what_its_format_can_do(
    format_id: str,
    layout: str,
    rate: int,
    bits: int,
    floating: bool,  # noqa: FBT001 - drawn by name
    lossless: bool,  # noqa: FBT001
    data: st.DataObject,
) -> None:
    target = FORMATS[format_id]
    quality = data.draw(st.sampled_from(sorted(target.presets)))
    source = structs.replace(
        SOURCE,
        layout=layout,
        channels=channels_of(layout),
        sample_rate=rate,
        bits=bits,
        floating=floating,
        lossless=lossless,
    )
    planned = plan(format_id, quality, source)
    assert 1 <= planned.channels <= target.max_channels
    if target.sample_rates:
        assert planned.sample_rate in target.sample_rates
    assert planned.sample_rate <= target.max_sample_rate
    assert (planned.bitrate is None) == (planned.encoding.bitrate is None)
    assert planned.mix == (planned.layout != layout)
    if planned.mix and not are_alike(planned.layout, layout):
        assert "channels_mixed" in codes(planned)


@pytest.mark.parametrize(
    ("layout", "channels"),
    [
        ("mono", 1),
        ("2 channels (FC+LFE)", 2),
        ("9 channels", 9),
        ("7.1(wide)", 8),
        ("5.1.2", 8),
        ("22.2", 24),
        ("quad(side)", 4),
        ("ambisonic 1", 4),
        ("nonsense", 0),
    ],
)
def test_a_layout_name_tells_its_channels(layout: str, channels: int) -> None:
    assert channels_of(layout) == channels
