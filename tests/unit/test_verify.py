"""What a result must decode to, and in what a wrong one differs."""

from typing import Any

import pytest
from msgspec import structs

from wavemill_common.catalogue import FORMATS
from wavemill_common.media import MediaInfo
from wavemill_common.options import ConvertOptions
from wavemill_converter.check.verify import Expected, differences, expect
from wavemill_converter.plan.plan import ConversionPlan, plan_conversion
from wavemill_converter.probe.decoded import Decoded, parse_decoded
from wavemill_converter.probe.source import Probed
from wavemill_converter.transcode.outcome import Transcoded

MD5 = "0123456789abcdef0123456789abcdef"
DONE = Transcoded(out_time=200.0, total_size=1, elapsed=1.0, pcm_md5=MD5)
EXPECTED = Expected(
    demuxer="wav",
    duration=200.0,
    slack=0.2,
    sample_rate=44_100,
    channels=2,
    pcm="pcm_s16le",
    md5=MD5,
)
RIGHT = Decoded(duration=200.1, sample_rate=44_100, channels=2, md5=MD5)
PRINTED = """Input #0, wav, from 'http://127.0.0.1:1/x':
  Duration: 00:00:12.27, bitrate: 705 kb/s
  Stream #0:0: Audio: pcm_s16le ([1][0][0][0] / 0x0001), 44100 Hz, mono, s16, 705 kb/s
Stream mapping:
  Stream #0:0 -> #0:0 (pcm_s16le (native) -> pcm_s16le (native))
size=       0KiB time=00:00:05.00 bitrate=   0.1kbits/s speed=5.0x \r
size=       1KiB time=00:00:12.27 bitrate=   0.0kbits/s speed=2.1e+03x \r
"""


def plan(target: str, rate: int = 44_100) -> ConversionPlan:
    probed = Probed(
        media=MediaInfo(duration=200.0),
        demuxer="wav",
        layout="stereo",
        channels=2,
        sample_rate=rate,
        bits=16,
        floating=False,
        lossless=True,
        size=1,
        duration_exact=True,
    )
    wanted = FORMATS[target]
    return plan_conversion(wanted, wanted.encoding("standard"), ConvertOptions(), probed)


def test_what_is_right_differs_in_nothing() -> None:
    assert differences(EXPECTED, RIGHT) == []


@pytest.mark.parametrize(
    ("wrong", "said"),
    [
        ({"duration": 199.7}, "it lasts 199.70 and not 200.00 seconds"),
        ({"duration": 200.3}, "it lasts 200.30 and not 200.00 seconds"),
        ({"duration": None}, "it lasts 0.00 and not 200.00 seconds"),
        ({"sample_rate": 48_000}, "it has 48000 and not 44100 Hz"),
        ({"sample_rate": None}, "it has None and not 44100 Hz"),
        ({"channels": 1}, "it has 1 and not 2 channels"),
        ({"md5": MD5[::-1]}, "its samples are not those of the source"),
        ({"md5": None}, "its samples are not those of the source"),
    ],
)
def test_each_difference_is_said(wrong: dict[str, Any], said: str) -> None:
    assert differences(EXPECTED, structs.replace(RIGHT, **wrong)) == [said]


def test_samples_are_not_compared_where_their_digest_is_not_known() -> None:
    lossy = structs.replace(EXPECTED, md5=None)
    assert differences(lossy, structs.replace(RIGHT, md5=MD5[::-1])) == []


@pytest.mark.parametrize(("seconds", "slack"), [(1.0, 0.05), (50.0, 0.05), (3600.0, 3.6)])
def test_a_twentieth_of_a_second_or_a_thousandth_may_be_missing(
    seconds: float, slack: float
) -> None:
    done = structs.replace(DONE, out_time=seconds)
    assert expect(plan("flac"), done).slack == pytest.approx(slack)


def test_samples_that_were_counted_tell_more_than_when_the_last_one_ends() -> None:
    assert expect(plan("mp3"), structs.replace(DONE, encoded=44_100)).duration == 1.0


def test_what_a_container_cannot_tell_may_be_missing_too() -> None:
    assert expect(plan("aac"), DONE).slack == pytest.approx(0.2 + 3 * 1024 / 44_100)


def test_opus_decodes_to_48_khz_whatever_it_was_made_of() -> None:
    assert expect(plan("opus", 16_000), DONE).sample_rate == 48_000


def test_lossless_results_must_hold_the_samples_but_for_the_last_of_caf() -> None:
    assert expect(plan("alac"), DONE).md5 == MD5
    assert expect(plan("caf"), DONE).md5 is None


def test_what_ffmpeg_prints_tells_the_last_time_and_the_stream() -> None:
    assert parse_decoded(f"MD5={MD5}\n", PRINTED) == Decoded(
        duration=12.27, sample_rate=44_100, channels=1, md5=MD5
    )


def test_of_garbage_nothing_is_believed() -> None:
    nothing = Decoded(duration=None, sample_rate=None, channels=None, md5=None)
    assert parse_decoded("MD5=xyz", "time=N/A\nInput #0, but no more") == nothing
