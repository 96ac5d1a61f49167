"""Tag names as each container wants them.

ffmpeg renames the commonest tags by itself. What it passes through as it is would arrive under a
name that no player looks for: `TBPM` of an MP3 in a FLAC, `album_artist` in an APE tag.
"""

from typing import Final

_ID3: Final = {
    "bpm": "TBPM",
    "grouping": "TIT1",
    "isrc": "TSRC",
    "lyricist": "TEXT",
    "remixer": "TPE4",
    "subtitle": "TIT3",
}
_VORBIS: Final = {
    "sort_album": "ALBUMSORT",
    "sort_artist": "ARTISTSORT",
    "sort_name": "TITLESORT",
}
_APE: Final = {"album_artist": "Album Artist", "date": "Year"}
_ASF: Final = {
    "bpm": "WM/BeatsPerMinute",
    "conductor": "WM/Conductor",
    "grouping": "WM/ContentGroupDescription",
    "isrc": "WM/ISRC",
    "lyricist": "WM/Writer",
    "lyrics": "WM/Lyrics",
    "mood": "WM/Mood",
    "remixer": "WM/ModifiedBy",
    "subtitle": "WM/SubTitle",
}
_WRITTEN: Final = {
    "aiff": _ID3,
    "asf": _ASF,
    "flac": _VORBIS,
    "ipod": {"bpm": "tmpo", "comments": "comment"},
    "mp3": _ID3,
    "ogg": _VORBIS,
    "opus": _VORBIS,
    "tta": _APE,
    "wav": {"comments": "comment", "description": "ISBJ", "isrc": "ISRC", "software": "ISFT"},
    "wv": _APE,
}


def written(name: str, muxer: str) -> str:
    """What to call a tag so that this muxer writes it where players look for it."""
    return _WRITTEN.get(muxer, {}).get(name.lower(), name)


def all_written(tags: dict[str, str], muxer: str) -> dict[str, str]:
    """The tags under those names; of two that would have the same, the one that is called so."""
    written_ones = {written(name, muxer): value for name, value in tags.items()}
    return written_ones | {name: tags[name] for name in tags if name in written_ones}
