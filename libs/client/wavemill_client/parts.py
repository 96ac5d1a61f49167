"""Parts: files that are not whole yet, and how they get their names."""

import hashlib
import os
from pathlib import Path
from typing import BinaryIO, Self

from wavemill_client.values import Output

MAX_NAME = 255  # bytes of a file's name
_BLOCK = 1024 * 1024  # bytes
_MARK = 12  # characters of the SHA-256


def part_path(target: Path, output: Output) -> Path:
    """Where a result lies until it is whole. Pure."""
    ending = f".{output.sha256[:_MARK]}.part"
    name = target.name.encode(errors="surrogateescape")[: MAX_NAME - len(ending)]
    return target.with_name(name.decode(errors="ignore") + ending)


def check_free(target: Path, *, overwrite: bool) -> None:
    """See to it that a result may get this name.

    Raises:
        FileExistsError: there is a file already, and it may not be overwritten.
    """
    if target.is_dir():
        raise IsADirectoryError(f"{target} is a directory; name a file in it")
    if not overwrite and os.path.lexists(target):
        raise _exists(target)


class Part:
    """A part file: what is in it, and the digest of that."""

    def __init__(self, file: BinaryIO) -> None:
        self._file = file
        self._digest = hashlib.sha256()
        self.size = 0

    @classmethod
    def open(cls, path: Path, most: int) -> Self:
        """Open the file, with what is in it; one that is longer than `most` is begun anew."""
        part = cls(os.fdopen(os.open(path, os.O_RDWR | os.O_CREAT, 0o666), "r+b"))
        while block := part._file.read(_BLOCK):
            part._digest.update(block)
            part.size += len(block)
        if part.size > most:
            part.begin_anew()
        return part

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self._file.close()

    def begin_anew(self) -> None:
        """Throw away what is there."""
        self._file.seek(0)
        self._file.truncate()
        self._digest = hashlib.sha256()
        self.size = 0

    def write(self, data: bytes | bytearray) -> None:
        """Add what comes next."""
        self._file.write(data)
        self._digest.update(data)
        self.size += len(data)

    def finish(self) -> str:
        """Bring all of it to the disk; return its SHA-256."""
        self._file.flush()
        os.fsync(self._file.fileno())
        return self._digest.hexdigest()


def publish(path: Path, target: Path, *, overwrite: bool) -> None:
    """Give a whole file its name, at once.

    Raises:
        FileExistsError: somebody was faster, and may not be overwritten.
    """
    if overwrite:
        path.replace(target)
        return
    try:
        os.link(path, target)
    except FileExistsError:
        raise _exists(target) from None
    except OSError:  # a file system without links
        check_free(target, overwrite=False)
        path.rename(target)
    else:
        path.unlink()


def _exists(target: Path) -> FileExistsError:
    return FileExistsError(f"{target} is there already; say overwrite, or choose another name")
