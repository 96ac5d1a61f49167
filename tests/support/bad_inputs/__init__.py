"""Bad inputs: files that are broken, lie, or are something else, and what is wrong around them."""

from collections.abc import Mapping
from pathlib import Path

from msgspec import Struct

from support.bad_inputs.damage import damaged
from support.bad_inputs.disguise import disguised
from support.bad_inputs.sources import make_sources
from support.wild import WILD


class BadInput(Struct, frozen=True):
    """A file to be uploaded and converted."""

    name: str
    file_name: str
    content: bytes


def bad_inputs(folder: Path, lena: Path) -> list[BadInput]:
    """All of them, always the same."""
    sources = make_sources(folder)
    wild = {name: (lena / f"lena.{name}").read_bytes() for name in ("mp3", "m4a", "flac")}
    found = [
        *(one for extension, content in sources.items() for one in _damaged(extension, content)),
        *(BadInput(f"wild: {name}", "wild.bin", make(wild)) for name, make in WILD.items()),
        *(BadInput(name, *one) for name, one in disguised(sources).items()),
    ]
    assert len({one.name for one in found}) == len(found)
    return found


def _damaged(extension: str, content: bytes) -> list[BadInput]:
    pieces: Mapping[str, tuple[str, bytes]] = damaged(extension, content)
    return [BadInput(f"{extension}: {name}", *one) for name, one in pieces.items()]
