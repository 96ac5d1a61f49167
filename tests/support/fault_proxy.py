"""A TCP proxy that is slow, silent, or hangs up, as a network may be."""

import asyncio
import socket
import struct
import threading
from collections.abc import Coroutine
from contextlib import suppress
from enum import Enum, auto
from typing import Any, Self

from support.ports import free_port

CHUNK = 65536
RESET = struct.pack("ii", 1, 0)  # SO_LINGER with no time: closing sends RST


class Mode(Enum):
    """What happens to the bytes that come by."""

    PASS = auto()
    STALL = auto()  # they wait, and go on when the proxy is healed
    DROP = auto()  # the connection is half-open: they are gone, and nobody is told
    REFUSE = auto()  # new connections are reset


class FaultProxy:
    """Forwards a free local port to `target`. It has a thread and a loop of its own."""

    def __init__(self, target: int) -> None:
        self.port = free_port()
        self._target = target
        self._mode, self._delay = Mode.PASS, 0.0
        self._drops = 0  # how often connections became half-open
        self.forwarded = 0  # bytes that went on to the target
        self._healed = asyncio.Event()
        self._writers: set[asyncio.StreamWriter] = set()
        self._loop = asyncio.new_event_loop()
        self._thread = threading.Thread(target=self._loop.run_forever, daemon=True)

    def __enter__(self) -> Self:
        self._thread.start()
        self._do(self._serve())
        return self

    def __exit__(self, *_: object) -> None:
        self._do(self._close())
        self._loop.call_soon_threadsafe(self._loop.stop)
        self._thread.join()
        self._loop.close()

    def become(self, mode: Mode, *, delay: float = 0.0) -> None:
        """Change what happens from now on; `delay` is in seconds for each piece."""
        self._do(self._become(mode, delay))

    def reset(self) -> None:
        """Reset every connection there is."""
        self._do(self._reset())

    def _do(self, work: Coroutine[Any, Any, None]) -> None:
        asyncio.run_coroutine_threadsafe(work, self._loop).result(10)

    async def _serve(self) -> None:
        self._server = await asyncio.start_server(self._accept, "127.0.0.1", self.port)

    async def _become(self, mode: Mode, delay: float) -> None:
        self._mode, self._delay = mode, delay
        self._drops += mode is Mode.DROP
        self._healed.set() if mode is Mode.PASS else self._healed.clear()

    async def _reset(self) -> None:
        for writer in self._writers:
            with suppress(OSError):  # it may be closed already
                place = writer.get_extra_info("socket")
                place.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, RESET)
            writer.transport.abort()
        self._writers.clear()

    async def _close(self) -> None:
        self._server.close()
        await self._reset()
        tasks = asyncio.all_tasks() - {asyncio.current_task()}
        for task in tasks:
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)

    async def _accept(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        self._writers.add(writer)
        if self._mode is Mode.REFUSE:
            await self._reset()
            return
        with suppress(OSError):
            behind, ahead = await asyncio.open_connection("127.0.0.1", self._target)
            self._writers.add(ahead)
            await asyncio.gather(self._pump(reader, ahead, forth=True), self._pump(behind, writer))

    async def _pump(
        self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter, *, forth: bool = False
    ) -> None:
        drops = self._drops
        with suppress(OSError):
            while data := await reader.read(CHUNK):
                if self._mode is Mode.STALL:
                    await self._healed.wait()
                # What was half-open once never comes to life again.
                if self._mode is not Mode.DROP and drops == self._drops:
                    await asyncio.sleep(self._delay)
                    writer.write(data)
                    await writer.drain()
                    if forth:
                        self.forwarded += len(data)
        writer.close()
