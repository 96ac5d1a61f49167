"""Damage: what lines, disks and renaming people do to a file. Seeded, so always the same.

Bits are flipped as zzuf does it: each with the same small probability.
"""

import random
from collections.abc import Iterator

SHARES = (0.01, 0.05, 0.1, 0.25, 0.5, 0.75, 0.9, 0.99)
HEADERS = (16, 64, 300, 1024)  # bytes
RATIOS = (0.0004, 0.004, 0.04)  # of all bits
SEEDS = range(6)
HEADER = 400  # bytes that are damaged where only the header is

Damaged = dict[str, tuple[str, bytes]]


def damaged(extension: str, content: bytes) -> Damaged:
    """Every kind of damage to one file: a name to a file name and bytes."""
    own = f"damaged.{extension}"
    found: Damaged = {name: (own, data) for name, data in _changed(content)}
    found |= {f"called {other}": (f"damaged.{other}", content) for other in ("txt", "exe", "m3u8")}
    return found


def flip(content: bytes, ratio: float, seed: int) -> bytes:
    """Flip each bit with this probability."""
    chance, data = random.Random(seed), bytearray(content)
    for _ in range(round(len(data) * 8 * ratio) or 1):
        bit = chance.randrange(len(data) * 8)
        data[bit // 8] ^= 1 << bit % 8
    return bytes(data)


def _changed(content: bytes) -> Iterator[tuple[str, bytes]]:
    for share in SHARES:
        yield f"cut at {share:.0%}", content[: max(1, round(len(content) * share))]
    yield "cut by a byte", content[:-1]
    for size in HEADERS:
        yield f"only {size} bytes", content[:size]
    for seed in SEEDS:
        for ratio in RATIOS:
            yield f"{ratio:.2%} of bits flipped, {seed}", flip(content, ratio, seed)
        head = flip(content[:HEADER], 0.02, seed)
        yield f"header flipped, {seed}", head + content[HEADER:]
    noise = random.Random(len(content)).randbytes(5000)
    yield "junk behind", content + noise
    yield "junk before", noise + content
    yield "zeros behind", content + bytes(5000)
    yield "zeros instead", content[:HEADER] + bytes(len(content) - HEADER)
    yield "twice", content + content
    yield "backwards", content[::-1]
    yield "without its head", content[HEADER:]
