"""Artwork: get the picture of a result that ffmpeg cannot copy as a stream by itself."""

from collections.abc import Sequence

import structlog
from msgspec import structs

from wavemill_common.errors import ObjectNotFound
from wavemill_common.objects import ObjectStore
from wavemill_common.settings import MIB
from wavemill_converter.ffmpeg.commands import picture_command
from wavemill_converter.ffmpeg.contained import output_on
from wavemill_converter.ffmpeg.installation import Ffmpeg
from wavemill_converter.ffmpeg.memory import MemoryFile, is_supported
from wavemill_converter.ffmpeg.places import Input, fd_destination
from wavemill_converter.plan.plan import ConversionPlan
from wavemill_converter.plan.results import Result

log = structlog.get_logger(__name__)

MAX_PICTURE = 16 * MIB  # bytes; a FLAC block holds no more
PICTURE_TIME = 60.0  # seconds; it takes 0.05


async def with_picture(
    ffmpeg: Ffmpeg, objects: ObjectStore, source: Input, plan: ConversionPlan
) -> ConversionPlan:
    """Give a plan its picture, from the source or as the caller gave it; without, if there is none.

    Raises:
        Unavailable: the object store failed; another attempt may succeed.
    """
    if plan.picture_key is not None:
        return structs.replace(plan, picture=await _given(objects, plan.picture_key))
    if plan.picture_stream is not None:
        picture = await _extracted(ffmpeg, source, plan.demuxer, plan.picture_stream)
        return structs.replace(plan, picture=picture)
    return plan


async def with_pictures(
    ffmpeg: Ffmpeg, objects: ObjectStore, source: Input, results: Sequence[Result]
) -> tuple[Result, ...]:
    """Give all results their pictures; what several of them share is looked up once.

    Raises:
        Unavailable: the object store failed; another attempt may succeed.
    """
    found: dict[tuple[str | None, int | None], bytes | None] = {}
    for result in results:
        where = (result.plan.picture_key, result.plan.picture_stream)
        if where not in found:
            found[where] = (await with_picture(ffmpeg, objects, source, result.plan)).picture
    return tuple(
        structs.replace(
            one,
            plan=structs.replace(
                one.plan, picture=found[one.plan.picture_key, one.plan.picture_stream]
            ),
        )
        for one in results
    )


async def _given(objects: ObjectStore, key: str) -> bytes | None:
    data = bytearray()
    try:
        async for block in objects.read(key):
            data += block
            if len(data) > MAX_PICTURE:
                return None
    except ObjectNotFound:
        log.warning("cover_missing", key=key)
        return None
    return bytes(data)


async def _extracted(ffmpeg: Ffmpeg, source: Input, demuxer: str, index: int) -> bytes | None:
    if not is_supported():
        return None
    with MemoryFile("picture") as file:
        place = fd_destination(file.fd, by_number=ffmpeg.knows_fd)
        command = picture_command(ffmpeg.path, source, demuxer, index, place)
        try:
            code, _, _ = await output_on(
                ffmpeg,
                command,
                source,
                PICTURE_TIME,
                destinations=[place],
                file_bytes=MAX_PICTURE,
            )
        except TimeoutError:
            return None
        size = file.size
        return file.read(0, size) if code == 0 and 0 < size < MAX_PICTURE else None
