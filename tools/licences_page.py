"""Write docs/licences.md from what is installed: python tools/licences_page.py."""

from pathlib import Path

from bill import Part, packages, programs

TARGET = Path(__file__).parent.parent / "docs" / "licences.md"
HEAD = """# Licences

wavemill itself is under the [Apache License 2.0](../LICENSE). This is what it runs with; `make
sbom` writes the same with versions and digests as a CycloneDX bill of materials. This page is made
by `make docs` from the packages themselves.

`ffmpeg` and `valkey-server` are programs of their own, which wavemill starts. `mutagen` is a
library under the GPL: who hands out wavemill together with it, as an image for instance, has to
heed that.

| package | licence | comes from |
|---|---|---|
"""


def page() -> str:
    """The whole page."""
    rows = [_row(one) for one in sorted([*packages(), *programs()])]
    return HEAD + "\n".join(rows) + "\n"


def _row(part: Part) -> str:
    return f"| {part.name} | {part.licence} | {part.where} |"


if __name__ == "__main__":
    TARGET.write_text(page())
