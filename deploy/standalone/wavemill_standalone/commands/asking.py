"""Asking: the options of a conversion, as the command line names them."""

import argparse
import base64
import json
import re
from pathlib import Path
from typing import Any

from wavemill_standalone.commands.exits import UsageError

_TIME = re.compile(r"(?:(?:(\d+):)?(\d{1,2}):)?(\d+(?:\.\d+)?)")
_PICTURES = {b"\xff\xd8\xff": "image/jpeg", b"\x89PNG": "image/png"}
_PLAIN = {
    "sample_rate": "sampleRate",
    "channels": "channels",
    "bit_depth": "bitDepth",
    "trim_start": "trimStart",
    "trim_end": "trimEnd",
    "fade_in": "fadeIn",
    "fade_out": "fadeOut",
    "chapters": "chapters",
}


def add_options(parser: argparse.ArgumentParser) -> None:
    """Their grammar."""
    group = parser.add_argument_group(
        "sound", "times are seconds or [H:]MM:SS; what is left out stays as it is"
    )
    for flag, what in (("--trim-start", "begin there"), ("--trim-end", "end there")):
        group.add_argument(flag, type=read_time, metavar="TIME", help=what)
    for flag, what in (("--fade-in", "fade in for so long"), ("--fade-out", "fade out, as well")):
        group.add_argument(flag, type=read_time, metavar="TIME", help=what)
    group.add_argument("--loudness", type=float, metavar="LUFS", help="EBU R128, such as -16")
    group.add_argument("--true-peak", type=float, metavar="DBTP", help="with it: no peak above")
    group.add_argument("--sample-rate", type=int, metavar="HZ", help="resample")
    group.add_argument("--channels", type=int, metavar="N", help="mix to so many")
    group.add_argument("--bit-depth", type=int, metavar="BITS", help="16, 24, or 32 (float)")
    group.add_argument("--preview", action="store_true", help="the first 15 seconds only")
    group = parser.add_argument_group("tags, cover, chapters")
    group.add_argument(
        "--tag", action="append", metavar="NAME=VALUE", help="set a tag; NAME= removes one"
    )
    group.add_argument("--strip-tags", action="store_true", help="keep none of the source's tags")
    group.add_argument("--cover", metavar="FILE", help="a JPEG or PNG; or keep, or remove")
    group.add_argument("--chapters", choices=("keep", "remove"), help="of the source")
    group.add_argument("--split", choices=("chapters",), help="make a file of each, in a folder")
    group.add_argument(
        "--option",
        action="append",
        metavar="NAME=VALUE",
        help="any other of docs/api.md; VALUE may be JSON, NAME loudness.targetLufs",
    )


def read_options(parsed: argparse.Namespace) -> dict[str, Any]:
    """The options that were asked for, as the interface names them.

    Raises:
        UsageError: one cannot be read.
    """
    options = {
        name: value for flag, name in _PLAIN.items() if (value := getattr(parsed, flag)) is not None
    }
    loudness = {"targetLufs": parsed.loudness, "truePeakDb": parsed.true_peak}
    if given := {name: value for name, value in loudness.items() if value is not None}:
        options["loudness"] = given
    if parsed.tag:
        options["metadata"] = dict(_pair(one, "--tag") for one in parsed.tag)
    if parsed.strip_tags:
        options["stripMetadata"] = True
    if parsed.cover is not None:
        options["cover"] = _cover(parsed.cover)
    if parsed.split is not None:
        options["split"] = parsed.split
    for one in parsed.option or ():
        _put(options, *_pair(one, "--option"))
    return options


def read_time(text: str) -> float:
    """Read 90, 1:30 or 0:01:30.5 as seconds. Pure."""
    found = _TIME.fullmatch(text)
    if found is None:
        raise argparse.ArgumentTypeError(f"{text!r} is no time; write 90, 1:30 or 0:01:30.5")
    hours, minutes, seconds = (float(part or 0) for part in found.groups())
    return hours * 3600 + minutes * 60 + seconds


def _pair(text: str, flag: str) -> tuple[str, str]:
    name, separator, value = text.partition("=")
    if not (name and separator):
        raise UsageError(f"{flag} takes NAME=VALUE, not {text!r}")
    return name, value


def _put(options: dict[str, Any], name: str, text: str) -> None:
    """Put a value where a name such as loudness.targetLufs says."""
    try:
        value = json.loads(text)
    except json.JSONDecodeError:
        value = text
    *outer, last = name.split(".")
    for part in outer:
        options = options.setdefault(part, {})
        if not isinstance(options, dict):
            raise UsageError(f"--option {name}: {part} has no parts")
    options[last] = value


def _cover(text: str) -> str:
    if text in ("keep", "remove"):
        return text
    try:
        data = Path(text).read_bytes()
    except OSError as error:
        raise UsageError(f"--cover {text}: {error.strerror}") from None
    mime = next((mime for magic, mime in _PICTURES.items() if data.startswith(magic)), None)
    if mime is None:
        raise UsageError(f"--cover {text} is neither a JPEG nor a PNG")
    return f"data:{mime};base64,{base64.b64encode(data).decode()}"
