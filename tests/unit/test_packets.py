"""With what options of its demuxer a source is read."""

from msgspec import structs

from wavemill_common.catalogue import find_format
from wavemill_common.media import MediaInfo
from wavemill_common.options import ConvertOptions
from wavemill_converter.plan.packets import packet_options
from wavemill_converter.plan.plan import plan_conversion
from wavemill_converter.probe.source import Probed

SOURCE = Probed(
    media=MediaInfo(codec="pcm_s16le", duration=60.0),
    demuxer="wav",
    layout="stereo",
    channels=2,
    sample_rate=44_100,
    bits=16,
    floating=False,
    lossless=True,
    size=10_584_044,
    duration_exact=True,
)
LARGE, TOLD = "-max_size", "-max_probe_packets"


def options(source: Probed, target: str = "flac") -> tuple[str, ...]:
    wanted = find_format(target)
    plan = plan_conversion(wanted, wanted.encoding("standard"), ConvertOptions(), source)
    return packet_options(source, [plan])


def of_codec(codec: str) -> Probed:
    return structs.replace(SOURCE, media=structs.replace(SOURCE.media, codec=codec))


def test_what_was_told_to_be_pcm_is_not_looked_for_dts_again() -> None:
    assert options(SOURCE) == (LARGE, "65536", TOLD, "1")


def test_an_encoder_without_frames_of_its_own_gets_packets_as_they_are() -> None:
    assert options(SOURCE, "wav") == (TOLD, "1")


def test_only_of_16_bit_pcm_ffmpeg_makes_sure() -> None:
    assert options(of_codec("pcm_s24le")) == (LARGE, "65536")


def test_dts_in_a_wav_is_looked_for_as_long_as_ffmpeg_does() -> None:
    """One packet would be too few to find what begins with silence."""
    assert options(of_codec("dts"), "mp3") == ()


def test_other_demuxers_are_left_alone() -> None:
    assert options(structs.replace(SOURCE, demuxer="aiff")) == ()
