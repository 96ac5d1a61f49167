"""Sandbox: what ffmpeg may do, once a hostile file has taken it over: almost nothing.

    unprivileged      user and group nobody, where we are root; no new privileges ever
    limits            memory, size of a file, computing time, no core, few descriptors
    landlock-files    reads itself and its libraries, and the files named for this one run
    landlock-network  connects to the one port named for this one run
    seccomp           one kind of socket, no new process, no signals, none of the kernel's oddities

All of it is put together before the fork. Between fork and exec the child only switches it on,
because there a lock may be held by a thread that no longer exists. The fork is made by a launcher
where there is one (launching.py, wavemill_converter.launch), else here (process.py).
"""

from wavemill_converter.sandbox.discovery import SandboxMissing, contain, find_layers
from wavemill_converter.sandbox.layers import Layer
from wavemill_converter.sandbox.program import Program
from wavemill_converter.sandbox.sandbox import Access, Sandbox

__all__ = [
    "Access",
    "Layer",
    "Program",
    "Sandbox",
    "SandboxMissing",
    "contain",
    "find_layers",
]
