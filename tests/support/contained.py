"""A Python in the very sandbox that ffmpeg gets: tries one thing in it and tells how that ended."""

import stat
import sys
from pathlib import Path

from wavemill_converter.sandbox import Access, Sandbox
from wavemill_converter.sandbox.launching import Launcher
from wavemill_converter.sandbox.process import output_of


class Inside:
    """Runs attempts of tests/security/inside.py in a sandbox, by a launcher if there is one."""

    def __init__(self, sandbox: Sandbox, script: Path, launcher: Launcher | None = None) -> None:
        self.sandbox = sandbox
        self.script = script
        self.launcher = launcher

    async def attempt(self, name: str, argument: object = "", access: Access | None = None) -> str:
        """Return what the attempt printed: `refused NAME ERRNO` or `done NAME`."""
        with self.sandbox.prepared(access or Access(seconds=30)) as enter:
            argv = [self.sandbox.program.path, "-I", "-S", str(self.script), name, str(argument)]
            code, out, err = await output_of(
                argv,
                seconds=60,
                pass_fds=(access or Access(seconds=1)).descriptors,
                enter=enter,
                launcher=self.launcher,
            )
        return out.strip() or f"code {code} {err[-300:]}"


def python_for_all() -> str | None:
    """Find a Python that any user may run."""
    for name in (sys.executable, "/usr/bin/python3", "/usr/local/bin/python3"):
        path = Path(name).resolve()
        if path.exists() and all(_may_be_entered(one) for one in (path, *path.parents)):
            return str(path)
    return None


def _may_be_entered(path: Path) -> bool:
    return bool(path.stat().st_mode & stat.S_IXOTH)
