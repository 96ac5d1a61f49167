"""Contained: run ffmpeg on one source, able to reach that source, its results, and nothing else."""

import os
from collections.abc import AsyncIterator, Iterator, Sequence
from contextlib import asynccontextmanager, contextmanager
from pathlib import Path

from wavemill_converter.ffmpeg.installation import Ffmpeg
from wavemill_converter.ffmpeg.places import (
    Destination,
    Input,
    file_destination,
    file_input,
    opened_file_destination,
    opened_file_input,
)
from wavemill_converter.metrics import ffmpeg_ended
from wavemill_converter.sandbox import Access
from wavemill_converter.sandbox.process import Child, Enter, output_of, started

RESULT_MODE = 0o600


@asynccontextmanager
async def started_on(
    ffmpeg: Ffmpeg,
    argv: Sequence[str],
    source: Input,
    destinations: Sequence[Destination],
    *,
    seconds: float,
    file_bytes: int | None,
    results: int = 1,
) -> AsyncIterator[Child]:
    """Run a command as `process.started` does, with no more than it needs for these."""
    access = access_to(
        source, destinations, seconds=seconds, file_bytes=file_bytes, results=results
    )
    rewind(source)
    with _entrance(ffmpeg, access) as enter:
        child: Child | None = None
        try:
            async with started(argv, access.descriptors, enter, ffmpeg.launcher) as child:
                yield child
        finally:
            if child is not None:  # it has been reaped
                ffmpeg_ended("convert", child.process.returncode)


async def output_on(
    ffmpeg: Ffmpeg,
    argv: Sequence[str],
    source: Input,
    seconds: float,
    *,
    destinations: Sequence[Destination] = (),
    file_bytes: int = 0,
) -> tuple[int, str, str]:
    """Run a short command on a source, as `process.output_of` does."""
    access = access_to(source, destinations, seconds=seconds, file_bytes=file_bytes)
    rewind(source)
    with _entrance(ffmpeg, access) as enter:
        code: int | None = None  # until it is known
        try:
            said = await output_of(
                argv,
                seconds=seconds,
                pass_fds=access.descriptors,
                enter=enter,
                launcher=ffmpeg.launcher,
            )
            code = said[0]
        finally:
            ffmpeg_ended("look", code)
        return said


def rewind(source: Input) -> None:
    """Let a source be read from its beginning: an inherited file is where the last one left it."""
    for fd in source.pass_fds:
        os.lseek(fd, 0, os.SEEK_SET)


def access_to(
    source: Input,
    destinations: Sequence[Destination],
    *,
    seconds: float,
    file_bytes: int | None,
    results: int = 1,
) -> Access:
    """What a run needs: its source, its results, the files that it inherits. Pure."""
    inherited = (*source.pass_fds, *(one for each in destinations for one in each.pass_fds))
    return Access(
        seconds=seconds,
        reads=source.paths,
        writes=tuple(path for each in destinations for path in each.paths),
        port=source.port,
        descriptors=inherited,
        file_bytes=file_bytes,
        results=results,
    )


@contextmanager
def local_input(ffmpeg: Ffmpeg, path: Path) -> Iterator[Input]:
    """Read a local file; the contained child gets it opened, for it may not reach its folder."""
    if ffmpeg.sandbox is None:
        yield file_input(path)
        return
    with _opened(ffmpeg, path, os.O_RDONLY) as fd:
        yield opened_file_input(path, fd)


@contextmanager
def local_destination(ffmpeg: Ffmpeg, path: Path) -> Iterator[Destination]:
    """Write a local file, over what may be there; opened already where the child is contained."""
    if ffmpeg.sandbox is None:
        yield file_destination(path)
        return
    with _opened(ffmpeg, path, os.O_RDWR | os.O_CREAT) as fd:
        yield opened_file_destination(path, fd)


@contextmanager
def _opened(ffmpeg: Ffmpeg, path: Path, flags: int) -> Iterator[int]:
    fd = os.open(path, flags, RESULT_MODE)
    try:
        if ffmpeg.sandbox is not None:
            ffmpeg.sandbox.lend(fd)
        yield fd
    finally:
        os.close(fd)


@contextmanager
def _entrance(ffmpeg: Ffmpeg, access: Access) -> Iterator[Enter | None]:
    if ffmpeg.sandbox is None:
        yield None
        return
    with ffmpeg.sandbox.prepared(access) as enter:
        yield enter
