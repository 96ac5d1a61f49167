"""Sources: the files that a command line means, by name, pattern or directory."""

import glob
from collections.abc import Iterable, Iterator
from pathlib import Path

from msgspec import Struct

from wavemill_standalone.commands.exits import UsageError

# What is worth a try when a whole directory is meant; a file that is named is always tried.
_ENDINGS = """
    3g2 3ga 3gp aac ac3 aif aifc aiff alac amr ape asf au avi awb caf dff dsf dts eac3 flac flv
    gsm m2ts m4a m4b m4r m4v mka mkv mov mp1 mp2 mp3 mp4 mpc mpeg mpg mpga mts oga ogg ogv opus
    ra rm shn snd spx tak tta voc w64 wav webm wma wmv wv
"""
SOUNDING = frozenset(_ENDINGS.split())


class Source(Struct, frozen=True):
    """A file to convert; `below` is the folder that it was found in, under the one that was named.

    A file that was named itself lies below nothing.
    """

    path: Path
    below: Path = Path()


def find_sources(words: Iterable[str], *, recursive: bool) -> list[Source]:
    """The files that the words of a command line mean, each once, in the order of the words.

    A word is a file, a pattern such as "*.wav" (also where the shell did not expand it), or, with
    `recursive`, a directory.

    Raises:
        UsageError: a word means nothing.
    """
    found: dict[Path, Source] = {}
    for word in words:
        for source in _meant(word, recursive=recursive):
            found.setdefault(source.path.resolve(), source)
    return list(found.values())


def _meant(word: str, *, recursive: bool) -> list[Source]:
    path = Path(word)
    if path.is_dir():
        if not recursive:
            raise UsageError(f"{word} is a directory; say -r to convert what is in it")
        return _inside(path)
    if path.exists():
        return [Source(path)]
    if not glob.has_magic(word):
        raise UsageError(f"there is no file {word}")
    matches = [Path(one) for one in sorted(glob.glob(word, recursive=True))]  # noqa: PTH207 - takes absolute patterns
    files = [Source(one) for one in matches if one.is_file()]
    folders = [one for one in matches if one.is_dir()] if recursive else []
    sources = [*files, *(source for folder in folders for source in _inside(folder))]
    if not sources:
        raise UsageError(f"no file matches {word}")
    return sources


def _inside(folder: Path) -> list[Source]:
    sources = [Source(one, one.parent.relative_to(folder)) for one in _sounding(folder)]
    if not sources:
        raise UsageError(f"no audio or video file lies in {folder}")
    return sources


def _sounding(folder: Path) -> Iterator[Path]:
    for path in sorted(folder.rglob("*")):
        hidden = any(part.startswith(".") for part in path.relative_to(folder).parts)
        if not hidden and path.suffix.lower().removeprefix(".") in SOUNDING and path.is_file():
            yield path
