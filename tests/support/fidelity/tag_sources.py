"""Tag sources: two seconds in every container that holds tags, tagged by mutagen where it can.

Each has twenty tags, a cover and eight chapters where its container holds them, under the names
and in the frames that taggers use for it.
"""

import base64
from collections.abc import Callable
from pathlib import Path
from typing import Any

from media_files import run
from mutagen.aiff import AIFF
from mutagen.apev2 import APEBinaryValue, APEv2
from mutagen.asf import ASF
from mutagen.asf._attrs import ASFByteArrayAttribute
from mutagen.flac import FLAC, Picture
from mutagen.id3 import (
    APIC,
    COMM,
    ID3,
    TALB,
    TBPM,
    TCOM,
    TCON,
    TCOP,
    TDRC,
    TENC,
    TIT1,
    TIT2,
    TLAN,
    TPE1,
    TPE2,
    TPOS,
    TPUB,
    TRCK,
    TSRC,
    TXXX,
    USLT,
)
from mutagen.mp4 import MP4, MP4Cover
from mutagen.oggopus import OggOpus
from mutagen.oggvorbis import OggVorbis

from support.fidelity.inputs import sweep

LONG = "Ein längerer Text, 長い文。 " * 217  # five thousand characters
TAGS = {
    "title": "Tïtle = with ; stuff # and \\ all",
    "artist": "Ärtist 日本語 🎵",
    "album": "[CHAPTER]",
    "album_artist": "Various; Others / More",
    "composer": "Компози́тор",
    "genre": "Spoken Word",
    "date": "2021-03-04",
    "track": "3/12",
    "disc": "1/2",
    "comment": "line one\nline two\n\nline four",
    "copyright": "© 2021 Someone",
    "publisher": "Publisher",
    "language": "deu",
    "lyrics": LONG,
    "encoded_by": "A. Person",
    "isrc": "USABC1234567",
    "bpm": "120",
    "grouping": "Group",
    "mood": ".",
    "MY_TAG": "only mine =;#",
}
CHAPTERS = tuple((index * 0.25, f"Kapitel {index} = ☃; #{index}") for index in range(8))
JPEG, PNG = "image/jpeg", "image/png"
_COVERS = {"mp3": PNG, "opus": PNG}  # the others have a JPEG


class Sources:
    """Makes each source when it is first asked for."""

    def __init__(self, folder: Path) -> None:
        self._folder = folder

    def path(self, kind: str) -> Path:
        """Where the source of this kind is; it exists."""
        path = self._folder / f"tags.{kind}"
        if not path.exists():
            how, tagged = _KINDS[kind]
            run(*sweep(48_000), *self._chapters(kind), *how.split(), path)
            tagged(path, self.cover(_COVERS.get(kind, JPEG)))
        return path

    def cover(self, mime: str = JPEG, size: str = "96x64") -> bytes:
        """A picture."""
        path = self._folder / f"cover-{size}.{'png' if mime == PNG else 'jpg'}"
        if not path.exists():
            run("-f", "lavfi", "-i", f"testsrc=s={size}", "-frames:v", "1", path)
        return path.read_bytes()

    def _chapters(self, kind: str) -> list[str | Path]:
        """What gives a container its chapters, and those that mutagen cannot tag their tags."""
        by_ffmpeg = kind in BY_FFMPEG
        path = self._folder / f"tags.{kind}.txt"
        lines = [";FFMETADATA1"]
        if by_ffmpeg:
            lines += [f"{name}={_escaped(value)}" for name, value in TAGS.items()]
        for index, (start, title) in enumerate(CHAPTERS):
            end = CHAPTERS[index + 1][0] if index + 1 < len(CHAPTERS) else 2.0
            span = f"START={round(start * 1000)}\nEND={round(end * 1000)}"
            lines.append(f"[CHAPTER]\nTIMEBASE=1/1000\n{span}\ntitle={_escaped(title)}")
        path.write_text("\n".join(lines) + "\n")
        words: list[str | Path] = ["-f", "ffmetadata", "-i", path, "-map", "0:a"]
        words += ["-map_metadata", "1"]
        words += ["-map_chapters", "1" if kind in WITH_CHAPTERS - XIPH else "-1"]
        if kind == "mka":
            self.cover()
            picture = self._folder / "cover-96x64.jpg"
            words += ["-attach", picture, "-metadata:s:t", f"mimetype={JPEG}"]
        return words


def _escaped(text: str) -> str:
    return "".join(f"\\{one}" if one in "=;#\\\n" else one for one in text)


def _id3(path: Path, cover: bytes) -> None:
    tags: Any = ID3(path) if path.suffix == ".mp3" else AIFF(path)
    if path.suffix == ".aiff" and tags.tags is None:
        tags.add_tags()
    frames: Any = tags if path.suffix == ".mp3" else tags.tags
    plain = {
        TIT2: "title", TPE1: "artist", TALB: "album", TPE2: "album_artist", TCOM: "composer",
        TCON: "genre", TDRC: "date", TRCK: "track", TPOS: "disc", TCOP: "copyright",
        TPUB: "publisher", TLAN: "language", TENC: "encoded_by", TSRC: "isrc", TBPM: "bpm",
        TIT1: "grouping",
    }  # fmt: skip
    for frame, name in plain.items():
        frames.add(frame(encoding=3, text=[TAGS[name]]))
    for name in ("mood", "MY_TAG"):
        frames.add(TXXX(encoding=3, desc=name, text=[TAGS[name]]))
    frames.add(COMM(encoding=3, lang="eng", desc="", text=[TAGS["comment"]]))
    frames.add(USLT(encoding=3, lang="deu", desc="", text=TAGS["lyrics"]))
    mime = PNG if cover.startswith(b"\x89PNG") else JPEG
    frames.add(APIC(encoding=0, mime=mime, type=3, desc="", data=cover))
    tags.save()


def _mp4(path: Path, cover: bytes) -> None:
    file: Any = MP4(path)
    atoms = {
        "©nam": "title", "©ART": "artist", "©alb": "album", "aART": "album_artist",
        "©wrt": "composer", "©gen": "genre", "©day": "date", "©cmt": "comment",
        "cprt": "copyright", "©lyr": "lyrics", "©grp": "grouping",
    }  # fmt: skip
    for atom, name in atoms.items():
        file[atom] = [TAGS[name]]
    file["trkn"], file["disk"], file["tmpo"] = [(3, 12)], [(1, 2)], [120]
    named = ("publisher", "language", "encoded_by", "isrc", "mood", "MY_TAG")
    for name in named:
        file[f"----:com.apple.iTunes:{name}"] = [TAGS[name].encode()]
    file["covr"] = [MP4Cover(cover, MP4Cover.FORMAT_JPEG)]
    file.save()


def _xiph(path: Path, cover: bytes) -> None:
    readers: dict[str, Any] = {".flac": FLAC, ".ogg": OggVorbis, ".opus": OggOpus}
    file: Any = readers[path.suffix](path)
    names = {"album_artist": "ALBUMARTIST", "encoded_by": "ENCODED-BY"}
    for name, value in TAGS.items():
        file[names.get(name, name.upper())] = [value]
    for name, total in (("track", "tracktotal"), ("disc", "disctotal")):
        number, _, all_of_them = TAGS[name].partition("/")
        del file[name.upper()]
        file[f"{name.upper()}NUMBER"], file[total.upper()] = [number], [all_of_them]
    for index, (start, title) in enumerate(CHAPTERS, 1):
        file[f"CHAPTER{index:03}"] = [f"00:00:{start:06.3f}"]
        file[f"CHAPTER{index:03}NAME"] = [title]
    picture = Picture()
    picture.type, picture.data = 3, cover
    picture.mime = PNG if cover.startswith(b"\x89PNG") else JPEG
    picture.width, picture.height, picture.depth = 96, 64, 24
    if path.suffix == ".flac":
        file.add_picture(picture)
    else:
        file["METADATA_BLOCK_PICTURE"] = [base64.b64encode(picture.write()).decode()]
    file.save()


def _asf(path: Path, cover: bytes) -> None:
    file = ASF(path)
    names = {
        "title": "Title", "artist": "Author", "copyright": "Copyright", "comment": "Description",
        "album": "WM/AlbumTitle", "album_artist": "WM/AlbumArtist", "composer": "WM/Composer",
        "genre": "WM/Genre", "date": "WM/Year", "track": "WM/TrackNumber",
        "disc": "WM/PartOfSet", "publisher": "WM/Publisher", "language": "WM/Language",
        "lyrics": "WM/Lyrics", "encoded_by": "WM/EncodedBy", "isrc": "WM/ISRC",
        "bpm": "WM/BeatsPerMinute", "grouping": "WM/ContentGroupDescription", "mood": "WM/Mood",
        "MY_TAG": "MY_TAG",
    }  # fmt: skip
    for name, value in TAGS.items():
        file[names[name]] = [value]
    mime = JPEG.encode("utf-16-le") + b"\0\0"
    block = b"\x03" + len(cover).to_bytes(4, "little") + mime + b"\0\0" + cover
    file["WM/Picture"] = [ASFByteArrayAttribute(block)]
    file.save()


def _ape(path: Path, cover: bytes) -> None:
    file = APEv2()
    names = {"album_artist": "Album Artist", "date": "Year", "encoded_by": "EncodedBy"}
    for name, value in TAGS.items():
        file[names.get(name, name)] = value
    file["Cover Art (Front)"] = APEBinaryValue(b"cover.jpg\0" + cover)
    file.save(path)


def _left_as_it_is(_path: Path, _cover: bytes) -> None:
    """It was tagged when it was made."""


_KINDS: dict[str, tuple[str, Callable[[Path, bytes], None]]] = {
    "mp3": ("-c:a libmp3lame -id3v2_version 4", _id3),
    "aiff": ("-c:a pcm_s16be -write_id3v2 1", _id3),
    "m4a": ("-c:a aac -f ipod", _mp4),
    "flac": ("-c:a flac -sample_fmt s16", _xiph),
    "ogg": ("-c:a libvorbis", _xiph),
    "opus": ("-c:a libopus", _xiph),
    "wma": ("-c:a wmav2", _asf),
    "wv": ("-c:a wavpack", _ape),
    "tta": ("-c:a tta", _ape),
    "mka": ("-c:a flac -sample_fmt s16", _left_as_it_is),
    "webm": ("-c:a libopus", _left_as_it_is),
    "wav": ("-c:a pcm_s16le", _left_as_it_is),
    "caf": ("-c:a alac", _left_as_it_is),
}
KINDS = tuple(_KINDS)
XIPH = {"flac", "ogg", "opus"}
BY_FFMPEG = {"mka", "webm", "wav", "caf"}
WITH_CHAPTERS = {"mp3", "aiff", "m4a", "wma", "mka", "webm", *XIPH}
