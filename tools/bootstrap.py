"""Make the virtual environment that `make` needs, once: hashed wheels first, our members last.

Usage: python3 tools/bootstrap.py run|dev

Nothing but Python's own library is needed. A stamp, written last, names the environment by its
requirements, the Python version and this checkout's path: while it matches, a call costs some
milliseconds; a half-made environment has no stamp and is made anew.
"""

import hashlib
import os
import shutil
import subprocess
import sys
import sysconfig
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent
VENV = ROOT / ".venv"
PYTHON = VENV / "bin" / "python"
MEMBERS = (
    "libs/common",
    "libs/client",
    "services/gateway",
    "services/converter",
    "services/janitor",
    "deploy/standalone",
)
OLDEST_PYTHON = (3, 11)


def main(name: str) -> None:
    """Make the environment `name` unless its stamp says that it is there."""
    if sys.version_info < OLDEST_PYTHON:
        sys.exit(f"wavemill needs Python 3.11 or newer; this is {sys.version.split()[0]}.")
    if is_stamped("dev") or is_stamped(name):
        return
    if not is_stamped("run"):
        make_empty()
    for stamp in VENV.glob("stamp-*"):
        stamp.unlink()
    print(f"Setting up the {name} environment in .venv (once)…", flush=True)
    pip("--require-hashes", "-r", str(ROOT / "requirements" / f"{name}.txt"))
    editable = [part for member in MEMBERS for part in ("-e", str(ROOT / member))]
    pip("--no-deps", "--no-build-isolation", *editable)
    names = ("run", "dev") if name == "dev" else ("run",)
    for done in names:
        stamp_path(done).write_text(fingerprint(done))


def make_empty() -> None:
    """Create an empty environment; say in one line what is missing where Python can't."""
    shutil.rmtree(VENV, ignore_errors=True)
    made = subprocess.run(
        [sys.executable, "-m", "venv", str(VENV)], check=False, capture_output=True, text=True
    )
    if made.returncode != 0:
        shutil.rmtree(VENV, ignore_errors=True)
        version = sysconfig.get_python_version()
        sys.exit(
            "Python could not make a virtual environment; on Debian or Ubuntu run "
            f"'apt-get install python{version}-venv', then try again.\n{made.stdout}{made.stderr}"
        )


def pip(*arguments: str) -> None:
    """Install quietly; on failure pip's own words are the message."""
    command = [str(PYTHON), "-m", "pip", "install", "-qq", "--disable-pip-version-check"]
    path = f"{PYTHON.parent}{os.pathsep}{os.environ.get('PATH', '')}"  # uv_build looks there
    ran = subprocess.run([*command, *arguments], check=False, env={**os.environ, "PATH": path})
    if ran.returncode != 0:
        sys.exit("Setting up failed: see pip's message above. Then run the same command again.")


def is_stamped(name: str) -> bool:
    """Tell whether the environment `name` is there, whole and of today's requirements."""
    stamp = stamp_path(name)
    return stamp.is_file() and PYTHON.exists() and stamp.read_text() == fingerprint(name)


def stamp_path(name: str) -> Path:
    """Where the stamp of environment `name` lies."""
    return VENV / f"stamp-{name}"


def fingerprint(name: str) -> str:
    """Name an environment by all that it was made from."""
    digest = hashlib.sha256(f"{sys.version}\n{ROOT}\n".encode())
    digest.update((ROOT / "requirements" / f"{name}.txt").read_bytes())
    for member in MEMBERS:
        digest.update((ROOT / member / "pyproject.toml").read_bytes())
    return digest.hexdigest()


if __name__ == "__main__":
    if sys.argv[1:] not in (["run"], ["dev"]):
        sys.exit(__doc__)
    main(sys.argv[1])
