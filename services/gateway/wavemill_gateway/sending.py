"""Sending: the bytes of a stored object as the body of an answer that has begun."""

import asyncio
from collections.abc import AsyncIterator

from aiohttp import web

from wavemill_common.errors import StorageUnavailable
from wavemill_common.objects import ObjectStore, Opener
from wavemill_common.objects.faults import storage_fault
from wavemill_common.objects.threads import in_thread


async def send_object(
    request: web.Request,
    response: web.StreamResponse,
    objects: ObjectStore,
    key: str,
    span: tuple[int, int],
) -> None:
    """Write the bytes from `span[0]` up to, not including, `span[1]`; the kernel copies a file's.

    Raises:
        StorageUnavailable: there are fewer; the client must not wait for the rest.
    """
    start, end = span
    if isinstance(objects, Opener):
        sent = await _send_file(request, objects, key, start, end - start)
    else:
        sent = await _send_blocks(response, objects.read(key, start, end))
    if sent != end - start:
        raise StorageUnavailable(f"the stored result is {end - start - sent} bytes short")


async def _send_file(
    request: web.Request, objects: Opener, key: str, start: int, count: int
) -> int:
    fd = await in_thread(objects.open_file, key)
    with open(fd, "rb", buffering=0) as file:  # noqa: ASYNC230, PTH123 - it is open already
        if request.transport is None:
            raise ConnectionResetError
        if not count:
            return 0  # to the kernel, that would be all of it
        try:
            loop = asyncio.get_running_loop()
            return await loop.sendfile(request.transport, file, start, count)
        except ConnectionError as error:
            raise ConnectionResetError from error  # the client has left
        except OSError as error:
            raise storage_fault(error) from error


async def _send_blocks(response: web.StreamResponse, blocks: AsyncIterator[bytes]) -> int:
    sent = 0
    async for block in blocks:
        await response.write(block)
        sent += len(block)
    return sent
