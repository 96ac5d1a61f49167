"""How long a call to S3 may stand still before it is given up, and its connection with it.

aiohttp limits how long it connects, and how long it waits for an answer once all has been sent.
Between the two, where it waits for `100 Continue` and while it sends, it knows no limit: to a peer
that accepts and says nothing a part would be on its way for ever.
"""

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager, suppress

from wavemill_common.errors import StorageUnavailable
from wavemill_common.objects.s3_body import Moved

# What a store answers without work. A copy, a completion or a list may take it long.
QUICK = frozenset(
    {
        "head_object",
        "get_object",  # up to its first bytes; for the others `read_timeout` waits
        "delete_object",
        "create_multipart_upload",
        "abort_multipart_upload",
    }
)


@asynccontextmanager
async def patience(first: float | None, later: float) -> AsyncIterator[Moved]:
    """Give the block `first` seconds, and `later` seconds more whenever it calls what it is given.

    None is no limit.

    Raises:
        StorageUnavailable: it stood still; what it awaited was cancelled.
    """
    begun = last = asyncio.get_running_loop().time()
    limit = asyncio.timeout(first)

    def moved() -> None:
        nonlocal last
        last = asyncio.get_running_loop().time()
        with suppress(RuntimeError):  # the call is over, and its body still being sent
            limit.reschedule(last + later)

    try:
        async with limit:
            yield moved
    except TimeoutError:
        if not limit.expired():
            raise
        still = later if last > begun else first
        raise StorageUnavailable(f"S3 has neither taken nor sent a byte for {still:g} s") from None
