"""Packages from npm, as their lock file pins them by hash: fetched once, kept in .cache."""

import hashlib
import shutil
import subprocess
from pathlib import Path

import pytest

NPM = Path(__file__).parent / "npm"
CACHE = Path(__file__).parents[2] / ".cache"
FETCH = "npm ci --ignore-scripts --no-audit --no-fund"
BUNDLE = "node_modules/.bin/esbuild entry.js --bundle --format=esm --outfile=bundle.js"
TIMEOUT = 120  # seconds


def npm_packages() -> Path:
    """A folder with the packages, and in bundle.js what browsers need of them."""
    if not (shutil.which("npm") and shutil.which("node")):
        pytest.skip("needs node and npm")
    files = sorted(path for path in NPM.iterdir() if path.is_file())
    mark = hashlib.sha256(b"".join(path.read_bytes() for path in files)).hexdigest()[:16]
    folder = CACHE / f"npm-{mark}"
    if not folder.is_dir():
        made = CACHE / f"npm-{mark}.new"
        shutil.rmtree(made, ignore_errors=True)
        shutil.copytree(NPM, made)
        for command in (FETCH, BUNDLE):
            _run(command, made)
        made.rename(folder)
    return folder


def _run(command: str, folder: Path) -> None:
    done = subprocess.run(
        command.split(), cwd=folder, capture_output=True, text=True, timeout=TIMEOUT, check=False
    )
    if done.returncode != 0:
        pytest.skip(f"`{command}` failed: {done.stderr[-300:]}")
