"""Known: what was found out about an ffmpeg, once for all tests: it takes six processes to ask."""

from msgspec import structs

from support.audio import FFMPEG
from wavemill_common.settings import SandboxMode
from wavemill_converter.ffmpeg.installation import Ffmpeg, find_ffmpeg
from wavemill_converter.sandbox import contain
from wavemill_converter.sandbox.launching import Launcher

_launcher = Launcher()  # it ends with this process
_found: dict[tuple[str, bool], Ffmpeg] = {}


async def known_ffmpeg(path: str = FFMPEG, *, contained: bool = False) -> Ffmpeg:
    """An ffmpeg that stays what it is; `contained` as far as this machine can do it."""
    known = _found.get((path, contained))
    if known is None:
        known = await find_ffmpeg(path)
        if contained:
            sandbox = await contain(path, SandboxMode.PREFER)
            known = structs.replace(known, sandbox=sandbox, launcher=_launcher)
        _found[path, contained] = known
    return known
