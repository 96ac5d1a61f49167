"""Run inside the sandbox as its own program: try one thing, and say how it ended.

`refused NAME ERRNO`, or `done NAME` where nothing kept it. Only the standard library: the sandbox
lets it read nothing else.
"""

import ctypes
import errno
import os
import signal
import socket
import sys
from collections.abc import Callable

_libc = ctypes.CDLL(None, use_errno=True)
_PTRACE_ATTACH = 16
_CLONE_NEWUSER = 0x10000000
_IO_URING_SETUP = 425
_PTRACE = {"x86_64": 101, "aarch64": 117}


def _checked(result: int) -> None:
    if result < 0:
        raise OSError(ctypes.get_errno(), "refused")


def _read(path: str) -> None:
    os.close(os.open(path, os.O_RDONLY))


def _write(path: str) -> None:
    os.close(os.open(path, os.O_WRONLY | os.O_CREAT, 0o600))


def _connect(port: str) -> None:
    with socket.socket() as one:
        one.settimeout(2)
        one.connect(("127.0.0.1", int(port)))


def _fast_open(port: str) -> None:
    with socket.socket() as one:
        one.sendto(b"x", 0x20000000, ("127.0.0.1", int(port)))


def _socket(family: int, kind: int, protocol: int = 0) -> Callable[[str], object]:
    return lambda _: socket.socket(family, kind, protocol).close()


def _bind(_: str) -> None:
    with socket.socket() as one:
        one.bind(("127.0.0.1", 0))


def _listen(_: str) -> None:
    with socket.socket() as one:
        one.listen()


def _fork(_: str) -> None:
    if os.fork() == 0:
        os._exit(0)


def _execute(path: str) -> None:
    os.execv(path, [path, "-c", "echo done exec"])  # noqa: S606 - no shell is the point


def _ptrace(pid: str) -> None:
    _checked(_libc.syscall(_PTRACE[os.uname().machine], _PTRACE_ATTACH, int(pid), None, None))


def _io_uring(_: str) -> None:
    _checked(_libc.syscall(_IO_URING_SETUP, 1, ctypes.create_string_buffer(120)))


def _memfd(_: str) -> None:
    os.close(os.memfd_create("more"))


ATTEMPTS: dict[str, Callable[[str], object]] = {
    "read": _read,
    "write": _write,
    "list": lambda path: [*os.scandir(path)],
    "truncate": lambda path: os.truncate(path, 0),
    "connect": _connect,
    "fast-open": _fast_open,
    "udp": _socket(socket.AF_INET, socket.SOCK_DGRAM),
    "raw": _socket(socket.AF_INET, socket.SOCK_RAW, socket.IPPROTO_ICMP),
    "mptcp": _socket(socket.AF_INET, socket.SOCK_STREAM, 262),
    "ipv6": _socket(socket.AF_INET6, socket.SOCK_STREAM),
    "unix": _socket(socket.AF_UNIX, socket.SOCK_STREAM),
    "netlink": _socket(socket.AF_NETLINK, socket.SOCK_RAW),
    "bind": _bind,
    "listen": _listen,
    "fork": _fork,
    "exec": _execute,
    "kill": lambda pid: os.kill(int(pid), signal.SIGTERM),
    "kill-thread": lambda pid: _checked(_libc.tgkill(int(pid), int(pid), signal.SIGTERM)),
    "ptrace": _ptrace,
    "io_uring": _io_uring,
    "memfd": _memfd,
    "mount": lambda _: _checked(_libc.mount(b"none", b"/mnt", b"tmpfs", 0, None)),
    "unshare": lambda _: _checked(_libc.unshare(_CLONE_NEWUSER)),
    "become-root": lambda _: os.setuid(0),
    "descriptor": lambda fd: os.fstat(int(fd)),
    "own-abort": lambda _: os.abort(),
    "allocate": lambda size: bytearray(int(size)),
    "nothing": lambda _: None,
}


def main(name: str, argument: str) -> None:
    """Try one thing."""
    try:
        ATTEMPTS[name](argument)
    except OSError as error:
        told = f"refused {name} {errno.errorcode.get(error.errno or 0)}"
    except MemoryError:
        told = f"refused {name} memory"
    else:
        told = f"done {name}"
    sys.stdout.write(told)


if __name__ == "__main__":
    main(*sys.argv[1:])
