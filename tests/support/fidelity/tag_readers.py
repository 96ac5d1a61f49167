"""Tag readers: what mutagen and the system's ffprobe find in a file; nothing of ours is asked.

The names are made the same here, by a table of its own.
"""

import base64
import json
import subprocess
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import mutagen
from mutagen.aiff import AIFF
from mutagen.apev2 import APENoHeaderError, APEv2
from mutagen.asf import ASF
from mutagen.flac import FLAC, Picture
from mutagen.mp3 import MP3
from mutagen.mp4 import MP4
from mutagen.wavpack import WavPack

from support.fidelity.judges import FFPROBE

_SAME = {
    "TIT2": "title", "TPE1": "artist", "TALB": "album", "TPE2": "album_artist",
    "TCOM": "composer", "TCON": "genre", "TDRC": "date", "TRCK": "track", "TPOS": "disc",
    "TCOP": "copyright", "TPUB": "publisher", "TLAN": "language", "TENC": "encoded_by",
    "TSRC": "isrc", "TBPM": "bpm", "TIT1": "grouping", "COMM": "comment", "USLT": "lyrics",
    "©nam": "title", "©ART": "artist", "©alb": "album", "aART": "album_artist",
    "©wrt": "composer", "©gen": "genre", "©day": "date", "©cmt": "comment",
    "cprt": "copyright", "©lyr": "lyrics", "©grp": "grouping", "trkn": "track", "disk": "disc",
    "tmpo": "bpm",
    "albumartist": "album_artist", "album artist": "album_artist", "tracknumber": "track",
    "discnumber": "disc", "encoded-by": "encoded_by", "encodedby": "encoded_by", "year": "date",
    "author": "artist", "description": "comment", "wm/albumtitle": "album",
    "wm/albumartist": "album_artist", "wm/composer": "composer", "wm/genre": "genre",
    "wm/year": "date", "wm/tracknumber": "track", "wm/partofset": "disc",
    "wm/publisher": "publisher", "wm/language": "language", "wm/lyrics": "lyrics",
    "wm/encodedby": "encoded_by", "wm/isrc": "isrc", "wm/beatsperminute": "bpm",
    "wm/contentgroupdescription": "grouping", "wm/mood": "mood",
}  # fmt: skip


@dataclass
class Found:
    """What a file holds: tags by their usual names, with all of their values; covers; chapters."""

    tags: dict[str, list[str]] = field(default_factory=dict)
    covers: list[bytes] = field(default_factory=list)
    chapters: list[tuple[float, str]] = field(default_factory=list)

    def add(self, name: str, *values: object) -> None:
        """Add values of a tag."""
        usual = _SAME.get(name) or _SAME.get(name.lower()) or name.lower()
        self.tags.setdefault(usual, []).extend(str(value) for value in values)

    def holds(self, name: str, value: str) -> bool:
        """Whether a tag has this value, also if number and total are in two tags."""
        values = self.tags.get(name.lower(), [])
        if name in ("track", "disc"):
            number, _, total = value.partition("/")
            return value in values or (
                number in values and total in self.tags.get(f"{name}total", [])
            )
        return value in values


def read_tags(path: Path) -> Found:
    """Ask mutagen, and for what it does not read ffprobe."""
    shown = _ffprobe(path)
    found = Found(chapters=_chapters(shown))
    file = _opened(path)
    tags: Any = getattr(file, "tags", None) or {}
    if isinstance(file, MP3 | AIFF):
        _read_id3(found, tags)
    elif isinstance(file, MP4):
        _read_mp4(found, tags)
    elif isinstance(file, ASF | WavPack):
        _read_texts(found, tags)
    elif isinstance(file, APEv2):
        _read_texts(found, file)
    elif file is not None:
        _read_xiph(found, file)
    elif path.suffix == ".caf":
        _read_caf(found, path.read_bytes())
    else:
        _read_shown(found, shown, path)
    return found


def _opened(path: Path) -> Any:
    if path.suffix == ".tta":
        try:
            return APEv2(path)
        except APENoHeaderError:
            return APEv2()
    return None if path.suffix in {".wav", ".mka", ".webm", ".caf"} else mutagen.File(path)


def _read_id3(found: Found, frames: Mapping[str, Any]) -> None:
    for key, frame in frames.items():
        kind = key.partition(":")[0]
        if kind == "APIC":
            found.covers.append(frame.data)
        elif kind == "TXXX":
            found.add(frame.desc, *frame.text)
        elif kind == "USLT":
            found.add(kind, frame.text)
        elif kind.startswith("T") or kind == "COMM":
            found.add(kind, *frame.text)


def _read_mp4(found: Found, atoms: Mapping[str, Any]) -> None:
    for key, values in atoms.items():
        if key == "covr":
            found.covers += [bytes(one) for one in values]
        elif key in ("trkn", "disk"):
            found.add(key, *(f"{number}/{total}" for number, total in values))
        elif key.startswith("----"):
            found.add(key.rpartition(":")[2], *(bytes(one).decode() for one in values))
        elif isinstance(values, list):
            found.add(key, *values)


def _read_texts(found: Found, tags: Any) -> None:
    for key, value in tags.items():
        if key == "Cover Art (Front)":
            found.covers.append(value.value.partition(b"\0")[2])
        elif key == "WM/Picture":
            found.covers += [_picture_of(bytes(one.value)) for one in value]
        else:
            found.add(key, *(value if isinstance(value, list) else [value]))


def _picture_of(block: bytes) -> bytes:
    """The bytes of a WM/Picture: behind its kind, their length, a MIME type and a description."""
    return block[-int.from_bytes(block[1:5], "little") :]


def _read_xiph(found: Found, file: Any) -> None:
    for key, value in file.tags or []:
        if key.lower() == "metadata_block_picture":
            found.covers.append(Picture(base64.b64decode(value)).data)
        elif not key.lower().startswith("chapter"):
            found.add(key, value)
    if isinstance(file, FLAC):
        found.covers += [picture.data for picture in file.pictures]


def _read_shown(found: Found, shown: dict[str, Any], path: Path) -> None:
    for key, value in shown["format"].get("tags", {}).items():
        found.add(key, value)
    for stream in shown["streams"]:
        if stream.get("disposition", {}).get("attached_pic"):
            words = ["-v", "error", "-i", str(path), "-map", f"0:{stream['index']}", "-c", "copy"]
            command = ["ffmpeg", *words, "-f", "image2pipe", "pipe:1"]
            found.covers.append(subprocess.run(command, check=True, capture_output=True).stdout)


def _read_caf(found: Found, data: bytes) -> None:
    """Read the chunk "info" by hand: ffprobe shows no more than the start of a long value."""
    at = 8
    while at < len(data):
        kind, size = data[at : at + 4], int.from_bytes(data[at + 4 : at + 12], "big")
        if kind == b"info":
            texts = data[at + 16 : at + 12 + size].split(b"\0")
            for name, value in zip(texts[::2], texts[1::2], strict=False):
                found.add(name.decode(), value.decode())
        at += 12 + size


def _chapters(shown: dict[str, Any]) -> list[tuple[float, str]]:
    return [
        (float(one["start_time"]), one.get("tags", {}).get("title", ""))
        for one in shown["chapters"]
    ]


def _ffprobe(path: Path) -> dict[str, Any]:
    words = ["-v", "error", "-show_format", "-show_streams", "-show_chapters", "-of", "json"]
    shown = subprocess.run([str(FFPROBE), *words, str(path)], check=True, capture_output=True)
    found: dict[str, Any] = json.loads(shown.stdout)
    return found
