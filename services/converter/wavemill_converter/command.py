"""The command lines: pure lists, made of our own words, numbers and paths; never of a user's text.

Where the bytes come from and go to stands apart from how they are converted: a later path gives a
loopback URL and an open file descriptor instead of two local files.
"""

from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Final
from urllib.parse import urlsplit

from msgspec import Struct

from wavemill_converter.levels import LOG_LEVEL
from wavemill_converter.plan import ConversionPlan

DEMUXERS: Final = (
    "aac,ac3,aiff,amr,amrnb,amrwb,ape,asf,au,avi,caf,dsf,dts,dtshd,eac3,flac,flv,gsm,iff,loas,"
    "matroska,mov,mp3,mpc,mpc8,mpeg,mpegts,ogg,rm,tak,truehd,tta,voc,w64,wav,wv,xwma"
)
"""What a source may be: everything but playlists, which could name other files and hosts."""

DECODE_INTERVAL: Final = 30  # seconds; only the last report counts
PROGRESS_INTERVAL: Final = 0.5  # seconds
_FRONT: Final = "comment=Cover (front)"  # how ffmpeg names the kind of a picture
_ALONE: Final = ("-nostdin", "-hide_banner", "-nostats")
_QUIET: Final = (*_ALONE, "-loglevel", "info")


class Input(Struct, frozen=True):
    """Where ffmpeg reads: a URL and the only protocols that it may use for it.

    What it needs for that: the open files `pass_fds`, the files `paths`, the TCP `port`.
    """

    url: str
    protocols: str
    options: tuple[str, ...] = ()
    pass_fds: tuple[int, ...] = ()
    paths: tuple[str, ...] = ()
    port: int | None = None


class Extras(Struct, frozen=True):
    """What a result needs beside the source: files of ours, opened as inputs or attached."""

    metadata: Input | None = None
    picture: Input | None = None
    attachment: Input | None = None
    attachment_mime: str = ""

    @property
    def inputs(self) -> tuple[Input, ...]:
        """Those that are inputs, in the order in which they are opened."""
        return tuple(one for one in (self.metadata, self.picture) if one)

    @property
    def pass_fds(self) -> tuple[int, ...]:
        """The open files that ffmpeg must inherit for them."""
        used = (self.metadata, self.picture, self.attachment)
        return tuple(fd for one in used if one for fd in one.pass_fds)


NO_EXTRAS: Final = Extras()


class Destination(Struct, frozen=True):
    """Where ffmpeg writes; `rewritable` if it can go over the whole file once more at the end.

    `pass_fds` are the open files that it must inherit for that, `paths` those it opens.
    """

    arguments: tuple[str, ...]
    rewritable: bool = False
    pass_fds: tuple[int, ...] = ()
    paths: tuple[str, ...] = ()


class Leg(Struct, frozen=True):
    """One result of a conversion: what is made, and where it goes.

    `digest` gets the MD5 of the samples that went into the encoder, of the same decoding; `extras`
    are opened after the source.
    """

    plan: ConversionPlan
    destination: Destination
    digest: Destination | None = None
    extras: Extras = NO_EXTRAS


def file_input(path: Path) -> Input:
    """Read a local file; the prefix keeps any name from being an option or a protocol."""
    return Input(f"file:{path.absolute()}", "file", paths=(str(path.absolute()),))


def opened_file_input(path: Path, fd: int) -> Input:
    """Read a local file that is open as `fd`: the way to it may be closed to the child."""
    return Input(f"file:/proc/self/fd/{fd}", "file", pass_fds=(fd,), paths=(str(path.absolute()),))


def file_destination(path: Path) -> Destination:
    """Write a local file, over what may be there."""
    target = str(path.absolute())
    return Destination(("-y", f"file:{target}"), rewritable=True, paths=(target,))


def opened_file_destination(path: Path, fd: int) -> Destination:
    """Write a local file that is open as `fd`; by its path in /proc it can be opened once more."""
    arguments = ("-y", f"file:/proc/self/fd/{fd}")
    return Destination(arguments, rewritable=True, pass_fds=(fd,), paths=(str(path.absolute()),))


def http_input(url: str) -> Input:
    """Read from our proxy on loopback, and from nowhere else."""
    return Input(url, "http,tcp", ("-multiple_requests", "1"), port=urlsplit(url).port)


def fd_destination(fd: int, *, by_number: bool) -> Destination:
    """Write into an inherited, seekable file; older ones than ffmpeg 6 need its path in /proc."""
    if by_number:
        return Destination(("-fd", str(fd), "fd:"), pass_fds=(fd,))
    return Destination(("-y", f"/proc/self/fd/{fd}"), pass_fds=(fd,))


def probe_command(ffmpeg: str, source: Input) -> list[str]:
    """Tell what a source is: its streams on stderr, its tags and those of its sound on stdout."""
    sound = ("-map", "0:a:0?", "-c", "copy", "-t", "0")  # nothing of it, but it has tags
    tags = ("-map_metadata", "0", *sound, "-f", "ffmetadata", "pipe:1")
    return [ffmpeg, *_QUIET, *_open(source), *tags]


def transcode_command(
    ffmpeg: str, source: Input, legs: Sequence[Leg], clock: float | None = None
) -> list[str]:
    """Convert a source, decoded once, as planned; progress goes to stdout, the log to stderr.

    The results come first, so that output N of the command is leg N. `clock` lets the progress
    count the seconds of the source up to there, whatever the legs take of it.
    """
    return [
        ffmpeg,
        *_ALONE,
        *("-loglevel", LOG_LEVEL),
        *("-progress", "pipe:1", "-stats_period", str(PROGRESS_INTERVAL)),
        *("-abort_on", "empty_output"),
        *_open(source, legs[0].plan.demuxer),
        *(word for leg in legs for extra in leg.extras.inputs for word in _open_extra(extra)),
        *(
            word
            for leg, first in zip(legs, _firsts(legs), strict=True)
            for word in _leg(leg, first)
        ),
        *(word for leg in legs if leg.digest for word in _digest(leg.plan, leg.digest)),
        *(_clock(clock) if clock is not None else ()),
    ]


def _firsts(legs: Sequence[Leg]) -> Iterator[int]:
    """The number of the first input of each leg's extras; the source has 0."""
    first = 1
    for leg in legs:
        yield first
        first += len(leg.extras.inputs)


def _leg(leg: Leg, first: int) -> list[str]:
    plan, destination = leg.plan, leg.destination
    return [
        *("-map", "0:a:0"),
        *_covers(plan, leg.extras, first),
        *_samples(plan),
        *_encoder(plan),
        *_metadata(plan, leg.extras, first),
        *("-fflags", "+bitexact"),  # no dates, no random serials: a retry gives the same bytes
        *plan.codec.mux_arguments,
        *(("-movflags", "+faststart") if plan.codec.faststart and destination.rewritable else ()),
        *("-f", plan.codec.muxer),
        *destination.arguments,
    ]


def decode_command(ffmpeg: str, source: Input, pcm: str, demuxer: str) -> list[str]:
    """Decode all of a source; the MD5 of its samples goes to stdout, its length to stderr."""
    stats = ("-stats", "-stats_period", str(DECODE_INTERVAL))
    shown = tuple(word for word in _QUIET if word != "-nostats")
    counted = ("-af", "asetpts=N/SR/TB")  # the end of what begins late would tell too much
    sound = ("-map", "0:a:0", *counted, "-c:a", pcm, "-f", "md5", "pipe:1")
    return [ffmpeg, *shown, *stats, *_open(source, demuxer), *sound]


def picture_command(
    ffmpeg: str, source: Input, demuxer: str, index: int, destination: Destination
) -> list[str]:
    """Copy one attached picture of a source as it is."""
    one = ("-map", f"0:{index}", "-c", "copy", "-frames:v", "1", "-f", "image2pipe")
    return [ffmpeg, *_QUIET, *_open(source, demuxer), *one, *destination.arguments]


def measure_command(
    ffmpeg: str, source: Input, demuxer: str, filters: tuple[str, ...]
) -> list[str]:
    """Decode all of a source through filters that say on stderr what they find."""
    progress = ("-progress", "pipe:1", "-stats_period", str(PROGRESS_INTERVAL))
    sound = ("-map", "0:a:0", "-af", ",".join(filters), "-f", "null", "pipe:1")
    return [ffmpeg, *_QUIET, *progress, *_open(source, demuxer), *sound]


def _open(source: Input, demuxer: str | None = None) -> tuple[str, ...]:
    """Open a source; one that was looked at already is opened as nothing else than it was then."""
    return (
        *("-protocol_whitelist", source.protocols),
        *("-format_whitelist", DEMUXERS),
        *source.options,
        *(("-f", demuxer) if demuxer else ()),
        *("-i", source.url),
    )


def _open_extra(extra: Input) -> tuple[str, ...]:
    """Open a file of ours, as what it is and nothing else."""
    return ("-protocol_whitelist", extra.protocols, *extra.options, "-i", extra.url)


def _digest(plan: ConversionPlan, digest: Destination) -> tuple[str, ...]:
    part = ("-af", ",".join(plan.trim)) if plan.trim else ()
    return ("-map", "0:a:0", *part, "-c:a", plan.pcm, "-f", "md5", *digest.arguments)


def _clock(end: float) -> tuple[str, ...]:
    return ("-map", "0:a:0", "-af", f"atrim=end={end:.3f}", "-f", "null", "-")


def _covers(plan: ConversionPlan, extras: Extras, first: int) -> list[str]:
    """Map pictures by index: ffmpeg 5 does not know how to ask for those that are attached.

    `first` is the number of the first input of `extras`.
    """
    copied = ["-c:v", "copy", "-disposition:v", "attached_pic"]
    if extras.picture:
        at = first + extras.inputs.index(extras.picture)
        return ["-map", f"{at}:v:0", *copied, "-metadata:s:v", _FRONT]
    if extras.attachment:
        mime = extras.attachment_mime
        name = f"cover.{'png' if mime == 'image/png' else 'jpg'}"
        described = ["-metadata:s:t", f"mimetype={mime}", "-metadata:s:t", f"filename={name}"]
        return ["-attach", extras.attachment.url, *described]
    if not plan.covers:
        return []
    return [*(word for index in plan.covers for word in ("-map", f"0:{index}")), *copied]


def _samples(plan: ConversionPlan) -> list[str]:
    """Say which samples the encoder gets: filters, rate and format."""
    filters = [
        *plan.trim,
        *plan.processing,
        *_dither(plan),
        *_layout(plan),
        *plan.codec.filters,
    ]
    words = ["-af", ",".join(filters)] if filters else []
    if plan.resample:
        words += ["-ar", str(plan.sample_rate)]
    if plan.depth and plan.depth.sample_fmt:
        words += ["-sample_fmt", plan.depth.sample_fmt]
    if plan.depth and plan.depth.raw_bits:
        words += ["-bits_per_raw_sample", str(plan.depth.bits)]
    return words


def _dither(plan: ConversionPlan) -> list[str]:
    """One resampler does all: it also takes the rate and layout that later words ask for."""
    if not (plan.dither and plan.depth):
        return []
    sample_fmt = plan.depth.sample_fmt or f"s{plan.depth.bits}"
    used = "" if sample_fmt.startswith(f"s{plan.depth.bits}") else ":output_sample_bits=24"
    return [f"aresample=osf={sample_fmt}{used}:dither_method=triangular"]


def _layout(plan: ConversionPlan) -> list[str]:
    wanted = [f"channel_layouts={plan.layout}"] if plan.mix else []
    if plan.resample and plan.codec.filters:  # these count samples: at the new rate already
        wanted.append(f"sample_rates={plan.sample_rate}")
    return ["aformat=" + ":".join(wanted)] if wanted else []


def _encoder(plan: ConversionPlan) -> list[str]:
    words = ["-c:a", plan.encoder, *plan.codec.arguments]
    if plan.bitrate is not None:
        words += ["-b:a", str(plan.bitrate)]
    if plan.encoding.vbr is not None:
        words += ["-q:a", f"{plan.encoding.vbr:g}"]
    if plan.encoding.compression is not None:
        words += ["-compression_level", str(plan.encoding.compression)]
    return words


def _metadata(plan: ConversionPlan, extras: Extras, first: int) -> list[str]:
    """Keep tags and chapters; those of Ogg lie on the stream and would be lost by default."""
    if extras.metadata is None or plan.tagging is None:
        stream = ["-map_metadata:g", "0:s:a:0"] if plan.tags_on_stream else []
        return ["-map_metadata", "0", *stream, "-map_chapters", "0"]
    words = ["-map_metadata", str(first), "-map_chapters", str(first)]
    if plan.tagging.strips:  # once one kind of stream is named, none is copied by itself
        words += ["-map_metadata:s:a", "-1"]
        words += ["-map_metadata:s:v", "0:s:v"] if plan.covers else []
    return words
