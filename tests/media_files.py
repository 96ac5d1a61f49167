"""Audio files for tests: the real clip, and others made from it by the bundled ffmpeg."""

import subprocess
from pathlib import Path

import imageio_ffmpeg

ASSETS = Path(__file__).parent / "assets"
FFMPEG: str = imageio_ffmpeg.get_ffmpeg_exe()

METADATA = """;FFMETADATA1
title=Tïtle \\= with \\; stuff
artist=Someone
comment=line one\\
line two
[CHAPTER]
TIMEBASE=1/1000
START=0
END=1000
title=First
[CHAPTER]
TIMEBASE=1/1000
START=1000
END=2000
title=Second
"""

_TONE = "sine=f=440:r={rate}:d=2,volume=0.5"
_VIDEO = "-f lavfi -i testsrc=d=2 -f lavfi -i sine=d=2 -pix_fmt yuv420p -c:a aac"
_TAGGED = "-map 0:a -map 1:v -map_metadata 2 -map_chapters 2 -c:v copy -disposition:v attached_pic"


def run(*arguments: str | Path) -> bytes:
    """Run the bundled ffmpeg; return what it wrote to stdout."""
    words = [FFMPEG, "-nostdin", "-v", "error", "-y", *map(str, arguments)]
    return subprocess.run(words, check=True, capture_output=True).stdout


def decoded(path: Path) -> bytes:
    """Return the first audio stream as 16-bit samples."""
    return run("-i", path, "-map", "0:a:0", "-c:a", "pcm_s16le", "-f", "s16le", "pipe:1")


def make_inputs(folder: Path) -> dict[str, Path]:
    """Make all generated inputs; return them by name."""
    tone(folder / "deep.wav", "-c:a pcm_s24le", rate=48_000)
    tone(folder / "float.wav", "-c:a pcm_f32le")
    tone(folder / "surround.flac", "-ac 6 -sample_fmt s16", rate=48_000)
    tone(folder / "phone.wav", "-ac 1", rate=8_000)
    tone(folder / "fast.flac", "-c:a flac -sample_fmt s16", rate=96_000)
    _tagged(folder)
    clip = (ASSETS / "lena.mp3").read_bytes()
    (folder / "cut.mp3").write_bytes(clip[: len(clip) // 2])
    clip = (ASSETS / "lena.flac").read_bytes()
    (folder / "cut.flac").write_bytes(clip[: len(clip) // 2])
    tone(folder / "noxing.mp3", "-c:a libmp3lame -b:a 128k -write_xing 0")
    streamed = run("-i", folder / "deep.wav", "-c:a", "pcm_s16le", "-f", "wav", "pipe:1")
    (folder / "streamed.wav").write_bytes(streamed)
    run(*_VIDEO.split(), folder / "video.mp4")
    return {path.name: path for path in folder.iterdir() if path.suffix not in {".txt", ".jpg"}}


def tone(path: Path, arguments: str, rate: int = 44_100) -> None:
    """Make two seconds of a stereo tone."""
    words = arguments.split()
    channels = [] if "-ac" in words else ["-ac", "2"]
    run("-f", "lavfi", "-i", _TONE.format(rate=rate), *channels, *words, path)


def _tagged(folder: Path) -> None:
    (folder / "tags.txt").write_text(METADATA)
    cover = folder / "cover.jpg"
    run("-f", "lavfi", "-i", "color=red:s=64x64", "-frames:v", "1", cover)
    inputs = ("-i", folder / "deep.wav", "-i", cover, "-f", "ffmetadata", "-i", folder / "tags.txt")
    run(*inputs, *_TAGGED.split(), "-c:a", "libmp3lame", folder / "full.mp3")
    run(*inputs, *_TAGGED.split(), "-c:a", "aac", folder / "full.m4a")
    opus = ["-map", "0:a", "-map_metadata", "2", "-map_chapters", "2", "-c:a", "libopus"]
    run(*inputs, *opus, folder / "full.opus")
