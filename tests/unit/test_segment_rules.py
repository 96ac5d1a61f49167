"""What may be made in segments, where it is cut, and on whose slots."""

from fractions import Fraction
from itertools import pairwise
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st
from msgspec import structs

from wavemill_common.catalogue import find_format
from wavemill_common.media import MediaInfo
from wavemill_common.options import ConvertOptions
from wavemill_converter.convert.segments.digest import Digest, parse_digest
from wavemill_converter.convert.segments.rules import BLOCK, can_segment, cuts_of, obstacles
from wavemill_converter.lending import Lending
from wavemill_converter.plan.plan import plan_conversion
from wavemill_converter.probe.source import Probed

HOUR = 3600.0
SOURCE = Probed(
    media=MediaInfo(codec="pcm_s24le", duration=HOUR),
    demuxer="wav",
    layout="stereo",
    channels=2,
    sample_rate=48_000,
    bits=24,
    floating=False,
    lossless=True,
    size=1_036_800_044,
    duration_exact=True,
)


def reasons(source: Probed = SOURCE, target: str = "flac", **options: Any) -> str:
    """What keeps a conversion from being cut."""
    wanted = find_format(target)
    planned = plan_conversion(
        wanted, wanted.encoding("standard"), ConvertOptions(**options), source
    )
    found = obstacles(planned, source)
    assert can_segment(planned, source) == (not found)
    return "; ".join(found)


def of_media(**changed: Any) -> Probed:
    return structs.replace(SOURCE, media=structs.replace(SOURCE.media, **changed))


@pytest.mark.parametrize("demuxer", ["wav", "w64", "aiff", "caf", "au"])
def test_an_hour_of_plain_sound_may_be_made_in_segments(demuxer: str) -> None:
    assert reasons(structs.replace(SOURCE, demuxer=demuxer)) == ""


@pytest.mark.parametrize(
    ("options", "reason"),
    [
        ({"trim_start": 5.0}, "trimmed"),
        ({"fade_out": 5.0}, "faded"),
        ({"sample_rate": 44_100}, "resampled"),
        ({"bit_depth": 16}, "dithered"),
        ({"channels": 1}, "mixed"),
    ],
)
def test_what_is_computed_over_a_border_may_not(options: dict[str, Any], reason: str) -> None:
    assert reason in reasons(**options)


@pytest.mark.parametrize("target", ["wav", "mp3", "opus", "m4a", "mka", "alac"])
def test_other_formats_may_not(target: str) -> None:
    assert "only FLAC" in reasons(target=target)


@pytest.mark.parametrize(
    ("source", "reason"),
    [
        (of_media(codec="alac"), "compressed"),
        (of_media(duration=None), "how long"),
        (of_media(duration=500.0), "too short"),
        (structs.replace(SOURCE, demuxer="mov"), "the very sample"),
        (structs.replace(SOURCE, start=0.5), "begins late"),
        (structs.replace(SOURCE, lossless=False), "very samples of the source"),
        (structs.replace(SOURCE, floating=True, bits=32), "dithered"),
    ],
)
def test_other_sources_may_not(source: Probed, reason: str) -> None:
    assert reason in reasons(source)


@given(
    st.floats(0.01, 90_000),
    st.sampled_from([8_000, 11_025, 22_050, 32_000, 44_100, 48_000, 96_000, 37_800, 44_056]),
    st.integers(1, 4),
)
def test_segments_follow_one_another_and_begin_with_a_block_at_a_whole_microsecond(
    duration: float, rate: int, wanted: int
) -> None:
    cuts = cuts_of(duration, rate, wanted)
    assert 1 <= len(cuts) <= wanted
    assert cuts[0].start == 0
    assert cuts[-1].length is None
    assert cuts[-1].start < max(1, int(duration * rate))
    for one, following in pairwise(cuts):
        assert one.length
        assert one.start + one.length == following.start
        assert following.start % BLOCK == 0
        assert Fraction(following.start * 1_000_000, rate).denominator == 1


def test_an_hour_is_cut_in_the_middle() -> None:
    first, last = cuts_of(HOUR, 44_100, 2)
    assert first.options == ("-t", "1802240000us")
    assert last.options == ("-ss", "1802240000us")
    assert abs(first.start + (first.length or 0) - 1800 * 44_100) < 44_100 * 41


def test_a_rate_that_has_no_common_border_is_not_cut() -> None:
    assert len(cuts_of(HOUR, 44_101, 2)) == 1


def test_idle_slots_are_lent_and_come_back() -> None:
    lending = Lending(4, processors=8)
    with lending.taken():
        with lending.crew(4) as crew, lending.taken(), lending.crew(4) as late:
            assert (crew.size, late.size) == (4, 1)
        with lending.crew(2) as crew:
            assert crew.size == 2


def test_no_more_is_lent_than_there_are_processors() -> None:
    lending = Lending(8, processors=2)
    with lending.taken(), lending.crew(4) as crew:
        assert crew.size == 2


def test_whoever_takes_a_slot_has_it_at_once() -> None:
    lending = Lending(3, processors=3)
    with lending.taken(), lending.crew(4) as crew:
        assert [crew.must_pause(one) for one in range(3)] == [False, False, False]
        with lending.taken():
            assert [crew.must_pause(one) for one in range(3)] == [False, False, True]
            with lending.taken():
                assert [crew.must_pause(one) for one in range(3)] == [False, True, True]
        assert [crew.must_pause(one) for one in range(3)] == [False, False, False]


def test_a_segment_that_pauses_goes_on_when_another_of_its_job_has_ended() -> None:
    lending = Lending(2, processors=2)
    with lending.taken(), lending.crew(2) as crew, lending.taken():
        assert crew.must_pause(1)
        crew.ended(0)
        assert not crew.must_pause(1)


def test_of_two_jobs_the_later_pauses_first() -> None:
    lending = Lending(4, processors=4)
    with lending.taken(), lending.crew(2) as early, lending.taken(), lending.crew(2) as late:
        assert (early.size, late.size) == (2, 2)
        with lending.taken():
            assert (early.must_pause(1), late.must_pause(1)) == (False, True)
            with lending.taken():
                assert (early.must_pause(1), late.must_pause(1)) == (True, True)


def test_a_digest_tells_how_much_it_is_of() -> None:
    said = "  Output stream #0:0 (audio): 7 packets muxed (28224 bytes); \n"
    assert parse_digest(f"MD5={'ab' * 16}\n", said) == Digest("ab" * 16, 28_224)
    assert parse_digest("", said) is None
    assert parse_digest(f"MD5={'ab' * 16}\n", "") is None
