"""Judges: other programs, and how long they find a file to be. None: they cannot read it."""

import re
import shutil
import subprocess
import wave
from collections.abc import Callable
from pathlib import Path

import mutagen
from media_files import FFMPEG, run

from support.audio import described

FFPROBE = shutil.which("ffprobe")
FLAC = shutil.which("flac")

# Samples per packet where no header tells a length: any other figure is a guess by the bitrate.
_FRAMES = {".aac": 1024, ".amr": 160}

_FIRST = re.compile(r" n: *0 pts:\S+ pts_time:(\S+)")

Judge = Callable[[Path], float | None]


def seconds_of(path: Path) -> float:
    """Decode the first audio stream and count its samples."""
    rate, channels = described(path)
    words = ("-map", "0:a:0", "-c:a", "pcm_s16le", "-f", "s16le", "pipe:1")
    return len(run("-i", path, *words)) / 2 / channels / rate


def start_of(path: Path) -> float:
    """When the first sample of the first audio stream is due, in seconds: WMA's decoder is late."""
    words = ["-i", str(path), "-map", "0:a:0", "-af", "ashowinfo", "-frames:a", "1", "-f", "null"]
    shown = subprocess.run([FFMPEG, *words, "-"], check=True, capture_output=True, text=True).stderr
    found = _FIRST.search(shown)
    assert found, shown
    return max(0.0, float(found[1]))


def by_wave(path: Path) -> float | None:
    """Python's own reader: integer PCM only, and no extensible header before Python 3.12."""
    if path.suffix != ".wav":
        return None
    try:
        with wave.open(str(path)) as file:
            return float(file.getnframes() / file.getframerate())
    except wave.Error:
        return None


def by_mutagen(path: Path) -> float | None:
    """The library of taggers and players."""
    found = None if path.suffix in _FRAMES else mutagen.File(path)
    return None if found is None else float(getattr(found.info, "length", 0.0)) or None


def by_ffprobe(path: Path) -> float | None:
    """The system's own ffprobe, of another version than the ffmpeg that made the file."""
    if path.suffix in _FRAMES:
        rate, _ = described(path)
        counted = _ask_ffprobe(path, "stream=nb_read_packets", "-count_packets")
        return None if counted is None else counted * _FRAMES[path.suffix] / rate
    return _ask_ffprobe(path, "format=duration")


def _ask_ffprobe(path: Path, what: str, *how: str) -> float | None:
    words = ["-v", "error", *how, "-show_entries", what, "-of", "csv=p=0", str(path)]
    shown = subprocess.run([str(FFPROBE), *words], check=True, capture_output=True, text=True)
    return None if "N/A" in shown.stdout else float(shown.stdout.split()[0])


def by_flac(path: Path) -> float | None:
    """The reference decoder: it decodes all, and compares the count and the MD5 in the header."""
    if path.suffix != ".flac":
        return None
    subprocess.run([str(FLAC), "--totally-silent", "-t", str(path)], check=True)
    head = path.read_bytes()[:42]  # fLaC, a block's header, STREAMINFO
    packed = int.from_bytes(head[18:26], "big")
    return (packed & (1 << 36) - 1) / (packed >> 44)


JUDGES: dict[str, Judge] = {"wave": by_wave, "mutagen": by_mutagen}
ABSENT: dict[str, str] = {}
for _name, _program, _judge in (("flac -t", FLAC, by_flac), ("ffprobe", FFPROBE, by_ffprobe)):
    if _program:
        JUDGES[_name] = _judge
    else:
        ABSENT[_name] = "the program is not installed here"


def versions() -> dict[str, str]:
    """What took part, by name."""
    found = {
        "ffmpeg (the converter's)": _version(FFMPEG, "-version"),
        "mutagen": mutagen.version_string,
    }
    if FFPROBE:
        found["ffprobe"] = _version(FFPROBE, "-version")
    if FLAC:
        found["flac"] = _version(FLAC, "--version")
    return found


def _version(program: str, flag: str) -> str:
    shown = subprocess.run([program, flag], check=True, capture_output=True, text=True).stdout
    words = shown.split()
    return words[words.index("version") + 1] if "version" in words else words[1]
