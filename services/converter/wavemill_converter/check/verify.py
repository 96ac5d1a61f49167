"""Verify: decode a published result from its first to its last sample before it is committed.

No exit code is believed, and no header: what was published must decode, last as long as what was
encoded, have the channels and the rate that were asked for, and, from lossless to lossless, hold
the very samples that went in.
"""

from msgspec import Struct

from wavemill_common.errors import FfmpegTimeout, OutputInvalid
from wavemill_converter.ffmpeg.commands import decode_command
from wavemill_converter.ffmpeg.contained import output_on
from wavemill_converter.ffmpeg.failures import detail_of
from wavemill_converter.ffmpeg.installation import Ffmpeg
from wavemill_converter.ffmpeg.places import Input
from wavemill_converter.plan.plan import ConversionPlan
from wavemill_converter.probe.decoded import Decoded, parse_decoded
from wavemill_converter.transcode.outcome import Transcoded
from wavemill_converter.transcode.peaks import MAX_TEXT, Tap

TOLERANCE = 0.05  # seconds
SHARE = 0.001  # of the duration
# Frames (of so many samples) by which a decoder may rightly differ from what was encoded: ADTS and
# AC-3 cannot say how much of the first and last frame is padding, WMA drops its last one, and
# ffmpeg 9 reads the last packet of its own ALAC in CAF short.
_SAMPLES = {"aac": 3 * 1024, "wma": 2 * 2048, "caf": 4096, "ac3": 2 * 1536, "mp2": 2 * 1152}
_NO_DIGEST = frozenset({"caf"})


class Expected(Struct, frozen=True, kw_only=True):
    """What a result must decode to: seconds, Hz, channels; the samples' MD5 where it is known."""

    duration: float
    slack: float
    sample_rate: int
    channels: int
    pcm: str
    demuxer: str
    md5: str | None = None


def expect(plan: ConversionPlan, transcoded: Transcoded) -> Expected:
    """Say what the result of a conversion must decode to."""
    duration = transcoded.out_time
    if transcoded.encoded is not None:  # of what begins late, the end would tell too much
        duration = transcoded.encoded / plan.sample_rate
    frames = _SAMPLES.get(plan.format, 0) / plan.sample_rate
    return Expected(
        duration=duration,
        slack=max(TOLERANCE, duration * SHARE) + frames,
        sample_rate=plan.decoded_rate,
        channels=plan.channels,
        pcm=plan.pcm,
        demuxer=plan.codec.demuxer,
        md5=None if plan.format in _NO_DIGEST else transcoded.pcm_md5,
    )


async def verify(
    ffmpeg: Ffmpeg, source: Input, expected: Expected, seconds: float, tap: Tap | None = None
) -> None:
    """Decode a result and compare; `tap` hears it on the way.

    Raises:
        OutputInvalid: it is not what was to be made; the message says in what.
        FfmpegTimeout: it took too long.
    """
    listening = tap.filters if tap else ()
    command = decode_command(ffmpeg.path, source, expected.pcm, expected.demuxer, listening)
    heard = (tap.destination,) if tap else ()
    try:
        code, out, err = await output_on(
            ffmpeg, command, source, seconds, destinations=heard, file_bytes=MAX_TEXT if tap else 0
        )
    except TimeoutError:
        raise FfmpegTimeout(f"the result could not be checked in {seconds:.0f} seconds") from None
    wrong = differences(expected, parse_decoded(out, err)) if code == 0 else ["it does not decode"]
    if wrong:
        raise OutputInvalid(
            f"the result is not right: {'; '.join(wrong)}", detail=detail_of(err.splitlines())
        )


def differences(expected: Expected, decoded: Decoded) -> list[str]:
    """Say in words in what a result differs from what was expected. Pure."""
    wrong = []
    duration = decoded.duration or 0.0
    if abs(duration - expected.duration) > expected.slack:
        wrong.append(f"it lasts {duration:.2f} and not {expected.duration:.2f} seconds")
    if decoded.sample_rate != expected.sample_rate:
        wrong.append(f"it has {decoded.sample_rate} and not {expected.sample_rate} Hz")
    if decoded.channels != expected.channels:
        wrong.append(f"it has {decoded.channels} and not {expected.channels} channels")
    if expected.md5 is not None and decoded.md5 != expected.md5:
        wrong.append("its samples are not those of the source")
    return wrong
