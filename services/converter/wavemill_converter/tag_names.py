"""Tag names: what a tag is called, whatever the container calls it; and how each one wants it.

ffmpeg renames the commonest tags by itself. What it passes through as it is would arrive under a
name that no player looks for: `TBPM` of an MP3 in a FLAC, `album_artist` in an APE tag.
"""

import re
from typing import Final

_KNOWN: Final = {
    "album_artist": ("albumartist", "album artist", "wm/albumartist"),
    "bpm": ("tbpm", "tmpo", "wm/beatsperminute"),
    "compilation": ("tcmp", "itunescompilation"),
    "conductor": ("wm/conductor",),
    "date": ("year", "tyer", "date_released", "wm/year"),
    "description": ("isbj", "subject"),
    "disc": ("discnumber", "partofset", "wm/partofset"),
    "encoded_by": ("encodedby", "encoded-by", "wm/encodedby"),
    "grouping": ("tit1", "contentgroup", "wm/contentgroupdescription"),
    "isrc": ("tsrc", "wm/isrc"),
    "lyricist": ("text", "wm/writer"),
    "lyrics": ("unsyncedlyrics", "uslt", "wm/lyrics"),
    "mood": ("tmoo", "wm/mood"),
    "remixer": ("tpe4", "wm/modifiedby"),
    "sort_album": ("album-sort", "albumsort", "tsoa"),
    "sort_artist": ("artist-sort", "artistsort", "tsop"),
    "sort_name": ("title-sort", "titlesort", "tsot"),
    "subtitle": ("tit3", "wm/subtitle"),
    "track": ("tracknumber", "part_number", "wm/tracknumber"),
}
_PLAIN: Final = (
    "album", "artist", "comment", "composer", "copyright", "genre", "language", "performer",
    "publisher", "title",
)  # fmt: skip
_CANONICAL: Final = {
    **{name: name for name in (*_KNOWN, *_PLAIN)},
    **{other: name for name, others in _KNOWN.items() for other in others},
}
_LYRICS: Final = re.compile(r"lyrics-[a-z]{3}", re.IGNORECASE)  # how ffmpeg shows ID3's USLT

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
    "ipod": {"bpm": "tmpo"},
    "mp3": _ID3,
    "ogg": _VORBIS,
    "opus": _VORBIS,
    "tta": _APE,
    "wav": {"description": "ISBJ", "isrc": "ISRC"},
    "wv": _APE,
}


def canonical(name: str) -> str:
    """What a tag is called; names that nothing is known of stay as they are."""
    if _LYRICS.fullmatch(name):
        return "lyrics"
    return _CANONICAL.get(name.lower(), name)


def canonical_tags(tags: dict[str, str]) -> dict[str, str]:
    """Tags by what they are called; of two that mean the same, the first one counts."""
    found: dict[str, str] = {}
    for name, value in tags.items():
        found.setdefault(canonical(name), value)
    return found


def written(name: str, muxer: str) -> str:
    """What to call a tag so that this muxer writes it where players look for it."""
    return _WRITTEN.get(muxer, {}).get(name, name)
