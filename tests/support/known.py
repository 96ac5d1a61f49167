"""Known: what was found out about an ffmpeg, once for all tests: it takes six processes to ask."""

from msgspec import structs

from support.audio import FFMPEG
from wavemill_common.settings import SandboxMode
from wavemill_converter.ffmpeg.installation import Ffmpeg, find_ffmpeg
from wavemill_converter.sandbox import contain

_found: dict[tuple[str, bool], Ffmpeg] = {}


async def known_ffmpeg(path: str = FFMPEG, *, contained: bool = False) -> Ffmpeg:
    """An ffmpeg that stays what it is; `contained` as far as this machine can do it."""
    known = _found.get((path, contained))
    if known is None:
        known = await find_ffmpeg(path)
        if contained:
            known = structs.replace(known, sandbox=await contain(path, SandboxMode.PREFER))
        _found[path, contained] = known
    return known
