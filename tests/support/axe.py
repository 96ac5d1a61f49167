"""axe-core, unmodified from npm, which finds what keeps people from using a page."""

import base64
import functools
import hashlib
import io
import shutil
import subprocess
import tarfile
import tempfile
from pathlib import Path

import pytest
from playwright.async_api import Page

PACKAGE = "axe-core@4.10.3"
DIGEST = "Xm7bpRXnDSX2YE2YFfBk2FnF0ep6tmG7xPh8iHee8MIcrgq762Nkce856dYtJYLkuIoYZvGfTs/PbZhideTcEg=="
PATIENCE = 60.0  # seconds


@functools.cache
def axe() -> str:
    """The script; skips the test where npm cannot fetch it."""
    npm = shutil.which("npm")
    if npm is None:
        pytest.skip("needs npm, for axe-core")
    with tempfile.TemporaryDirectory() as folder:
        command = [npm, "pack", PACKAGE, "--silent", "--pack-destination", folder]
        try:
            subprocess.run(command, check=True, capture_output=True, timeout=PATIENCE)
        except (subprocess.SubprocessError, OSError) as error:
            pytest.skip(f"npm could not fetch {PACKAGE}: {error}")
        packed = next(Path(folder).glob("*.tgz")).read_bytes()
    assert base64.b64encode(hashlib.sha512(packed).digest()).decode() == DIGEST
    with tarfile.open(fileobj=io.BytesIO(packed)) as archive:
        script = archive.extractfile("package/axe.min.js")
        assert script is not None
        return script.read().decode()


async def violations(page: Page) -> list[str]:
    """What axe objects to, in one line each. It is run past the CSP, which lets no test in."""
    if not await page.evaluate("'axe' in window"):
        await page.evaluate(axe())
    found = await page.evaluate(
        """async () => (await axe.run(document, { resultTypes: ["violations"] })).violations.map(
          (one) => `${one.id}: ${one.nodes.map((node) => node.html).join(" | ")}`)"""
    )
    return list(found)
