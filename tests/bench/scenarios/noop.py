"""No-op jobs through the queue and its records, against queues that somebody would take instead.

Ours are recorded in SQLite, each step synced to disk and fenced; theirs live in Redis alone.
"""

import json
import subprocess
import sys
from collections.abc import Callable, Iterator
from pathlib import Path

from bench.bench import Bench, LeftOut, interleaved
from bench.rows import Goal, Row
from bench.services import redis_in
from bench.usage import Usage

NAME = "noop"
ABOUT = "no-op jobs, enqueued and worked off, a hundred at once"
PEERS = ("streaq", "arq", "taskiq")
_PYTHON = Path(__file__).parents[3] / ".venv-bench" / "bin" / "python"
_PROGRAM = Path(__file__).parents[1] / "peers" / "queues.py"


def run(bench: Bench) -> Iterator[Row]:
    """Measure jobs per second."""
    jobs = bench.sized(500, 5000)
    if not _PYTHON.exists():
        raise LeftOut("the peers are not installed; `make bench` does that")
    data = bench.folder / "noop"
    with redis_in(data) as url, redis_in(bench.folder / "noop-peers") as other:
        ours = [sys.executable, "-m", "bench.noops", str(data), url, str(jobs)]
        peers = [[str(_PYTHON), str(_PROGRAM), name, other, str(jobs)] for name in PEERS]
        sides = interleaved(bench.times(3, 5), *(_running(argv) for argv in (ours, *peers)))
    mine, rates = sides[0], [[jobs / one.wall for one in side] for side in sides]
    best = [max(figures) for figures in zip(*rates[1:], strict=True)]
    yield Row(
        name="rate",
        against="the best of them",
        unit="1/s",
        ours=rates[0],
        limit=best,
        goal=Goal(least=1.0),
        note="ours are durable and fenced",
    )
    for name, side in zip(PEERS, sides[1:], strict=True):
        yield Row(
            name="rate",
            against=name,
            unit="1/s",
            ours=[jobs / one.wall for one in mine],
            limit=[jobs / one.wall for one in side],
        )


def _running(argv: list[str]) -> Callable[[], Usage]:
    def ran() -> Usage:
        done = subprocess.run(argv, check=False, capture_output=True, text=True, timeout=600)
        if done.returncode:
            raise LeftOut(f"{argv[-3]} failed: {done.stderr[-200:]}")
        return Usage(*json.loads(done.stdout.splitlines()[-1]))

    return ran
