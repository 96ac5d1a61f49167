"""Results: kept as JSON, so that pages and pictures can be made of them later."""

from pathlib import Path

import msgspec

from bench.rows import Results

FOLDER = Path(__file__).parent / "results"
_DIGITS = 5


def save(results: Results, path: Path) -> None:
    """Write results, replacing what is there."""
    path.parent.mkdir(parents=True, exist_ok=True)
    plain = _rounded(msgspec.to_builtins(results))
    path.write_bytes(msgspec.json.format(msgspec.json.encode(plain), indent=1) + b"\n")


def load(path: Path) -> Results:
    """Read results."""
    return msgspec.json.decode(path.read_bytes(), type=Results)


def _rounded(value: object) -> object:
    """Figures to the digits that mean something."""
    if isinstance(value, float):
        return float(f"{value:.{_DIGITS}g}")
    if isinstance(value, dict):
        return {name: _rounded(one) for name, one in value.items()}
    if isinstance(value, list | tuple):
        return [_rounded(one) for one in value]
    return value
