"""Audio for tests: generated inputs, and what ffmpeg says that a file decodes to."""

import re
import subprocess
from pathlib import Path

from imageio_ffmpeg import get_ffmpeg_exe

FFMPEG = str(get_ffmpeg_exe())


def make_sweep(path: Path, seconds: float, *, rate: int = 44_100, channels: int = 2) -> Path:
    """Write a rising tone; its format follows the path's extension."""
    tones = "|".join(f"0.4*sin(2*PI*({200 + 90 * one}+t*20)*t)" for one in range(channels))
    return generate(path, f"aevalsrc={tones}:s={rate}:d={seconds}")


def make_noise(path: Path, seconds: float, *options: str) -> Path:
    """Write stereo noise, the most work for an encoder."""
    return generate(path, f"anoisesrc=d={seconds}:r=44100:a=0.3,pan=stereo|c0=c0|c1=c0", *options)


def generate(path: Path, source: str, *options: str) -> Path:
    """Write what an ffmpeg filter graph makes."""
    run(["-f", "lavfi", "-i", source, *options, "-y", str(path)])
    return path


def decoded(path: Path) -> tuple[float, int, int]:
    """Decode a whole file: (seconds, sample rate, channels), counted, not believed."""
    rate, channels = described(path)
    raw = subprocess.run(
        [FFMPEG, "-v", "error", "-i", str(path), "-map", "0:a:0", "-f", "s16le", "-c:a",
         "pcm_s16le", "pipe:1"],
        check=True,
        capture_output=True,
    ).stdout  # fmt: skip
    return len(raw) / 2 / channels / rate, rate, channels


def described(path: Path) -> tuple[int, int]:
    """The sample rate and the channel count that a file decodes to."""
    shown = subprocess.run(
        [FFMPEG, "-hide_banner", "-i", str(path)], check=False, capture_output=True, text=True
    ).stderr
    found = re.search(r"Audio:.*?(\d+) Hz, (mono|stereo|quad|[\d.]+)", shown)
    assert found, shown
    named = {"mono": 1, "stereo": 2, "quad": 4}
    return int(found[1]), named.get(found[2]) or sum(map(int, found[2].split(".")))


def run(arguments: list[str]) -> None:
    """Run the bundled ffmpeg; it must succeed."""
    subprocess.run([FFMPEG, "-nostdin", "-v", "error", *arguments], check=True)
