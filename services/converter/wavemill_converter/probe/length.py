"""Measure how long a source really is, by decoding it: for what must know where its end is."""

from msgspec import structs

from wavemill_common.errors import FfmpegTimeout
from wavemill_converter.ffmpeg.commands import decode_command
from wavemill_converter.ffmpeg.contained import output_on
from wavemill_converter.ffmpeg.installation import Ffmpeg
from wavemill_converter.ffmpeg.places import Input
from wavemill_converter.probe.decoded import parse_decoded
from wavemill_converter.probe.source import Probed

_PCM = "pcm_s16le"


async def measure_length(ffmpeg: Ffmpeg, source: Input, probed: Probed, seconds: float) -> Probed:
    """Return what is known of a source, with its exact duration.

    What cannot be decoded stays as it is: the conversion itself will say what is wrong.

    Raises:
        FfmpegTimeout: it took longer than `seconds`.
    """
    command = decode_command(ffmpeg.path, source, _PCM, probed.demuxer)
    try:
        _, out, err = await output_on(ffmpeg, command, source, seconds)
    except TimeoutError:
        raise FfmpegTimeout(f"the file could not be measured in {seconds:.0f} seconds") from None
    duration = parse_decoded(out, err).duration
    if not duration:
        return probed
    return structs.replace(
        probed, media=structs.replace(probed.media, duration=duration), duration_exact=True
    )
