"""Media reader: what a pure-Python reader can tell of an audio file. The gateway has no ffmpeg."""

import asyncio
import io
from concurrent.futures import ThreadPoolExecutor
from contextvars import copy_context
from functools import partial
from typing import Any

import mutagen
import structlog

from wavemill_common.media import LOSSY_CODECS, MediaInfo
from wavemill_common.objects import ObjectInfo, ObjectStore
from wavemill_common.objects.seekable import SeekableObject

log = structlog.get_logger(__name__)

READ_FOR = 20.0  # seconds
MAX_TAGS = 64
MAX_TAG_CHARACTERS = 1024
MAX_TEXT = 16_000  # characters of all tags: they go into records
# Threads of their own: a reader waits for the store, which may need the loop's own threads. Were
# the readers among those, as many uploads as there are threads would wait for each other for ever.
_READERS = ThreadPoolExecutor(max_workers=8, thread_name_prefix="media-reader")
_CODECS = {
    "MP3": ("mp3", "mp3"),
    "FLAC": ("flac", "flac"),
    "WAVE": ("wav", None),
    "AIFF": ("aiff", None),
    "MP4": ("mp4", None),
    "OggVorbis": ("ogg", "vorbis"),
    "OggOpus": ("ogg", "opus"),
    "OggFLAC": ("ogg", "flac"),
    "AAC": ("aac", "aac"),
    "AC3": ("ac3", "ac3"),
    "ASF": ("asf", None),
    "WavPack": ("wv", "wavpack"),
    "TrueAudio": ("tta", "tta"),
    "MonkeysAudio": ("ape", "ape"),
    "Musepack": ("mpc", "musepack"),
}


async def read_media(
    objects: ObjectStore, stored: ObjectInfo, head: bytes = b""
) -> MediaInfo | None:
    """Read what mutagen knows of a stored file; None where it knows nothing.

    `head` is the file's first block, where that was read already.

    A file that confuses the reader, or holds it up, is no error: the converter looks at it with
    ffmpeg.
    """
    loop = asyncio.get_running_loop()
    try:
        async with asyncio.timeout(READ_FOR):
            read = partial(copy_context().run, _read, objects, stored, loop, head)  # logs its file
            return await loop.run_in_executor(_READERS, read)
    except TimeoutError:
        log.info("media_unreadable", reason=f"it takes over {READ_FOR:.0f} s")
        return None


def _read(
    objects: ObjectStore, stored: ObjectInfo, loop: asyncio.AbstractEventLoop, head: bytes
) -> MediaInfo | None:
    try:
        with io.BufferedReader(SeekableObject(objects, stored, loop, head)) as file:
            found = mutagen.File(file, easy=True)
        return None if found is None else describe(found)
    except Exception as error:  # noqa: BLE001 - a parser of hostile input may raise anything
        log.info("media_unreadable", reason=type(error).__name__)
        return None


def describe(found: Any) -> MediaInfo:
    """Put what mutagen found into our words."""
    info = found.info
    name = type(found).__name__.removeprefix("Easy")
    container, codec = _CODECS.get(name, (name.lower(), None))
    codec = codec or _mp4_codec(getattr(info, "codec", None))
    return MediaInfo(
        container=container,
        codec=codec,
        duration=_positive(getattr(info, "length", None)),
        sample_rate=_whole(getattr(info, "sample_rate", None)),
        channels=_whole(getattr(info, "channels", None)),
        bit_depth=None if codec in LOSSY_CODECS else _whole(getattr(info, "bits_per_sample", None)),
        bitrate=_whole(getattr(info, "bitrate", None)),
        tags=_tags(found.tags),
    )


def _mp4_codec(name: object) -> str | None:
    if not isinstance(name, str):
        return None
    return "aac" if name.startswith("mp4a") else name.lower()


def _tags(tags: Any) -> dict[str, str] | None:
    """The textual tags, as many and as long as anyone would read; no pictures."""
    if not hasattr(tags, "items"):  # mutagen's own mappings are no collections.abc.Mapping
        return None
    texts, left = {}, MAX_TEXT
    for key, value in list(tags.items())[:MAX_TAGS]:
        first = value[0] if isinstance(value, list) and value else value
        if isinstance(first, str) and left > 0:
            name = str(key).lower()[:MAX_TAG_CHARACTERS]
            texts[name] = first[: min(MAX_TAG_CHARACTERS, left)]
            left -= len(name) + len(texts[name])
    return texts


def _whole(value: Any) -> int | None:
    return int(value) if isinstance(value, int | float) and value > 0 else None


def _positive(value: Any) -> float | None:
    return round(float(value), 6) if isinstance(value, int | float) and value > 0 else None
