"""docker compose under a test's control: a project of its own, nothing left behind."""

import json
import os
import subprocess
from pathlib import Path
from typing import Any

from support.ports import free_port

ROOT = Path(__file__).resolve().parents[2]
PATIENCE = 240.0  # seconds; images may have to be made, on a busy machine
KINDS = (("container", "-a"), ("volume", ""), ("network", ""))


def docker(*arguments: str, timeout: float = PATIENCE) -> str:
    """Run the docker client; it must succeed. Returns what it printed."""
    return _run(["docker", *arguments], dict(os.environ), timeout)


def inspect(name: str) -> dict[str, Any]:
    """All that the engine knows of a container or an image."""
    found: dict[str, Any] = json.loads(docker("inspect", name))[0]
    return found


class Compose:
    """One compose project."""

    def __init__(self, file: str, project: str, **variables: str) -> None:
        self.project = project
        self.port = free_port()
        self.url = f"http://127.0.0.1:{self.port}"
        self._command = ["docker", "compose", "-f", str(ROOT / file), "-p", project]
        self._environ = {**os.environ, "WAVEMILL_PORT": str(self.port), **variables}

    def __call__(self, *arguments: str) -> str:
        """Run a compose command; it must succeed. Returns what it printed."""
        return _run([*self._command, *arguments], self._environ, PATIENCE)

    def up(self, *options: str) -> None:
        """Start everything and wait until it is healthy."""
        try:
            self("up", "--detach", "--wait", *options)
        except AssertionError as error:
            raise AssertionError(f"{error}\n{self('ps', '-a')}\n{self('logs')}") from None

    def containers(self, service: str = "") -> list[str]:
        """The ids of the running containers."""
        return self("ps", "-q", *([service] if service else [])).split()

    def python(self, service: str, code: str) -> str:
        """Run some Python in a service's container."""
        return self("exec", "-T", service, "python", "-c", code)

    def janitor(self, *arguments: str) -> Any:
        """Run a command of the janitor; its JSON document."""
        return json.loads(self("exec", "-T", "janitor", "wavemill-janitor", *arguments, "--json"))

    def left_behind(self) -> dict[str, list[str]]:
        """What the engine still has of this project, by kind."""
        label = f"label=com.docker.compose.project={self.project}"
        return {
            kind: docker(kind, "ls", "-q", *([option] if option else []), "--filter", label).split()
            for kind, option in KINDS
        }


def _run(command: list[str], environ: dict[str, str], timeout: float) -> str:
    done = subprocess.run(
        command, env=environ, check=False, capture_output=True, text=True, timeout=timeout
    )
    assert done.returncode == 0, f"{' '.join(command)}\n{done.stdout}{done.stderr}"
    return done.stdout
