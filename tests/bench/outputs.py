"""What three results of one upload cost, beside three jobs: CPU time of all of wavemill.

    PYTHONPATH=tests .venv/bin/python -m bench.outputs [--pairs 5] [--verify structure]

Both run in turn on one server, so that a machine whose speed drifts slows both. CPU time, of all
processes and of the ffmpegs that have ended, hardly depends on what else the machine does.
"""

import argparse
import asyncio
import statistics
import tempfile
from collections.abc import Sequence
from pathlib import Path
from typing import Any, NamedTuple

import aiohttp

from support.audio import generate
from support.client import Client
from support.server import Wavemill, running

FORMATS = ("mp3", "m4a", "opus")
PATIENCE = 1800.0  # seconds
_SPEECH = "anoisesrc=d={d}:c=pink:a=0.5:r=44100:seed=3,volume='0.2+0.8*abs(sin(3*t))':eval=frame"


class Pair(NamedTuple):
    """CPU seconds of one job with several results, and of several jobs."""

    together: float
    apart: float

    @property
    def ratio(self) -> float:
        """What the one job costs of the several."""
        return self.together / self.apart


def cpu_seconds(server: Wavemill) -> float:
    """All CPU time of a wavemill so far: its processes, and those of theirs that have ended."""
    times = [process.cpu_times() for process in server.processes()]
    return sum(one.user + one.system + one.children_user + one.children_system for one in times)


async def cost(server: Wavemill, client: Client, bodies: Sequence[dict[str, Any]]) -> float:
    """Run jobs, one after the other; return the CPU seconds that they took."""
    before = cpu_seconds(server)
    for body in bodies:
        status, accepted, _ = await client.call("POST", "/api/convert-audio", json=body)
        assert status == 202, accepted
        ended = await client.wait(accepted["jobId"], PATIENCE)
        assert ended["status"] == "completed", ended
    return cpu_seconds(server) - before


async def measure(server: Wavemill, source: Path, formats: Sequence[str], pairs: int) -> list[Pair]:
    """Run pairs in turn, after one that is not counted."""
    async with aiohttp.ClientSession() as session:
        client = Client(session, server.url)
        file_id = (await client.upload(source))["fileId"]
        together = [{"fileId": file_id, "outputs": [{"format": one} for one in formats]}]
        apart = [{"fileId": file_id, "format": one} for one in formats]
        found = list[Pair]()
        for number in range(pairs + 1):
            pair = Pair(await cost(server, client, together), await cost(server, client, apart))
            print(f"{number}: {pair.together:6.2f} s, {pair.apart:6.2f} s: {pair.ratio:.3f}")
            found.append(pair)
        return found[1:]


def told(pairs: Sequence[Pair]) -> str:
    """Tell the medians of some pairs."""
    together = statistics.median(pair.together for pair in pairs)
    apart = statistics.median(pair.apart for pair in pairs)
    ratio = statistics.median(pair.ratio for pair in pairs)
    return f"medians of {len(pairs)}: {together:.2f} s, {apart:.2f} s: {ratio:.3f}"


def main() -> None:
    """Make a source, run a wavemill on it, and tell what it took."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--pairs", type=int, default=5)
    parser.add_argument("--minutes", type=float, default=10)
    parser.add_argument("--source", default="m4a", help="the format of the source")
    parser.add_argument("--formats", nargs="+", default=FORMATS)
    parser.add_argument("--verify", choices=["decode", "structure"], default="decode")
    asked = parser.parse_args()
    with tempfile.TemporaryDirectory() as folder:
        sound = _SPEECH.format(d=60 * asked.minutes) + ",pan=stereo|c0=c0|c1=0.8*c0"
        source = generate(Path(folder) / f"source.{asked.source}", sound)
        with running(Path(folder) / "data", WAVEMILL_VERIFY=asked.verify) as server:
            print(f"{asked.source} to {', '.join(asked.formats)}, verified by {asked.verify}:")
            print("one job, one job for each: ratio (0 is not counted)")
            print(told(asyncio.run(measure(server, source, asked.formats, asked.pairs))))


if __name__ == "__main__":
    main()
