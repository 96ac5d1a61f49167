"""Ministack: an S3 that checks signatures, in a process of its own."""

import os
import signal
import subprocess
import sys
import urllib.request
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from urllib.error import URLError

from support.ports import free_port
from support.server import wait_until

START_TIMEOUT = 30.0  # seconds


@contextmanager
def running_ministack(folder: Path) -> Iterator[str]:
    """Run one for a block; yields its address."""
    port = free_port()
    url = f"http://127.0.0.1:{port}"
    environ = {
        **os.environ,
        "SERVICES": "s3",
        "BIND_HOST": "127.0.0.1",
        "GATEWAY_PORT": str(port),
        "LOG_LEVEL": "ERROR",
    }
    with (folder / "ministack.log").open("wb") as log:
        command = [sys.executable, "-m", "ministack"]
        process = subprocess.Popen(command, env=environ, cwd=folder, stdout=log, stderr=log)
        try:
            wait_until(lambda: _answers(url), START_TIMEOUT, every=0.05)
            yield url
        finally:
            process.send_signal(signal.SIGKILL)
            process.wait()


def _answers(url: str) -> bool:
    try:
        with urllib.request.urlopen(f"{url}/_ministack/health"):  # noqa: S310 - ours
            return True
    except (URLError, ConnectionError):
        return False
