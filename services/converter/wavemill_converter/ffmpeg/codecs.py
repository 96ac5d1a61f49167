"""How ffmpeg is told each format of the catalogue: encoder, muxer, depths, layouts.

Measured on ffmpeg 5.1 and 9.0; what an encoder would refuse or silently change stands here, so
that a plan can choose what works and say so.
"""

from typing import Literal

from msgspec import Struct, structs


class Depth(Struct, frozen=True):
    """A way to store samples.

    `sample_fmt` None where the encoder knows only one; `raw_bits` where it must be told how many
    of the sample format's bits count.
    """

    bits: int
    encoder: str
    sample_fmt: str | None = None
    floating: bool = False
    raw_bits: bool = False

    def holds(self, bits: int, *, floating: bool) -> bool:
        """Whether nothing is lost of samples of that kind."""
        if floating:
            return self.floating
        return bits <= (24 if self.floating else self.bits)


class Codec(Struct, frozen=True, kw_only=True):
    """How a format is made. `depths` ascending; `layouts` by channel count, None: any.

    `pictures` tells how a format that keeps covers holds them.
    """

    muxer: str
    encoder: str = ""
    arguments: tuple[str, ...] = ()
    mux_arguments: tuple[str, ...] = ()
    filters: tuple[str, ...] = ()
    depths: tuple[Depth, ...] = ()
    layouts: tuple[str, ...] | None = None
    also_layouts: tuple[str, ...] = ()
    faststart: bool = False
    pictures: Literal["stream", "tag", "attachment"] = "stream"

    @property
    def demuxer(self) -> str:
        """What opens a result."""
        return _DEMUXERS.get(self.muxer, self.muxer)

    @property
    def encoders(self) -> tuple[str, ...]:
        """All encoders that may be needed."""
        return tuple(dict.fromkeys(depth.encoder for depth in self.depths)) or (self.encoder,)


# What a muxer makes is opened by a demuxer of another name; the others are called alike.
_DEMUXERS = {
    "adts": "aac",
    "ipod": "mov",
    "mp2": "mp3",
    "opus": "ogg",
    "webm": "matroska",
}

_STEREO = ("mono", "stereo")
_XIPH = ("mono", "stereo", "3.0", "quad", "5.0", "5.1", "6.1", "7.1")
_MPEG4 = ("mono", "stereo", "3.0", "4.0", "5.0", "5.1", "6.1(back)", "7.1(wide)")
_ADTS = (*_MPEG4[:6], "6.1", "7.1(wide)")
_DOLBY = ("mono", "stereo", "3.0", "quad(side)", "5.0(side)", "5.1(side)")
_DOLBY_TOO = ("3.0(back)", "quad", "4.0", "5.0", "2.1", "3.1", "4.1", "5.1")
_FLAC_TOO = ("5.0(side)", "5.1(side)")

_FLAC = (Depth(16, "flac", "s16"), Depth(24, "flac", "s32"))
_ALAC = (Depth(16, "alac", "s16p"), Depth(24, "alac", "s32p"))
_TTA = (Depth(16, "tta", "s16"), Depth(24, "tta", "s32"))
_WAVPACK = (
    Depth(16, "wavpack", "s16p"),
    Depth(24, "wavpack", "s32p", raw_bits=True),
    Depth(32, "wavpack", "s32p"),
    Depth(32, "wavpack", "fltp", floating=True),
)


def _pcm(order: str) -> tuple[Depth, ...]:
    whole = tuple(Depth(bits, f"pcm_s{bits}{order}") for bits in (16, 24, 32))
    return (*whole, Depth(32, f"pcm_f32{order}", floating=True))


def _mp4(*, encoder: str = "", depths: tuple[Depth, ...] = ()) -> Codec:
    layouts = _MPEG4 if depths else None  # AAC in MP4 can describe any layout
    return Codec(muxer="ipod", encoder=encoder, depths=depths, layouts=layouts, faststart=True)


# ffmpeg 9 encodes source frames as they come: tiny blocks, 2.4 x the size, times out of order.
_FLAC_BLOCK = ("-frame_size", "4096")
_ID3 = ("-id3v2_version", "3")
_OPUS = ("-vbr", "on")


def _flac(muxer: str) -> Codec:
    return Codec(
        muxer=muxer,
        arguments=_FLAC_BLOCK,
        depths=_FLAC,
        layouts=_XIPH,
        also_layouts=_FLAC_TOO,
    )


CODECS = {
    "mp3": Codec(
        muxer="mp3",
        encoder="libmp3lame",
        mux_arguments=(*_ID3, "-write_id3v1", "1"),
        layouts=_STEREO,
    ),
    "m4a": _mp4(encoder="aac"),
    "m4b": _mp4(encoder="aac"),
    "alac": _mp4(depths=_ALAC),
    "aac": Codec(muxer="adts", encoder="aac", layouts=_ADTS),
    "opus": Codec(muxer="opus", encoder="libopus", arguments=_OPUS, layouts=_XIPH, pictures="tag"),
    "webm": Codec(muxer="webm", encoder="libopus", arguments=_OPUS, layouts=_XIPH),
    "ogg": Codec(muxer="ogg", encoder="libvorbis", layouts=_XIPH, pictures="tag"),
    "flac": _flac("flac"),
    "mka": structs.replace(_flac("matroska"), pictures="attachment"),
    "wav": Codec(muxer="wav", depths=_pcm("le"), mux_arguments=("-rf64", "auto")),
    "aiff": Codec(muxer="aiff", depths=_pcm("be"), mux_arguments=("-write_id3v2", "1", *_ID3)),
    "wma": Codec(muxer="asf", encoder="wmav2", layouts=_STEREO),
    # The encoder's own frame size depends on how samples arrive; a fixed one makes it repeatable.
    "wv": Codec(muxer="wv", depths=_WAVPACK, filters=("asetnsamples=n=22050:p=0",)),
    "caf": Codec(muxer="caf", depths=_ALAC, layouts=_MPEG4),
    "tta": Codec(muxer="tta", depths=_TTA),
    "ac3": Codec(muxer="ac3", encoder="ac3", layouts=_DOLBY, also_layouts=_DOLBY_TOO),
    "mp2": Codec(muxer="mp2", encoder="mp2", layouts=_STEREO),
    "amr": Codec(muxer="amr", encoder="libopencore_amrnb", layouts=("mono",)),
}
