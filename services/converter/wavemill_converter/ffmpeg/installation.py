"""Find ffmpeg once, and learn which formats of the catalogue it really makes."""

import asyncio
import re
import shutil

import imageio_ffmpeg
from msgspec import Struct

from wavemill_common.errors import FfmpegMissing
from wavemill_converter.ffmpeg.codecs import CODECS
from wavemill_converter.sandbox import Sandbox
from wavemill_converter.sandbox.launching import Launcher
from wavemill_converter.sandbox.process import output_of

ANSWER_TIME = 20.0  # seconds that an ffmpeg has to tell what it can do; it needs 0.1
QUESTIONS = ("-version", "-encoders", "-muxers", "-protocols")
_HELP = (
    "install ffmpeg 5 or newer (apt-get install ffmpeg, brew install ffmpeg, or "
    "pip install imageio-ffmpeg) or set WAVEMILL_FFMPEG to its path"
)


class Ffmpeg(Struct, frozen=True):
    """An ffmpeg that runs: its path, its version, the catalogue's formats that it makes.

    `knows_fd`: it can read and write an inherited file by number (`-fd N fd:`, since ffmpeg 6).
    `sandbox` contains it whenever it works on a file; None where it is not contained. `launcher`
    starts it; None where we do so ourselves.
    """

    path: str
    version: str
    formats: tuple[str, ...]
    knows_fd: bool = False
    sandbox: Sandbox | None = None
    launcher: Launcher | None = None


async def find_ffmpeg(explicit: str | None = None) -> Ffmpeg:
    """Take the ffmpeg that the settings name; else the bundled one; else the one on PATH.

    Raises:
        FfmpegMissing: none of them runs; the message says what to install.
    """
    if explicit:
        found = shutil.which(explicit)
        if found is None:
            raise FfmpegMissing(f"there is no program at WAVEMILL_FFMPEG={explicit!r}; {_HELP}")
        return await inspect(found)
    bundled = await asyncio.to_thread(_bundled)
    failure = FfmpegMissing(f"ffmpeg was not found; {_HELP}")
    for candidate in (bundled, shutil.which("ffmpeg")):
        if candidate is not None:
            try:
                return await inspect(candidate)
            except FfmpegMissing as error:
                failure = error
    raise failure


async def inspect(path: str) -> Ffmpeg:
    """Ask an ffmpeg what it is and what it can do.

    Raises:
        FfmpegMissing: it does not run, or it makes none of our formats.
    """
    try:
        version, encoders, muxers, protocols = await asyncio.gather(
            *(_ask(path, question) for question in QUESTIONS)
        )
    except (OSError, TimeoutError) as error:
        raise FfmpegMissing(f"{path} does not run as ffmpeg ({error}); {_HELP}") from error
    formats = offered_formats(parse_encoders(encoders), parse_muxers(muxers))
    if not formats:
        raise FfmpegMissing(f"{path} makes none of our formats; {_HELP}")
    knows_fd = "fd" in protocols.partition("Output:")[2].split()
    return Ffmpeg(path, parse_version(version), formats, knows_fd)


def parse_encoders(text: str) -> frozenset[str]:
    """Read the audio encoders' names in what -encoders prints."""
    return frozenset(re.findall(r"^ A[A-Z.]{5} (\S+)", text, re.MULTILINE))


def parse_muxers(text: str) -> frozenset[str]:
    """Read the names in what -muxers prints."""
    rows = re.findall(r"^ [ D.]E[ d.]? +(\S+)", text, re.MULTILINE)
    return frozenset(name for row in rows for name in row.split(","))


def offered_formats(encoders: frozenset[str], muxers: frozenset[str]) -> tuple[str, ...]:
    """Name the catalogue's formats that these encoders and muxers can make."""
    return tuple(
        name
        for name, codec in CODECS.items()
        if codec.muxer in muxers and encoders.issuperset(codec.encoders)
    )


def parse_version(text: str) -> str:
    """Read the version in what -version prints, such as 5.1.9-0+deb12u1; "unknown" if none."""
    found = re.match(r"ffmpeg version n?(\S+)", text)
    return found[1] if found else "unknown"


async def _ask(path: str, question: str) -> str:
    _, out, _ = await output_of([path, "-hide_banner", question], seconds=ANSWER_TIME)
    return out


def _bundled() -> str | None:
    try:
        path: str = imageio_ffmpeg.get_ffmpeg_exe()
    except (RuntimeError, OSError):
        return None  # this platform's wheel has no binary
    return shutil.which(path)
