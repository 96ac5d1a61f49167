"""Program: an executable, and which files it needs to run at all."""

import struct
from pathlib import Path

from msgspec import Struct

ELF = b"\x7fELF"
_CLASS_64 = 2
_INTERPRETER = 3  # PT_INTERP
_PHOFF, _PHENTSIZE = 32, 54  # where an ELF64 header says where its program headers are
_LIBRARIES = ("/lib", "/lib64", "/usr/lib", "/usr/lib64", "/usr/local/lib")
_LOADER_FILES = ("/etc/ld.so.cache", "/etc/ld-musl-x86_64.path", "/etc/ld-musl-aarch64.path")


class Program(Struct, frozen=True):
    """`executes` may be executed, `reads` read, with all that is below."""

    path: str
    executes: tuple[str, ...]
    reads: tuple[str, ...] = ()

    @classmethod
    def of(cls, path: str, extra_reads: tuple[str, ...] = ()) -> "Program":
        """Look into an executable.

        Raises:
            ValueError: it is none that can be contained, such as a script: that needs a shell,
                and whatever it starts.
        """
        real = Path(path).resolve()
        with real.open("rb") as file:
            interpreter = _interpreter(file.read(1 << 16))
        if interpreter is None:  # static: it needs nothing but itself
            return cls(path, (str(real),), extra_reads)
        executes = (str(real), str(Path(interpreter).resolve()))
        return cls(path, executes, (*_LIBRARIES, *_LOADER_FILES, *extra_reads))


def _interpreter(head: bytes) -> str | None:
    """Name the loader of a dynamic executable, None for a static one. Source: elf(5)."""
    if not head.startswith(ELF) or head[4] != _CLASS_64:
        raise ValueError("it is not a 64-bit program but perhaps a script")
    (offset,) = struct.unpack_from("<Q", head, _PHOFF)
    size, count = struct.unpack_from("<HH", head, _PHENTSIZE)
    for index in range(count):
        kind, _, start, _, _, length = struct.unpack_from("<IIQQQQ", head, offset + index * size)
        if kind == _INTERPRETER:
            return head[start : start + length].rstrip(b"\0").decode()
    return None
