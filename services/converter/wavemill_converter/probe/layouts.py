"""Channel layouts by the names that ffmpeg gives them."""

import re
from typing import Final

_NAMED: Final = {
    "mono": 1,
    "stereo": 2,
    "downmix": 2,
    "binaural": 2,
    "quad": 4,
    "hexagonal": 6,
    "octagonal": 8,
    "cube": 8,
    "hexadecagonal": 16,
}
# Where the surround speakers stand differs, what they play does not: nothing is mixed.
_SAME: Final = {
    "quad(side)": "quad",
    "5.0(side)": "5.0",
    "5.1(side)": "5.1",
    "6.1(back)": "6.1",
}


def channels_of(layout: str) -> int:
    """Count the channels of a layout; 0 if the name is not known."""
    named = _NAMED.get(layout.split("(", maxsplit=1)[0])
    if named:
        return named
    if counted := re.match(r"(\d+) channels", layout):
        return int(counted[1])
    if speakers := re.match(r"\d+(?:\.\d+){1,2}(?!\d)", layout):
        return sum(map(int, speakers[0].split(".")))
    if order := re.match(r"ambisonic (\d+)", layout):
        return (int(order[1]) + 1) ** 2
    return 0


def are_alike(one: str, other: str) -> bool:
    """Whether going from one layout to the other mixes nothing."""
    return _SAME.get(one, one) == _SAME.get(other, other)
