"""The memory of one body serves the next, instead of being given back and asked for again."""

import os
import platform
import subprocess
import sys

import pytest

PASSING = """
import resource, sys
from wavemill_gateway.heap import keep_freed_memory

if sys.argv[1] == "kept":
    keep_freed_memory()
for _ in range(3):  # bodies of 8 MiB, a MiB at a time, as they come from sockets
    blocks = [b"x" * (1 << 20) for _ in range(8)]
    del blocks
before = resource.getrusage(resource.RUSAGE_SELF).ru_minflt
for _ in range(50):
    blocks = [b"x" * (1 << 20) for _ in range(8)]
    del blocks
print(resource.getrusage(resource.RUSAGE_SELF).ru_minflt - before)
"""


def pages_asked_for(how: str) -> int:
    """How often the system had to map a page while bodies passed, in a process of their own."""
    run = [sys.executable, "-c", PASSING, how]
    environ = {name: value for name, value in os.environ.items() if not name.startswith("MALLOC")}
    return int(subprocess.run(run, check=True, capture_output=True, env=environ).stdout)


@pytest.mark.skipif(platform.libc_ver()[0] != "glibc", reason="only glibc is told")
def test_bodies_that_pass_take_no_new_memory() -> None:
    assert pages_asked_for("kept") * 10 < pages_asked_for("as it comes")
