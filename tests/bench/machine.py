"""Machine: what the figures were measured on, as far as it matters for them."""

import os
import platform
import subprocess
import sys
from datetime import UTC, datetime
from pathlib import Path

from support.audio import FFMPEG


def machine() -> str:
    """Cores, kernel, Python and ffmpeg, in one line; never a name of the machine."""
    lines = Path("/proc/cpuinfo").read_text().splitlines()
    names = [line.partition(": ")[2] for line in lines if line.startswith("model name")]
    shown = subprocess.run([FFMPEG, "-version"], check=True, capture_output=True, text=True).stdout
    version = shown.split()[2]
    return (
        f"{os.cpu_count()} cores ({names[0] if names else platform.machine()}), "
        f"{platform.system()} {platform.release().split('-')[0]}, "
        f"Python {sys.version.split()[0]}, ffmpeg {version}"
    )


def now() -> str:
    """The time, to the minute."""
    return datetime.now(UTC).strftime("%Y-%m-%d %H:%M UTC")
