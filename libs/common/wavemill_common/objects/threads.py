"""Blocking calls off the event loop, each awaited to its end."""

import asyncio
from collections.abc import Callable
from functools import partial
from typing import ParamSpec, TypeVar

from wavemill_common.objects.faults import storage_fault

P = ParamSpec("P")
T = TypeVar("T")


async def in_thread(call: Callable[P, T], *args: P.args, **kwargs: P.kwargs) -> T:
    """Run a blocking call in a worker thread; what the system refuses comes as an AppError.

    A cancellation waits until the call has ended: a descriptor must never be closed, and so
    given to another file, while a thread still writes to it.
    """
    loop = asyncio.get_running_loop()
    future = loop.run_in_executor(None, partial(call, *args, **kwargs))
    try:
        return await asyncio.shield(future)
    except asyncio.CancelledError:
        await _end_of(future)
        raise
    except OSError as error:
        raise storage_fault(error) from error


async def _end_of(future: asyncio.Future[T]) -> None:
    while not future.done():
        try:
            await asyncio.wait((future,))
        except asyncio.CancelledError:
            continue  # the caller raises the first one
    if not future.cancelled():
        future.exception()  # retrieved, so that nobody warns
