"""What a child prints is read in few looks, and its end is told at once."""

import asyncio
import sys
import time

import pytest

from wavemill_converter.sandbox import outlet
from wavemill_converter.sandbox.outlet import PAUSE
from wavemill_converter.sandbox.process import CHUNK, output_of, started

LINES = "for i in 1 2 3 4 5 6 7 8 9 10 11 12 13 14 15 16 17 18 19 20; do echo $i; sleep 0.005; done"
MUCH = "import sys; sys.stdout.write('x' * 20_000_000)"


async def test_small_pieces_are_read_together_and_none_is_lost() -> None:
    looks = list[bytes]()
    async with started(["sh", "-c", LINES]) as child:
        while data := await child.stdout.read(CHUNK):
            looks.append(data)
    assert b"".join(looks).split() == [b"%d" % number for number in range(1, 21)]
    assert len(looks) <= 12, "a look for each line would be 20"


async def test_the_end_of_a_child_is_not_waited_for(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(outlet, "PAUSE", 60.0)
    code, out, _ = await output_of(["sh", "-c", "echo a; sleep 0.1; echo b"], seconds=30)
    assert (code, out) == (0, "a\nb\n")


async def test_much_is_read_without_pauses() -> None:
    began = time.perf_counter()
    code, out, _ = await output_of([sys.executable, "-c", MUCH], seconds=60, limit=1 << 25)
    assert (code, len(out)) == (0, 20_000_000)
    pauses = 20_000_000 / CHUNK * PAUSE
    assert time.perf_counter() - began < pauses / 2


async def test_a_reader_may_give_up() -> None:
    async with started(["sleep", "1000"]) as child:
        reading = asyncio.create_task(child.stdout.read(CHUNK))
        await asyncio.sleep(0.05)
        reading.cancel()
        await asyncio.wait([reading])
        assert reading.cancelled()
