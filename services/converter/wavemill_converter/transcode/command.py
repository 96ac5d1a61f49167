"""The command that converts: a pure list of our own words, numbers and paths, no user's text."""

from collections.abc import Iterator, Sequence
from typing import Final

from msgspec import Struct

from wavemill_converter.ffmpeg.commands import ALONE, PROGRESS_INTERVAL, open_source
from wavemill_converter.ffmpeg.levels import LOG_LEVEL
from wavemill_converter.ffmpeg.places import Destination, Input
from wavemill_converter.plan.plan import ConversionPlan
from wavemill_converter.plan.remux import copy_words

_FRONT: Final = "comment=Cover (front)"  # how ffmpeg names the kind of a picture


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


class Leg(Struct, frozen=True):
    """One result of a conversion: what is made, and where it goes.

    `digest` gets the MD5 of the samples that went into the encoder, of the same decoding; `extras`
    are opened after the source; `listening` are filters that hear the source as it comes.
    """

    plan: ConversionPlan
    destination: Destination
    digest: Destination | None = None
    extras: Extras = NO_EXTRAS
    listening: tuple[str, ...] = ()


def transcode_command(
    ffmpeg: str,
    source: Input,
    legs: Sequence[Leg],
    clock: float | None = None,
    listening: Sequence[str] = (),
) -> list[str]:
    """Convert a source, decoded once, as planned; progress goes to stdout, the log to stderr.

    The results come first, so that output N of the command is leg N. `clock` lets the progress
    count the seconds of the source up to there, whatever the legs take of it; `listening` is an
    output that hears all of the source, and so is a clock too.
    """
    return [
        ffmpeg,
        *ALONE,
        *("-loglevel", LOG_LEVEL),
        *("-progress", "pipe:1", "-stats_period", str(PROGRESS_INTERVAL)),
        *("-abort_on", "empty_output"),
        *open_source(source, legs[0].plan.demuxer),
        *(word for leg in legs for extra in leg.extras.inputs for word in _open_extra(extra)),
        *(
            word
            for leg, first in zip(legs, _firsts(legs), strict=True)
            for word in _leg(leg, first)
        ),
        *(word for leg in legs if leg.digest for word in _digest(leg.plan, leg.digest)),
        *(listening or (_clock(clock) if clock is not None else ())),
    ]


def counters(legs: Sequence[Leg]) -> Iterator[int]:
    """The output whose encoder counts a leg's samples: a copied one has none, but its digest."""
    digest = len(legs)
    for number, leg in enumerate(legs):
        yield digest if leg.plan.copied else number
        digest += leg.digest is not None


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
        *_sound(plan, leg.listening),
        *_metadata(plan, leg.extras, first),
        *("-fflags", "+bitexact"),  # no dates, no random serials: a retry gives the same bytes
        *plan.codec.mux_arguments,
        *(("-movflags", "+faststart") if plan.codec.faststart and destination.rewritable else ()),
        *("-f", plan.codec.muxer),
        *destination.arguments,
    ]


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


def _sound(plan: ConversionPlan, listening: tuple[str, ...]) -> list[str]:
    if plan.copied:
        return list(copy_words(plan.codec.muxer, plan.sample_rate))
    return [*_samples(plan, listening), *_encoder(plan)]


def _samples(plan: ConversionPlan, listening: tuple[str, ...]) -> list[str]:
    """Say which samples the encoder gets: filters, rate and format."""
    filters = [
        *listening,
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
