"""Inputs of every kind: two seconds each, made by ffmpeg; and the real clip, whole and cut."""

from collections.abc import Callable
from pathlib import Path

from media_files import ASSETS, METADATA, run

_SWEEP = "aevalsrc=0.4*sin(2*PI*(200+90*t)*t)|0.4*sin(2*PI*(290+70*t)*t):s={rate}:d=2"
_SURROUND = "aevalsrc=" + "|".join(f"0.3*sin({1000 + 300 * one}*t)" for one in range(6))
_VIDEO = "-f lavfi -i testsrc=d=2:s=64x64"
_PICTURE = "-map 1:v -c:v copy -disposition:v attached_pic"
_PADDING = 1 << 20  # bytes; as editors leave them, so that tags can grow

# Recipes by name: how the sweep at this rate is encoded.
_PLAIN = {
    "s24.wav": (48_000, "-c:a pcm_s24le"),
    "s32.wav": (44_100, "-c:a pcm_s32le"),
    "u8.wav": (22_050, "-c:a pcm_u8"),
    "float.wav": (44_100, "-c:a pcm_f32le"),
    "double.wav": (48_000, "-c:a pcm_f64le"),
    "phone.wav": (8_000, "-ac 1"),
    "fast.wav": (96_000, "-c:a pcm_s24le"),
    "rf64.wav": (44_100, "-rf64 always"),
    "long.w64": (44_100, "-f w64"),
    "ulaw.au": (8_000, "-ac 1 -c:a pcm_mulaw"),
    "noxing.mp3": (44_100, "-c:a libmp3lame -b:a 128k -write_xing 0"),
    "vbr.mp3": (44_100, "-c:a libmp3lame -q:a 4"),
    "low.mp3": (16_000, "-c:a libmp3lame -b:a 32k -ac 1"),
    "front.m4a": (48_000, "-c:a aac -movflags +faststart"),
    "fragments.m4a": (44_100, "-c:a aac -movflags +frag_keyframe+empty_moov"),
    "alac.m4a": (44_100, "-c:a alac"),
    "deep.alac.m4a": (96_000, "-c:a alac -sample_fmt s32p"),
    "stream.aac": (44_100, "-c:a aac -f adts"),
    "flac.oga": (44_100, "-c:a flac -f ogg"),
    "lossless.wv": (44_100, "-c:a wavpack"),
    "lossless.tta": (44_100, "-c:a tta"),
    "alac.caf": (44_100, "-c:a alac"),
    "pcm.caf": (48_000, "-c:a pcm_s16be"),
    "flac.mka": (44_100, "-c:a flac"),
    "opus.webm": (48_000, "-c:a libopus"),
    "sound.wma": (44_100, "-c:a wmav2"),
    "dolby.ac3": (48_000, "-c:a ac3"),
    "layer2.mp2": (48_000, "-c:a mp2"),
    "speech.amr": (8_000, "-ac 1 -c:a libopencore_amrnb"),
    "adpcm.wav": (22_050, "-c:a adpcm_ima_wav"),
    "radio.ts": (48_000, "-c:a aac -f mpegts"),
}
_TAGGED = {
    "tags.ogg": "-c:a libvorbis",
    "chapters.opus": "-c:a libopus",
    "chapters.mka": "-c:a libvorbis",
    "tags.wav": "-c:a pcm_s16le",
}
_COVERED = {
    "cover.mp3": "-c:a libmp3lame -q:a 2 -id3v2_version 3 -write_id3v1 1",
    "end.m4a": "-c:a aac",
    "book.m4b": "-c:a aac -b:a 64k -f ipod",
    "cover.flac": "-c:a flac",
    "id3.aiff": "-write_id3v2 1",
}
_SURROUNDED = {
    "surround.wav": "-c:a pcm_s16le",
    "surround.flac": "-c:a flac -sample_fmt s16",
    "surround.m4a": "-c:a aac",
}
_VIDEOS = {
    "video.mp4": "-pix_fmt yuv420p -c:v mpeg4 -c:a aac",
    "video.mkv": "-pix_fmt yuv420p -c:v mpeg4 -c:a libvorbis",
    "video.avi": "-pix_fmt yuv420p -c:v mpeg4 -c:a libmp3lame",
}
CUT = ("mp3", "flac", "ogg", "wav")
LENA = tuple(f"lena.{one}" for one in ("wav", "flac", "mp3", "m4a", "ogg"))
UNKNOWN_LENGTH = "unknown.wav"
PADDED = "padded.flac"


def sweep(rate: int) -> list[str]:
    """The words for two seconds of a rising stereo tone."""
    return ["-f", "lavfi", "-i", _SWEEP.format(rate=rate)]


class Inputs:
    """Makes each input when it is first asked for."""

    def __init__(self, folder: Path) -> None:
        self._folder = folder
        self._makers = _makers()

    @property
    def names(self) -> tuple[str, ...]:
        """All that there are."""
        return tuple(self._makers)

    def path(self, name: str) -> Path:
        """Where the input is; it exists."""
        path = self._folder / name
        if not path.exists():
            self._makers[name](path)
        return path


def _makers() -> dict[str, Callable[[Path], object]]:
    makers: dict[str, Callable[[Path], object]] = dict.fromkeys(LENA, _clip)
    makers |= {name: _plain(rate, words) for name, (rate, words) in _PLAIN.items()}
    makers |= {name: _tagged(words, picture=False) for name, words in _TAGGED.items()}
    makers |= {name: _tagged(words, picture=True) for name, words in _COVERED.items()}
    makers |= {name: _surrounded(words) for name, words in _SURROUNDED.items()}
    makers |= {name: _video(words) for name, words in _VIDEOS.items()}
    makers |= {f"cut.{kind}": _cut for kind in CUT}
    return makers | {UNKNOWN_LENGTH: _of_unknown_length, PADDED: _padded}


def _clip(path: Path) -> None:
    path.write_bytes((ASSETS / path.name).read_bytes())


def _cut(path: Path) -> None:
    whole = (ASSETS / f"lena{path.suffix}").read_bytes()
    path.write_bytes(whole[: len(whole) // 2])


def _plain(rate: int, words: str) -> Callable[[Path], object]:
    channels = [] if "-ac" in words.split() else ["-ac", "2"]
    return lambda path: run(*sweep(rate), *channels, *words.split(), path)


def _surrounded(words: str) -> Callable[[Path], object]:
    source = f"{_SURROUND}:s=48000:d=2:c=5.1"
    return lambda path: run("-f", "lavfi", "-i", source, *words.split(), path)


def _video(words: str) -> Callable[[Path], object]:
    return lambda path: run(*_VIDEO.split(), *sweep(44_100), *words.split(), path)


def _of_unknown_length(path: Path) -> None:
    path.write_bytes(run(*sweep(44_100), "-f", "wav", "pipe:1"))


def _padded(path: Path) -> None:
    """A flac whose tags are followed by a block of zeros, behind its STREAMINFO of 42 bytes."""
    run(*sweep(44_100), "-c:a", "flac", "-sample_fmt", "s16", path)
    plain = path.read_bytes()
    padding = bytes([1]) + _PADDING.to_bytes(3, "big") + bytes(_PADDING)
    path.write_bytes(plain[:42] + padding + plain[42:])


def _tagged(words: str, *, picture: bool) -> Callable[[Path], None]:
    def make(path: Path) -> None:
        tags, cover = path.with_suffix(".tags"), path.with_suffix(".cover.png")
        tags.write_text(METADATA)
        run("-f", "lavfi", "-i", "testsrc=s=128x128", "-frames:v", "1", cover)
        inputs: list[str | Path] = [*sweep(44_100), "-i", cover, "-f", "ffmetadata", "-i", tags]
        chosen = ["-map", "0:a", "-map_metadata", "2", "-map_chapters", "2"]
        run(*inputs, *chosen, *(_PICTURE.split() if picture else ()), *words.split(), path)

    return make


NAMES = tuple(_makers())
