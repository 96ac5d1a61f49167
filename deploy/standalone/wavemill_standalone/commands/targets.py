"""Targets: what each result is called, so that none takes another's place. Pure, but for links."""

from collections import Counter
from collections.abc import Iterable, Sequence
from pathlib import Path

from wavemill_standalone.commands.sources import Source


def plan(sources: Sequence[Source], extension: str, out: Path | None) -> list[Path]:
    """Name a result for each source: beside it, or below `out` as it lies below what was named.

    Where several sources would give the same name (a.wav, a.flac), each keeps its own extension
    in it (a.wav.mp3); where that does not tell them apart, they are numbered.
    """
    short = [_folder(one, out) / _named(one.path.stem, extension) for one in sources]
    often = Counter(map(_same, short))
    long = [
        path if often[_same(path)] == 1 else path.with_name(_named(source.path.name, extension))
        for source, path in zip(sources, short, strict=True)
    ]
    return list(_numbered(long))


def _folder(source: Source, out: Path | None) -> Path:
    return source.path.parent if out is None else out / source.below


def _named(stem: str, extension: str) -> str:
    return f"{stem}.{extension}" if extension else stem


def _numbered(paths: Iterable[Path]) -> Iterable[Path]:
    taken: set[str] = set()
    for first in paths:
        path, number = first, 1
        while _same(path) in taken:
            number += 1
            path = first.with_name(f"{first.stem} ({number}){first.suffix}")
        taken.add(_same(path))
        yield path


def _same(path: Path) -> str:
    """What two names have in common that some file systems cannot tell apart."""
    return str(path).casefold()
