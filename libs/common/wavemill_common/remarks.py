"""What a result loses of its source, in words for its owner; None where it loses nothing."""

from typing import Final

from wavemill_common.formats import Encoding, Format
from wavemill_common.jobs import Remark
from wavemill_common.options import ConvertOptions
from wavemill_common.report import Fate, Report

_WORTH_SAYING: Final = 1.2  # times the source's bitrate; encoders keep theirs only about
_SHOWN_NAMES: Final = 10


def on_rate(options: ConvertOptions, source: int, rate: int) -> Remark | None:
    """Remark on a sample rate that nobody asked for."""
    if options.sample_rate or rate == source:
        return None
    return Remark("resampled", f"the sample rate was changed from {source} Hz to {rate} Hz")


def on_bitrate(encoding: Encoding, bitrate: int | None) -> Remark | None:
    """Remark on a bitrate that the encoder does not do at this rate and channel count."""
    if encoding.bitrate is None or bitrate is None or encoding.bitrate == bitrate:
        return None
    asked, given = (f"{value / 1000:g}k" for value in (encoding.bitrate, bitrate))
    return Remark(
        "bitrate_adjusted",
        f"{asked} is not possible with this sample rate and number of channels; {given} was used",
    )


def on_upscale(had: int | None, bitrate: int | None) -> Remark | None:
    """Remark on bits that only fill space: what a lossy source lost does not come back."""
    if not (had and bitrate) or bitrate < had * _WORTH_SAYING:
        return None
    before, after = (f"{round(value / 1000)}k" for value in (had, bitrate))
    return Remark(
        "upscaled_bitrate",
        f"the source has {before}; {after} makes the file larger, not better",
    )


def mixed(before: str, after: str) -> Remark:
    """Say that channels were mixed, with names such as "2 channels (stereo)" and "1 (mono)"."""
    return Remark("channels_mixed", f"{before} were mixed to {after}")


def reduced(bits: int, to: int, *, floating: bool = False) -> Remark:
    """Say that samples lost bits."""
    kind = "float" if floating else "bit"
    return Remark(
        "bit_depth_reduced", f"{bits}-{kind} samples were reduced to {to} bits, with dither"
    )


def no_tags(target: Format) -> str:
    """Why a format dropped the tags."""
    return f"{target.name} has no room for tags"


def no_cover(target: Format) -> str:
    """Why a format dropped the cover."""
    return f"{target.name} keeps no covers"


def no_chapters(target: Format) -> str:
    """Why a format dropped the chapters."""
    return f"{target.name} keeps no chapters"


LOSSES: Final = ("tag_dropped", "cover_dropped", "chapters_dropped")


def losses(report: Report) -> tuple[Remark, ...]:
    """Remark on what did not arrive, though nobody asked for that."""
    found = []
    lost = [tag for tag in report.tags if tag.fate is Fate.DROPPED]
    if lost:
        names = ", ".join(tag.name[:64] for tag in lost[:_SHOWN_NAMES])
        more = f" and {len(lost) - _SHOWN_NAMES} more" if len(lost) > _SHOWN_NAMES else ""
        what = "1 tag was" if len(lost) == 1 else f"{len(lost)} tags were"
        found.append(Remark("tag_dropped", f"{what} dropped ({names}{more}): {lost[0].why}"))
    if report.cover and report.cover.fate is Fate.DROPPED:
        found.append(Remark("cover_dropped", f"the cover was dropped: {report.cover.why}"))
    if report.chapters and report.chapters.fate is Fate.DROPPED:
        gone = report.chapters.before - report.chapters.after
        found.append(
            Remark("chapters_dropped", f"{gone} chapters were dropped: {report.chapters.why}")
        )
    return tuple(found)
