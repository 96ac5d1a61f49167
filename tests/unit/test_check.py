"""An exit code of 0 is not believed without proof."""

from contextlib import nullcontext

import pytest
from msgspec import structs

from wavemill_common.catalogue import FORMATS
from wavemill_common.errors import NotAudio, OutputInvalid
from wavemill_common.media import MediaInfo
from wavemill_common.options import ConvertOptions
from wavemill_converter.check.check import check_report
from wavemill_converter.plan.plan import plan_conversion
from wavemill_converter.probe.source import Probed
from wavemill_converter.transcode.outcome import ALARMS, Transcoded

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
    duration_exact=True,
)
WAV = FORMATS["wav"]
PLAN = plan_conversion(WAV, WAV.encoding("standard"), ConvertOptions(), SOURCE)
DONE = Transcoded(out_time=100.0, total_size=1000, elapsed=1.0)


def test_a_whole_result_is_believed_without_a_remark() -> None:
    assert check_report(DONE, PLAN, 1000) == ()


@pytest.mark.parametrize("alarm", ALARMS)
def test_what_ffmpeg_complains_of_makes_a_result_worthless(alarm: str) -> None:
    with pytest.raises(OutputInvalid, match=alarm):
        check_report(structs.replace(DONE, alarms=(alarm,)), PLAN, 1000)


@pytest.mark.parametrize("size", [0, 999])
def test_fewer_bytes_than_ffmpeg_wrote_are_no_result(size: int) -> None:
    with pytest.raises(OutputInvalid, match="shorter"):
        check_report(DONE, PLAN, size)


def test_a_result_without_audio_means_that_the_source_had_none() -> None:
    with pytest.raises(NotAudio, match="send mp3"):
        check_report(structs.replace(DONE, out_time=0.0), PLAN, 1000)


@pytest.mark.parametrize(("out_time", "cut"), [(98.1, False), (97.9, True), (150.0, False)])
def test_less_than_98_percent_of_an_exact_duration_is_remarked_on(
    out_time: float, *, cut: bool
) -> None:
    remarks = check_report(structs.replace(DONE, out_time=out_time), PLAN, 1000)
    assert [remark.code for remark in remarks] == (["input_truncated"] if cut else [])


def test_an_encoders_delay_does_not_make_a_short_file_a_truncated_one() -> None:
    short = structs.replace(PLAN, duration=2.0)
    assert check_report(structs.replace(DONE, out_time=1.9), short, 1000) == ()


def test_an_estimated_duration_proves_nothing() -> None:
    estimated = structs.replace(PLAN, duration_exact=False)
    assert check_report(structs.replace(DONE, out_time=50.0), estimated, 1000) == ()


@pytest.mark.parametrize(("seconds", "right"), [(100.0, True), (99.98, True), (99.9, False)])
def test_a_copy_of_what_ends_before_its_own_length_is_no_result(
    seconds: float, *, right: bool
) -> None:
    """Its header would go on to promise what is not there."""
    copied = structs.replace(PLAN, copied=True)
    done = structs.replace(DONE, encoded=round(seconds * SOURCE.sample_rate))
    with nullcontext() if right else pytest.raises(OutputInvalid, match="ends before"):
        check_report(done, copied, 1000)


def test_the_padding_of_a_lossy_source_is_not_missed_in_its_copy() -> None:
    copied = structs.replace(PLAN, copied=True, lossless=False)
    done = structs.replace(DONE, encoded=round(99.9 * SOURCE.sample_rate))
    assert check_report(done, copied, 1000) == ()


def test_a_copy_of_a_lossy_source_that_is_cut_off_is_no_result() -> None:
    copied = structs.replace(PLAN, copied=True, lossless=False)
    with pytest.raises(OutputInvalid, match="ends before"):
        check_report(structs.replace(DONE, out_time=50.0), copied, 1000)
