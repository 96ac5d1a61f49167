"""Write docs/configuration.md from the settings themselves: python tools/configuration.py."""

import dataclasses
from pathlib import Path

from wavemill_common.settings import Settings

TARGET = Path(__file__).parent.parent / "docs" / "configuration.md"
HEAD = """# Configuration

Everything is set by environment variables, read once at the start. A value that does not work is
named, with those that would. Sizes are bytes, times are seconds. This table is made by
`make docs` from the settings in the code.

| variable | default | meaning |
|---|---|---|
"""


def table() -> str:
    """The whole page."""
    rows = []
    for field in dataclasses.fields(Settings):
        default = "" if field.default == "" else f"`{field.default}`"
        about = field.metadata
        rows.append(f"| `{about['variable']}` | {default} | {about['meaning']} |")
    return HEAD + "\n".join(rows) + "\n"


if __name__ == "__main__":
    TARGET.write_text(table())
