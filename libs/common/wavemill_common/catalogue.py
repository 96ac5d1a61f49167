"""The catalogue: the formats that wavemill converts to. Adding one is one entry here.

Sources: the encoders' own documentation (LAME, libopus, libvorbis, FLAC) for scales and ranges;
docs/formats.md says what each format keeps of tags, cover and chapters.
"""

from wavemill_common.errors import InvalidFormat
from wavemill_common.formats import BitrateRange, Encoding, Format, VbrScale

_MPEG_RATES = (8_000, 11_025, 12_000, 16_000, 22_050, 24_000, 32_000, 44_100, 48_000)
_AAC_RATES = (7_350, *_MPEG_RATES, 64_000, 88_200, 96_000)
_OPUS_RATES = (8_000, 12_000, 16_000, 24_000, 48_000)

_AAC_PRESETS = {
    "voice": Encoding(bitrate=64_000, channels=1),
    "small": Encoding(bitrate=96_000),
    "standard": Encoding(bitrate=160_000),
    "high": Encoding(bitrate=192_000),
    "max": Encoding(bitrate=256_000),
}
_OPUS_PRESETS = {
    "voice": Encoding(bitrate=32_000, channels=1),
    "small": Encoding(bitrate=64_000),
    "standard": Encoding(bitrate=96_000),
    "high": Encoding(bitrate=128_000),
    "max": Encoding(bitrate=192_000),
}
_PCM_PRESETS = {"standard": Encoding(), "max": Encoding(depth=32)}
_LOSSLESS_PRESETS = {"standard": Encoding()}
_DEPTHS = (16, 24)
_DEPTHS_AND_FLOAT = (16, 24, 32)
_AAC_BITRATES = BitrateRange(32_000, 512_000)
_OPUS_BITRATES = BitrateRange(6_000, 510_000)

_ALL = (
    Format(
        id="mp3",
        name="MP3",
        extension="mp3",
        mime="audio/mpeg",
        presets={
            "voice": Encoding(bitrate=64_000, channels=1),
            "small": Encoding(vbr=6),
            "standard": Encoding(vbr=2),
            "high": Encoding(vbr=0),
            "max": Encoding(bitrate=320_000),
        },
        bitrates=BitrateRange(32_000, 320_000),
        vbr=VbrScale("V", 0, 9),
        max_channels=2,
        sample_rates=_MPEG_RATES,
        cover=True,
        chapters=True,
    ),
    Format(
        id="m4a",
        name="M4A (AAC)",
        extension="m4a",
        mime="audio/mp4",
        presets=_AAC_PRESETS,
        bitrates=_AAC_BITRATES,
        sample_rates=_AAC_RATES,
        cover=True,
        chapters=True,
    ),
    Format(
        id="alac",
        name="Apple Lossless",
        extension="m4a",
        mime="audio/mp4",
        presets=_LOSSLESS_PRESETS,
        lossless=True,
        bit_depths=_DEPTHS,
        cover=True,
        chapters=True,
    ),
    Format(
        id="m4b",
        name="M4B audiobook",
        extension="m4b",
        mime="audio/mp4",
        presets=_AAC_PRESETS,
        bitrates=_AAC_BITRATES,
        sample_rates=_AAC_RATES,
        cover=True,
        chapters=True,
    ),
    Format(
        id="aac",
        name="AAC (ADTS)",
        extension="aac",
        mime="audio/aac",
        presets=_AAC_PRESETS,
        bitrates=_AAC_BITRATES,
        sample_rates=_AAC_RATES,
        tags=False,
    ),
    Format(
        id="opus",
        name="Opus",
        extension="opus",
        mime="audio/ogg",
        presets=_OPUS_PRESETS,
        bitrates=_OPUS_BITRATES,
        sample_rates=_OPUS_RATES,
        cover=True,
        chapters=True,
    ),
    Format(
        id="ogg",
        name="Ogg Vorbis",
        extension="ogg",
        mime="audio/ogg",
        presets={
            "voice": Encoding(vbr=1, channels=1),
            "small": Encoding(vbr=3),
            "standard": Encoding(vbr=5),
            "high": Encoding(vbr=7),
            "max": Encoding(vbr=9),
        },
        vbr=VbrScale("q", 0, 10),
        max_sample_rate=192_000,
        cover=True,
        chapters=True,
    ),
    Format(
        id="flac",
        name="FLAC",
        extension="flac",
        mime="audio/flac",
        presets={"standard": Encoding(compression=5), "max": Encoding(compression=8)},
        lossless=True,
        bit_depths=_DEPTHS,
        cover=True,
        chapters=True,
    ),
    Format(
        id="wav",
        name="WAV",
        extension="wav",
        mime="audio/wav",
        presets=_PCM_PRESETS,
        lossless=True,
        bit_depths=_DEPTHS_AND_FLOAT,
    ),
    Format(
        id="aiff",
        name="AIFF",
        extension="aiff",
        mime="audio/aiff",
        presets=_PCM_PRESETS,
        lossless=True,
        bit_depths=_DEPTHS_AND_FLOAT,
        cover=True,
        chapters=True,
    ),
    Format(
        id="webm",
        name="WebM (Opus)",
        extension="webm",
        mime="audio/webm",
        presets=_OPUS_PRESETS,
        bitrates=_OPUS_BITRATES,
        sample_rates=_OPUS_RATES,
        chapters=True,
    ),
    Format(
        id="wma",
        name="Windows Media Audio",
        extension="wma",
        mime="audio/x-ms-wma",
        presets={"standard": Encoding(bitrate=160_000)},
        bitrates=BitrateRange(32_000, 320_000),
        max_channels=2,
        sample_rates=(8_000, 11_025, 16_000, 22_050, 32_000, 44_100, 48_000),
        chapters=True,
    ),
    Format(
        id="wv",
        name="WavPack",
        extension="wv",
        mime="audio/x-wavpack",
        presets=_LOSSLESS_PRESETS,
        lossless=True,
        bit_depths=_DEPTHS_AND_FLOAT,
    ),
    Format(
        id="caf",
        name="Core Audio (ALAC)",
        extension="caf",
        mime="audio/x-caf",
        presets=_LOSSLESS_PRESETS,
        lossless=True,
        bit_depths=_DEPTHS,
    ),
    Format(
        id="mka",
        name="Matroska (FLAC)",
        extension="mka",
        mime="audio/x-matroska",
        presets=_LOSSLESS_PRESETS,
        lossless=True,
        bit_depths=_DEPTHS,
        cover=True,
        chapters=True,
    ),
    Format(
        id="tta",
        name="True Audio",
        extension="tta",
        mime="audio/x-tta",
        presets=_LOSSLESS_PRESETS,
        lossless=True,
        bit_depths=_DEPTHS,
    ),
    Format(
        id="ac3",
        name="Dolby Digital (AC-3)",
        extension="ac3",
        mime="audio/ac3",
        presets={"standard": Encoding(bitrate=192_000)},
        bitrates=BitrateRange(64_000, 640_000),
        max_channels=6,
        sample_rates=(32_000, 44_100, 48_000),
        tags=False,
    ),
    Format(
        id="mp2",
        name="MP2",
        extension="mp2",
        mime="audio/mpeg",
        presets={"standard": Encoding(bitrate=192_000)},
        bitrates=BitrateRange(64_000, 384_000),
        max_channels=2,
        sample_rates=(16_000, 22_050, 24_000, 32_000, 44_100, 48_000),
        tags=False,
    ),
    Format(
        id="amr",
        name="AMR narrow-band",
        extension="amr",
        mime="audio/amr",
        presets={"standard": Encoding(bitrate=12_200, channels=1)},
        max_channels=1,
        sample_rates=(8_000,),
        tags=False,
    ),
)

FORMATS = {one.id: one for one in _ALL}


def find_format(format_id: str) -> Format:
    """Look a format up.

    Raises:
        InvalidFormat: there is none of that id; the message names those there are.
    """
    found = FORMATS.get(format_id)
    if found is None:
        raise InvalidFormat(
            f"unknown format {format_id[:40]!r}; choose one of {', '.join(FORMATS)}",
            supportedFormats=list(FORMATS),
        )
    return found
