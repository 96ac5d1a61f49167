"""Write docs/formats.md from the catalogue: python tools/formats_page.py."""

from pathlib import Path
from typing import Final

from wavemill_common.catalogue import FORMATS
from wavemill_common.formats import Format

TARGET = Path(__file__).parent.parent / "docs" / "formats.md"
HEAD = """# What each format keeps

Tags, cover and chapters of the source go into the result wherever its format can hold them. What
the caller sets goes in instead; what he removes stays out. Every result is read back after it was
stored: its `media` says what it holds, its `report` what became of each tag, the cover and the
chapters (`kept`, `set`, `removed`, `changed`, `dropped`) and why, and whatever was lost without
anyone asking for it is among the job's warnings (`tag_dropped`, `cover_dropped`,
`chapters_dropped`). This table is made by `make docs` from the catalogue, and
`tests/fidelity/test_tags.py` proves it with files from thirteen containers.

| format | tags | cover | chapters |
|---|---|---|---|
"""
REST = """
## Names

A tag is called the same whatever its container calls it: `TBPM` of an MP3, `tmpo` of an M4A and
`WM/BeatsPerMinute` of a WMA are `bpm`. The usual names are `title`, `artist`, `album`,
`album_artist`, `composer`, `genre`, `date`, `track`, `disc`, `comment`, `description`, `copyright`,
`publisher`, `language`, `lyrics`, `encoded_by`, `isrc`, `bpm`, `grouping`, `performer`,
`conductor`, `lyricist`, `remixer`, `mood`, `subtitle`, `compilation`, `sort_name`, `sort_artist`
and `sort_album`. Any other name is kept as it is. Where a number and its total are one tag, as in
MP3 and M4A, the two of a FLAC become `3/12`.

## Copies

A file whose sound is already in the codec that is asked for is not encoded once more: its packets
are taken over as they are, which loses nothing and takes next to no time. Tags, cover and chapters
can be changed all the same. That is done where all of this is so:

- `quality` is `standard`, which it is if none is given, or says the same (`V2` for MP3, `160k` for
  AAC);
- no option changes the sound: trim, fades, loudness, a split, another rate, depth or channel count;
- of a lossy source, its bitrate is not above that of `standard` (or by a tenth at the most): a
  larger one is meant to become smaller;
- the copy decodes to the very samples of the source, which is so for these:

| codec | from | to |
|---|---|---|
| AAC | MP4 (M4A, M4B, video), ADTS | `m4a`, `m4b`; from ADTS also `aac` |
| MP3 | MP3 with a Xing header | `mp3` |
| Opus | Ogg; WebM and Matroska | `opus` (from Ogg), `webm` |
| Vorbis | Ogg | `ogg` |
| FLAC | FLAC, Ogg, MP4, Matroska | `mka` |
| ALAC | MP4 | `alac` |
| WavPack, True Audio, AC-3 | their own | `wv`, `tta`, `ac3` |

Every copy is decoded before the job counts as completed and compared with what the source decodes
to; if a single sample differs, the file is encoded after all. The job's record says `copied` for
each of its `outputs`. To have a file encoded in any case, ask for another quality: `high`, `192k`.


## Limits that are ffmpeg's

- A `comment` in MP3 and AIFF is a user-defined text frame (`TXXX:comment`), not `COMM`, and so are
  `lyrics`; an MP3 also has the beginning of the comment in its ID3v1 tag.
- `comment` in FLAC, Ogg and Opus is called `DESCRIPTION`; a comment and a description both arrive
  under that name.
- The tempo (`tmpo`) of an M4A and the software (`ISFT`) of a WAV are written but not read.
- A CAF's tag is read up to 1,023 bytes.
- Several pictures of one source all go into MP3, M4A, FLAC and AIFF, and the first one into Ogg,
  Opus and Matroska; the one that is given replaces all.
- Where a tag is written anew, its carriage returns become line feeds, and a backslash at its very
  end is followed by a space.
- Values are compared whole, but a job's record shows their first 1,000 characters.
"""
_APPLE: Final = "those that Apple has named"
_TAGS: Final = {
    "mp3": "all, ID3v2.3 and ID3v1",
    "aiff": "all, ID3v2.3",
    "m4a": _APPLE,
    "m4b": _APPLE,
    "alac": _APPLE,
    "wav": "those of RIFF's INFO list",
    "wv": "all, APEv2",
    "tta": "all, APEv2",
}
_COVERS: Final = {
    "opus": "yes, as `METADATA_BLOCK_PICTURE`",
    "ogg": "yes, as `METADATA_BLOCK_PICTURE`",
    "mka": "yes, as an attachment",
}
_CHAPTERS: Final = dict.fromkeys(("opus", "ogg", "flac"), "yes, as `CHAPTER000` tags")


def page() -> str:
    """The whole page."""
    return HEAD + "".join(_row(one) for one in FORMATS.values()) + REST


def _row(target: Format) -> str:
    tags = _TAGS.get(target.id, "all") if target.tags else "-"
    cover = _COVERS.get(target.id, "yes") if target.cover else "-"
    chapters = _CHAPTERS.get(target.id, "yes") if target.chapters else "-"
    return f"| {target.name} (`{target.id}`) | {tags} | {cover} | {chapters} |\n"


if __name__ == "__main__":
    TARGET.write_text(page())
