"""How much is taken from a socket at once: what we set must be what asyncio goes by."""

import asyncio
import socket

from wavemill_gateway.wire import BODY_BLOCK


async def test_a_transport_reads_as_much_at_once_as_it_is_told() -> None:
    ours, theirs = socket.socketpair()
    sizes: list[int] = []
    got = asyncio.Event()

    class Sizes(asyncio.Protocol):
        def data_received(self, data: bytes) -> None:
            sizes.append(len(data))
            got.set()

    loop = asyncio.get_running_loop()
    transport, _ = await loop.create_connection(Sizes, sock=ours)
    with theirs:
        assert 100 < transport.max_size < BODY_BLOCK  # type: ignore[attr-defined]
        transport.max_size = 100  # type: ignore[attr-defined]
        theirs.sendall(bytes(1000))
        async with asyncio.timeout(10):
            await got.wait()
    transport.close()
    assert sizes[0] == 100
