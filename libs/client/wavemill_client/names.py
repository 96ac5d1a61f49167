"""Names: what a server calls a result, made harmless for our disk; where results go."""

import re
import unicodedata
from collections.abc import Sequence
from pathlib import Path

from wavemill_client.values import Output

_SEPARATORS = re.compile(r"[/\\]")
FALLBACK = "result"


def safe_name(name: str) -> str:
    """Keep the last part of a path, without control characters; never "..", never empty."""
    last = _SEPARATORS.split(name)[-1]
    kept = "".join(one for one in last if unicodedata.category(one) not in {"Cc", "Cs"}).strip()
    return kept if kept.strip(". ") else FALLBACK


def target_of(out: Path, output: Output) -> Path:
    """Where a result goes: into the folder `out` under its own name, else to `out` itself."""
    return out / safe_name(output.file_name) if out.is_dir() else out


def paths_in(folder: Path, outputs: Sequence[Output]) -> list[Path]:
    """Name each result by its own name in a folder; the second of the same name is numbered."""
    taken: set[str] = set()
    return [folder / _free(safe_name(output.file_name), taken) for output in outputs]


def _free(name: str, taken: set[str]) -> str:
    path, number = Path(name), 1
    while name.casefold() in taken:
        number += 1
        name = f"{path.stem} ({number}){path.suffix}"
    taken.add(name.casefold())
    return name
