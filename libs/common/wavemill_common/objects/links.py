"""Links: how a slice of a file is named on disk. The text of a symbolic link that leads nowhere."""

import re
from pathlib import Path

from wavemill_common.objects import Slice

_TEXT = re.compile(r"slice@([0-9]+)\+([0-9]+)=(.+)")


def text_of(place: Slice) -> str:
    """Write a slice: `slice@25165824+8388608=uploads/k7.wav`, its start, its size, its whole."""
    return f"slice@{place.start}+{place.size}={place.whole}"


def slice_of(text: str) -> Slice | None:
    """Read what `text_of` wrote; None for a link of somebody else's."""
    found = _TEXT.fullmatch(text)
    return found and Slice(whole=found[3], start=int(found[1]), size=int(found[2]))


def slice_at(path: Path) -> Slice | None:
    """Read the slice that a path names; None where something else is there, or nothing."""
    try:
        return slice_of(str(path.readlink()))
    except OSError:
        return None
