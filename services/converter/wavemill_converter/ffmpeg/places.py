"""Places: where ffmpeg reads and writes, apart from what it does in between.

A loopback URL and an open file descriptor serve as well as two local files.
"""

from pathlib import Path
from urllib.parse import urlsplit

from msgspec import Struct, structs


class Input(Struct, frozen=True):
    """Where ffmpeg reads: a URL and the only protocols that it may use for it.

    What it needs for that: the open files `pass_fds`, the files `paths`, the TCP `port`.
    """

    url: str
    protocols: str
    options: tuple[str, ...] = ()
    pass_fds: tuple[int, ...] = ()
    paths: tuple[str, ...] = ()
    port: int | None = None

    def with_options(self, *options: str) -> "Input":
        """The same, opened with more options."""
        return structs.replace(self, options=(*self.options, *options))


class Destination(Struct, frozen=True):
    """Where ffmpeg writes; `rewritable` if it can go over the whole file once more at the end.

    `pass_fds` are the open files that it must inherit for that, `paths` those it opens.
    """

    arguments: tuple[str, ...]
    rewritable: bool = False
    pass_fds: tuple[int, ...] = ()
    paths: tuple[str, ...] = ()


def file_input(path: Path) -> Input:
    """Read a local file; the prefix keeps any name from being an option or a protocol."""
    return Input(f"file:{path.absolute()}", "file", paths=(str(path.absolute()),))


def opened_file_input(path: Path, fd: int) -> Input:
    """Read a local file that is open as `fd`: the way to it may be closed to the child."""
    return Input(f"file:/proc/self/fd/{fd}", "file", pass_fds=(fd,), paths=(str(path.absolute()),))


def file_destination(path: Path) -> Destination:
    """Write a local file, over what may be there."""
    target = str(path.absolute())
    return Destination(("-y", f"file:{target}"), rewritable=True, paths=(target,))


def opened_file_destination(path: Path, fd: int) -> Destination:
    """Write a local file that is open as `fd`; by its path in /proc it can be opened once more."""
    arguments = ("-y", f"file:/proc/self/fd/{fd}")
    return Destination(arguments, rewritable=True, pass_fds=(fd,), paths=(str(path.absolute()),))


def fd_input(fd: int) -> Input:
    """Read an inherited file by number: from its beginning, so by one ffmpeg at a time."""
    return Input("fd:", "fd", ("-fd", str(fd)), pass_fds=(fd,))


def http_input(url: str) -> Input:
    """Read from our proxy on loopback, and from nowhere else."""
    return Input(url, "http,tcp", ("-multiple_requests", "1"), port=urlsplit(url).port)


def fd_destination(fd: int, *, by_number: bool) -> Destination:
    """Write into an inherited, seekable file; older ones than ffmpeg 6 need its path in /proc."""
    if by_number:
        return Destination(("-fd", str(fd), "fd:"), pass_fds=(fd,))
    return Destination(("-y", f"/proc/self/fd/{fd}"), pass_fds=(fd,))
