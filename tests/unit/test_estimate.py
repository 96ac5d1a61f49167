"""An estimate tells the size that is typical, and the losses that can be foreseen."""

from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st
from msgspec import structs

from wavemill_common.catalogue import FORMATS
from wavemill_common.errors import InvalidOption
from wavemill_common.estimate import ENCODERS, Estimate, estimate
from wavemill_common.media import Chapter, Cover, MediaInfo
from wavemill_common.options import ConvertOptions, Wanted, previewed
from wavemill_converter.ffmpeg.codecs import CODECS

SIZE = 17_640_044  # bytes
CD = MediaInfo(
    container="wav", duration=100.0, sample_rate=44_100, channels=2, bit_depth=16, bitrate=1_411_200
)
MASTER = structs.replace(CD, sample_rate=96_000, bit_depth=24, channels=6)
SONG = MediaInfo(
    container="mp3", codec="mp3", duration=100.0, sample_rate=44_100, channels=2, bitrate=128_000
)


def expect(
    format_id: str, quality: str = "standard", media: MediaInfo = CD, **options: Any
) -> Estimate:
    wanted = Wanted(format=format_id, quality=quality, options=ConvertOptions(**options))
    return estimate(media, SIZE, wanted)


def warnings(found: Estimate) -> dict[str, str]:
    return {one.code: one.message for one in found.warnings}


@pytest.mark.parametrize(
    ("format_id", "quality", "size"),
    [
        ("mp3", "max", 4_000_000),
        ("mp3", "voice", 800_000),
        ("mp3", "V0", 3_062_500),
        ("mp3", "V2", 2_375_000),
        ("mp3", "V4", 2_062_500),
        ("mp3", "V6", 1_437_500),
        ("ogg", "q5", 2_000_000),
        ("ogg", "voice", 500_000),
        ("m4a", "standard", 2_000_000),
        ("opus", "high", 1_600_000),
        ("amr", "standard", 152_500),
        ("wav", "standard", 17_640_000),
        ("wav", "max", 35_280_000),
        ("aiff", "standard", 17_640_000),
        ("flac", "standard", 10_584_000),
        ("wv", "standard", 10_584_000),
    ],
)
def test_a_size_is_the_typical_one_of_its_quality(format_id: str, quality: str, size: int) -> None:
    assert expect(format_id, quality).size == size


def test_mono_takes_half_of_what_stereo_does_where_the_bitrate_varies() -> None:
    assert expect("mp3", "V2", channels=1).size == 1_187_500
    assert expect("mp3", "192k", channels=1).size == 2_400_000


def test_a_bitrate_that_the_encoder_does_not_do_is_adjusted_and_remarked_on() -> None:
    found = expect("mp3", "max", structs.replace(CD, sample_rate=22_050))
    assert found.size == 2_000_000
    assert list(warnings(found)) == ["bitrate_adjusted"]


def test_what_will_be_copied_stays_as_large_as_it_is_and_needs_no_warning() -> None:
    song = structs.replace(SONG, container="mp4", codec="aac")
    assert expect("m4a", media=song) == Estimate(size=1_600_000, duration=100.0)
    assert expect("mp3", media=SONG).size == 1_600_000
    assert expect("m4a", media=structs.replace(song, bitrate=256_000)).size == 2_000_000
    assert list(warnings(expect("m4a", "max", song))) == ["upscaled_bitrate"]
    assert expect("mp3", media=SONG, channels=1).size == 1_187_500
    assert expect("mp3", "V0", SONG).size == 3_062_500


def test_what_is_left_after_a_trim_counts() -> None:
    assert expect("wav", trim_start=10, trim_end=20).size == 1_764_000
    assert expect("wav", trim_start=90, trim_end=200).duration == 10
    preview = previewed(ConvertOptions())
    found = estimate(CD, SIZE, Wanted(format="wav", options=preview))
    assert (found.size, found.duration) == (2_646_000, 15)


def test_the_parts_of_a_split_result_are_as_large_together() -> None:
    assert expect("wav", split="chapters").size == expect("wav").size


def test_rate_channels_and_depth_count_as_asked() -> None:
    assert expect("wav", sample_rate=22_050, channels=1, bit_depth=24).size == 6_615_000
    assert expect("wav", media=MASTER).size == 172_800_000
    assert expect("flac", media=MASTER, bit_depth=16, channels=2, sample_rate=48_000).size == (
        11_520_000
    )


def test_a_lossless_source_tells_how_well_its_sound_compresses() -> None:
    flac = structs.replace(CD, codec="flac", container="flac", bitrate=705_600)
    assert expect("alac", media=flac).size == 8_820_000
    unsaid = structs.replace(flac, bitrate=None)
    assert expect("alac", media=unsaid).size == pytest.approx(SIZE, rel=0.001)


def test_mono_is_taken_for_speech_which_compresses_better() -> None:
    assert expect("flac", media=structs.replace(CD, channels=1)).size == 4_410_000


def test_a_cover_adds_its_bytes_where_it_is_kept() -> None:
    song = structs.replace(SONG, cover=Cover("image/jpeg", size=50_000))
    assert expect("mp3", "max", song).size == 4_050_000
    assert expect("mp3", "max", song, cover="remove").size == 4_000_000
    assert expect("mp3", "max", song, cover="data:image/png;base64," + "A" * 4000).size == 4_003_000


def test_without_a_duration_there_is_no_size() -> None:
    assert expect("mp3", media=MediaInfo()) == Estimate(size=None, duration=None)
    assert expect("wav", media=structs.replace(CD, duration=None), trim_end=5).size is None


def test_a_trim_that_leaves_nothing_is_refused_as_the_conversion_would_be() -> None:
    with pytest.raises(InvalidOption, match=r"lasts only 100\.00 seconds"):
        expect("mp3", trim_start=100)


def test_what_a_format_keeps_is_not_warned_of() -> None:
    assert expect("flac").warnings == ()
    assert expect("mp3").warnings == ()
    assert expect("wav", "max").warnings == ()


def test_bits_that_only_fill_space_are_warned_of() -> None:
    assert warnings(expect("mp3", "max", SONG)) == {
        "upscaled_bitrate": "the source has 128k; 320k makes the file larger, not better"
    }
    assert expect("mp3", "128k", SONG).warnings == ()
    assert expect("mp3", "V0", SONG).warnings == ()


def test_losses_of_the_sound_are_warned_of_in_the_words_of_the_converter() -> None:
    assert warnings(expect("mp3", media=MASTER)) == {
        "resampled": "the sample rate was changed from 96000 Hz to 48000 Hz",
        "channels_mixed": "6 channels were mixed to 2 (stereo)",
    }
    deep = structs.replace(CD, bit_depth=32)
    assert warnings(expect("flac", media=deep)) == {
        "bit_depth_reduced": "32-bit samples were reduced to 24 bits, with dither"
    }


def test_what_the_caller_asked_for_is_not_warned_of() -> None:
    assert expect("mp3", media=MASTER, sample_rate=44_100, channels=1).warnings == ()
    assert expect("flac", media=MASTER, bit_depth=16).warnings == ()


def test_tags_cover_and_chapters_without_a_place_are_warned_of() -> None:
    song = structs.replace(
        CD,
        tags={"title": "T", "tracknumber": "1", "encoder": "x"},
        cover=Cover("image/jpeg"),
        chapters=(Chapter(0, 50, "One"), Chapter(50, 100, "Two")),
    )
    assert warnings(expect("aac", media=song)) == {
        "tag_dropped": "2 tags were dropped (title, track): AAC (ADTS) has no room for tags",
        "cover_dropped": "the cover was dropped: AAC (ADTS) keeps no covers",
        "chapters_dropped": "2 chapters were dropped: AAC (ADTS) keeps no chapters",
    }
    bare = expect("aac", media=song, strip_metadata=True, cover="remove", chapters="remove")
    assert bare.warnings == ()
    assert "chapters_dropped" not in warnings(expect("aac", media=song, split="chapters"))
    assert expect("flac", media=song).warnings == ()


def test_an_opus_file_has_48_khz_though_it_does_not_say_so() -> None:
    opus = MediaInfo(container="ogg", codec="opus", duration=100.0, channels=2)
    assert expect("wav", media=opus).size == 19_200_000
    assert expect("wav", media=opus).warnings == ()


def test_the_encoders_are_those_of_the_converter() -> None:
    assert {one: CODECS[one].encoder for one in ENCODERS} == ENCODERS


@given(
    format_id=st.sampled_from(sorted(FORMATS)),
    media=st.builds(
        MediaInfo,
        container=st.sampled_from([None, "wav", "flac", "mp3"]),
        codec=st.sampled_from([None, "flac", "mp3", "opus"]),
        duration=st.none() | st.floats(0.001, 1e6),
        sample_rate=st.none() | st.integers(1, 400_000),
        channels=st.none() | st.integers(1, 64),
        bit_depth=st.none() | st.integers(1, 64),
        bitrate=st.none() | st.integers(1, 10**8),
    ),
    size=st.integers(0, 10**12),
    data=st.data(),
)
def test_whatever_a_file_claims_there_is_an_estimate(
    format_id: str, media: MediaInfo, size: int, data: st.DataObject
) -> None:
    quality = data.draw(st.sampled_from(sorted(FORMATS[format_id].presets)))
    found = estimate(media, size, Wanted(format=format_id, quality=quality))
    assert (found.size is None) == (media.duration is None)
    assert found.size is None or found.size >= 0
