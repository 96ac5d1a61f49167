"""The short commands, which look at a sound and make nothing of it: pure lists, as all commands.

They are made of our own words, numbers and paths; never of a user's text.
"""

from typing import Final

from wavemill_converter.ffmpeg.places import Destination, Input

DEMUXERS: Final = (
    "aac,ac3,aiff,amr,amrnb,amrwb,ape,asf,au,avi,caf,dsf,dts,dtshd,eac3,flac,flv,gsm,iff,loas,"
    "matroska,mov,mp3,mpc,mpc8,mpeg,mpegts,ogg,rm,tak,truehd,tta,voc,w64,wav,wv,xwma"
)
"""What a source may be: everything but playlists, which could name other files and hosts."""

DECODE_INTERVAL: Final = 30  # seconds; only the last report counts
PROGRESS_INTERVAL: Final = 0.5  # seconds
ALONE: Final = ("-nostdin", "-hide_banner", "-nostats")
_QUIET: Final = (*ALONE, "-loglevel", "info")


def open_source(source: Input, demuxer: str | None = None) -> tuple[str, ...]:
    """Open a source; one that was looked at already is opened as nothing else than it was then."""
    return (
        *("-protocol_whitelist", source.protocols),
        *("-format_whitelist", DEMUXERS),
        *source.options,
        *(("-f", demuxer) if demuxer else ()),
        *("-i", source.url),
    )


def probe_command(ffmpeg: str, source: Input) -> list[str]:
    """Tell what a source is: its streams on stderr, its tags and those of its sound on stdout."""
    sound = ("-map", "0:a:0?", "-c", "copy", "-t", "0")  # nothing of it, but it has tags
    tags = ("-map_metadata", "0", *sound, "-f", "ffmetadata", "pipe:1")
    return [ffmpeg, *_QUIET, *open_source(source), *tags]


def decode_command(
    ffmpeg: str, source: Input, pcm: str, demuxer: str, listening: tuple[str, ...] = ()
) -> list[str]:
    """Decode all of a source; the MD5 of its samples goes to stdout, its length to stderr.

    `listening` are filters that let the sound pass as it is.
    """
    stats = ("-stats", "-stats_period", str(DECODE_INTERVAL))
    shown = tuple(word for word in _QUIET if word != "-nostats")
    # The end of what begins late would tell too much, so time is counted anew.
    counted = ("-af", ",".join(("asetpts=N/SR/TB", *listening)))
    sound = ("-map", "0:a:0", *counted, "-c:a", pcm, "-f", "md5", "pipe:1")
    return [ffmpeg, *shown, *stats, *open_source(source, demuxer), *sound]


def picture_command(
    ffmpeg: str, source: Input, demuxer: str, index: int, destination: Destination
) -> list[str]:
    """Copy one attached picture of a source as it is."""
    one = ("-map", f"0:{index}", "-c", "copy", "-frames:v", "1", "-f", "image2pipe")
    return [ffmpeg, *_QUIET, *open_source(source, demuxer), *one, *destination.arguments]


def measure_command(
    ffmpeg: str, source: Input, demuxer: str, filters: tuple[str, ...]
) -> list[str]:
    """Decode all of a source through filters that say on stderr what they find."""
    progress = ("-progress", "pipe:1", "-stats_period", str(PROGRESS_INTERVAL))
    sound = ("-map", "0:a:0", "-af", ",".join(filters), "-f", "null", "pipe:1")
    return [ffmpeg, *_QUIET, *progress, *open_source(source, demuxer), *sound]
