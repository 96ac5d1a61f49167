"""Is the result believable? ffmpeg's exit code 0 alone proves nothing."""

from pathlib import Path

from wavemill_common.errors import NotAudio, OutputInvalid
from wavemill_common.jobs import Remark
from wavemill_converter.ffmpeg.failures import SUPPORTED, detail_of
from wavemill_converter.plan.plan import ConversionPlan
from wavemill_converter.transcode.outcome import Transcoded

WHOLE = 0.98  # the share of an exact duration below which a source counts as cut off
UNHEARD = 0.03  # seconds; a header's own rounding, and less than one frame of FLAC
SLACK = 0.15  # seconds; encoders may drop or delay that much, more than 2 % of a short file


def check_result(transcoded: Transcoded, plan: ConversionPlan, target: Path) -> tuple[Remark, ...]:
    """Judge a result that is a local file.

    Raises:
        NotAudio: nothing was decoded.
        OutputInvalid: it is empty, or ffmpeg complained of what makes a result worthless.
    """
    return check_report(transcoded, plan, target.stat().st_size if target.exists() else 0)


def check_report(transcoded: Transcoded, plan: ConversionPlan, size: int) -> tuple[Remark, ...]:
    """Judge a result of `size` bytes by what ffmpeg said while it made it.

    What the bytes themselves hold is not looked at here: that takes decoding them again.
    """
    detail = detail_of(transcoded.log)
    if transcoded.alarms:
        raise OutputInvalid(
            f"ffmpeg reported: {', '.join(transcoded.alarms)}; the result was discarded",
            detail=detail,
        )
    if size <= 0 or size < transcoded.total_size:
        raise OutputInvalid("the result is shorter than what ffmpeg wrote", detail=detail)
    if transcoded.out_time <= 0:
        raise NotAudio(f"no audio could be decoded from this file; send {SUPPORTED}", detail=detail)
    truncated = _truncated(transcoded.out_time, plan)
    if plan.copied and (truncated or _ends_early(transcoded, plan)):
        raise OutputInvalid("the source ends before its own length; a copy would end wrongly, too")
    return truncated


def _ends_early(transcoded: Transcoded, plan: ConversionPlan) -> bool:
    """Whether fewer samples were decoded than a copy's header and last packet will promise.

    Of lossless codecs only: an old ffmpeg counts the delay and padding of MP3 as its duration.
    """
    if not (plan.lossless and plan.duration_exact and plan.duration):
        return False
    if transcoded.encoded is None:
        return False
    return transcoded.encoded / plan.sample_rate < plan.duration - UNHEARD


def _truncated(out_time: float, plan: ConversionPlan) -> tuple[Remark, ...]:
    duration = plan.duration
    if not (plan.duration_exact and duration):
        return ()
    if out_time >= min(WHOLE * duration, duration - SLACK):
        return ()
    return (
        Remark(
            "input_truncated",
            f"only {out_time:.2f} of {duration:.2f} seconds could be decoded: "
            "the file is damaged or incomplete",
        ),
    )
