"""Run the benches: print a table, keep the results as JSON.

PYTHONPATH=tests .venv/bin/python -m bench [--full] [--only polls,upload] [--pairs 9] [--out DIR]
"""

import argparse
import importlib
import os
import tempfile
import time
import traceback
from pathlib import Path
from typing import cast

from bench.bench import Bench, LeftOut, Scenario
from bench.machine import machine, now
from bench.results import save
from bench.rows import Outcome, Results, Row
from bench.table import described, table

SCENARIOS = (
    *("job", "polls", "upload", "upload_tus", "upload_s3", "download", "start", "many", "news"),
    *("sse", "noop", "depth", "memory", "following", "segments"),
)


def main() -> None:
    """Run what is asked for."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--full", action="store_true", help="at the sizes of the goals")
    parser.add_argument("--only", default=",".join(SCENARIOS), help="scenarios, with commas")
    parser.add_argument("--pairs", type=int, help="how many pairs of each")
    parser.add_argument("--out", type=Path, help="where to keep the results")
    asked = parser.parse_args()
    size, began = "full" if asked.full else "quick", now()
    outcomes = []
    for name in asked.only.split(","):
        outcomes.append(outcome(name, full=asked.full, pairs=asked.pairs))
        print(table([outcomes[-1]]), flush=True)
        results = Results(size=size, machine=machine(), began=began, outcomes=outcomes)
        if asked.out:  # after each scenario: a long run may be cut off
            save(results, asked.out / f"{size}.json")
    print(described(results))
    print(table(outcomes))


def outcome(name: str, *, full: bool, pairs: int | None) -> Outcome:
    """Run one scenario; what goes wrong in it is told, and ends no other."""
    load, began = os.getloadavg()[0], time.monotonic()
    rows, left_out, about = list[Row](), "", ""
    try:
        scenario = found(name)
        about = scenario.ABOUT
        print(f"{name}: {about}", flush=True)
        with tempfile.TemporaryDirectory(prefix=f"bench-{name}-") as folder:
            for row in scenario.run(Bench(Path(folder), full, pairs)):
                rows.append(row)
    except LeftOut as reason:
        left_out = str(reason)
    except Exception as error:  # noqa: BLE001 - the others shall run
        traceback.print_exc()
        left_out = f"it failed: {error!r}"[:300]
    seconds = time.monotonic() - began
    return Outcome(name=name, about=about, rows=rows, left_out=left_out, seconds=seconds, load=load)


def found(name: str) -> Scenario:
    """The module of a scenario.

    Raises:
        LeftOut: there is none.
    """
    for place in (f"bench.scenarios.{name}", f"bench.{name}"):
        try:
            module = importlib.import_module(place)
        except ModuleNotFoundError:
            continue
        if hasattr(module, "run"):
            return cast("Scenario", module)
    raise LeftOut(f"there is no scenario {name!r} here")


if __name__ == "__main__":
    main()
