"""What a format is, and what a caller may ask of one; the catalogue holds those there are.

Every number is the codec's own: bitrates in bit/s, sample rates in Hz, VBR levels on the
encoder's scale (mp3: V0 best to V9; ogg: q0 to q10 best). How ffmpeg is told so is the
converter's business.
"""

import re
from collections.abc import Mapping

from msgspec import Struct

from wavemill_common.errors import InvalidQuality

MIN_SAMPLE_RATE = 8_000  # Hz; every encoder can do that much


class Encoding(Struct, frozen=True, kw_only=True):
    """What a quality means to the encoder; None leaves it to the encoder.

    `depth` in bits per sample: 32 means 32-bit float, None the source's own.
    """

    bitrate: int | None = None
    vbr: float | None = None
    compression: int | None = None
    channels: int | None = None
    depth: int | None = None


class BitrateRange(Struct, frozen=True):
    """The bitrates in bit/s that a caller may name, both ends included."""

    low: int
    high: int


class VbrScale(Struct, frozen=True):
    """The VBR levels that a caller may name: a letter and a number, such as V2 or q5."""

    letter: str
    low: int
    high: int


class Format(Struct, frozen=True, kw_only=True, rename="camel"):
    """A format that results can have. `sample_rates` None: any rate up to `max_sample_rate`.

    `bit_depths` are those that a caller may ask for; 32 means float.
    """

    id: str
    name: str
    extension: str
    mime: str
    presets: Mapping[str, Encoding]
    lossless: bool = False
    bitrates: BitrateRange | None = None
    vbr: VbrScale | None = None
    max_channels: int = 8
    max_sample_rate: int = 384_000
    sample_rates: tuple[int, ...] | None = None
    bit_depths: tuple[int, ...] = ()
    tags: bool = True
    cover: bool = False
    chapters: bool = False

    def takes_rate(self, rate: int) -> bool:
        """Whether a result can have this sample rate."""
        if self.sample_rates:
            return rate in self.sample_rates
        return MIN_SAMPLE_RATE <= rate <= self.max_sample_rate

    def encoding(self, quality: str) -> Encoding:
        """Understand a quality: a preset's name, a bitrate such as 192k, a level such as V2.

        Raises:
            InvalidQuality: this format has no such quality; the message says what it has.
        """
        if quality in self.presets:
            return self.presets[quality]
        return self._bitrate(quality) or self._level(quality) or self._refuse(quality)

    def _bitrate(self, quality: str) -> Encoding | None:
        number = re.fullmatch(r"([1-9][0-9]{0,3})k", quality)
        if not (self.bitrates and number):
            return None
        bitrate = int(number[1]) * 1000
        within = self.bitrates.low <= bitrate <= self.bitrates.high
        return Encoding(bitrate=bitrate) if within else None

    def _level(self, quality: str) -> Encoding | None:
        number = re.fullmatch(r"([Vq])([0-9]{1,2})", quality)
        if not (self.vbr and number and number[1] == self.vbr.letter):
            return None
        level = int(number[2])
        return Encoding(vbr=level) if self.vbr.low <= level <= self.vbr.high else None

    def _refuse(self, quality: str) -> Encoding:
        raise InvalidQuality(
            f"unknown quality {quality[:40]!r} for {self.id}; {self.describe_qualities()}",
            supportedQualities=list(self.presets),
        )

    def describe_qualities(self) -> str:
        """Say in words what `encoding` takes."""
        ways = [f"choose one of {', '.join(self.presets)}"]
        if self.bitrates:
            low, high = self.bitrates.low // 1000, self.bitrates.high // 1000
            ways.append(f"a bitrate from {low}k to {high}k")
        if self.vbr:
            ways.append(
                f"a level from {self.vbr.letter}{self.vbr.low} to {self.vbr.letter}{self.vbr.high}"
            )
        return ", or ".join(ways)
