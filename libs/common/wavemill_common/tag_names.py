"""Tag names: what a tag is called, whatever the container calls it; and which ones are wanted."""

import re
from typing import Final

from wavemill_common.media import MediaInfo
from wavemill_common.options import ConvertOptions

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

_TECHNICAL_TAGS: Final = frozenset(
    {"encoder", "major_brand", "minor_version", "compatible_brands", "duration", "creation_time"}
    | {"metadata_block_picture", "coverart", "coverartmime"}
)
_CHAPTER_TAG: Final = re.compile(r"chapter\d{3}(name)?", re.IGNORECASE)


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


def told(tags: dict[str, str]) -> dict[str, str]:
    """Leave out what is about the file, or is shown as cover and chapters."""
    return {
        name: value
        for name, value in tags.items()
        if name.lower() not in _TECHNICAL_TAGS and not _CHAPTER_TAG.fullmatch(name)
    }


def wanted_tags(source: MediaInfo, options: ConvertOptions) -> dict[str, str]:
    """The source's tags, by their usual names, overlaid by those that the caller gives."""
    kept = {} if options.strip_metadata else dict(source.tags or {})
    for name, value in options.metadata.items():
        own = canonical(name)
        kept = {key: text for key, text in kept.items() if key.lower() != own.lower()}
        if value:
            kept[own] = value
    return {name: value for name, value in kept.items() if value}
