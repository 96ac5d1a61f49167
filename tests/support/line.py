"""A line: what the kernel holds of it, between one program's write and the other's read."""

from pathlib import Path

from support.server import eventually

PATIENCE = 60.0  # seconds
TCP = Path("/proc/net/tcp")


async def line_is_empty(port: int) -> None:
    """Wait until all that was sent to a port of this machine, and from it, has been read."""
    await eventually(lambda: not _on_its_way(port), PATIENCE)


def _on_its_way(port: int) -> int:
    """Bytes that are in the queues of the connections to and from `port` (man 5 proc_net)."""
    _, *lines = TCP.read_text().splitlines()
    return sum(
        int(queued, 16)
        for _, local, remote, _, queues, *_ in map(str.split, lines)
        if f":{port:04X}" in (local[-5:], remote[-5:])
        for queued in queues.split(":")
    )
