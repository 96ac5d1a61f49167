"""Outcome: what a run of ffmpeg may take, and what it says that it did."""

from msgspec import Struct

ALARMS = (
    "Error during demuxing",
    "Stream ends prematurely",
    "Error writing trailer",
    "invalid for wav",
)
"""What ffmpeg may print and still end with code 0, though the result is not whole."""


class Timeouts(Struct, frozen=True, kw_only=True):
    """Seconds: `stall` without any progress, `total` for the whole conversion."""

    stall: float = 120.0
    total: float = 3600.0


class Transcoded(Struct, frozen=True, kw_only=True):
    """What ffmpeg says that it did: seconds of audio, bytes written; and its complaints.

    `out_time` is when the last sample ends, `encoded` how many there are, where ffmpeg told;
    `total_size` is 0 where it did not tell.
    `pcm_md5` is the digest of the samples that went in, where they should come out again.
    """

    out_time: float
    total_size: int
    elapsed: float
    encoded: int | None = None
    alarms: tuple[str, ...] = ()
    log: tuple[str, ...] = ()
    pcm_md5: str | None = None
