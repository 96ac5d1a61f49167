"""Simulate the queue: who waits how long, and where Redis can take no more (a minute).

    PYTHONPATH=tests .venv/bin/python -m bench.simulation [--json FILE] [--print]

Takes the service times that `python -m bench.costs` measured, and writes the tables of
docs/scaling.md, docs/scaling/simulation.json and the plots. `--print` keeps and draws nothing.
"""

import argparse
from pathlib import Path

import msgspec

from bench.costs.__main__ import COSTS, DOCS, PAGE, read_costs
from bench.page import filled
from bench.simulation.plots import draw
from bench.simulation.results import Results, simulate, tables

RESULTS = DOCS / "scaling" / "simulation.json"


def read_results(path: Path = RESULTS) -> Results:
    """What was simulated."""
    return msgspec.json.decode(path.read_bytes(), type=Results)


def main() -> None:
    """Simulate, keep, draw."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--costs", type=Path, default=COSTS, help="what was measured")
    parser.add_argument("--json", type=Path, default=RESULTS, help="where the results are kept")
    parser.add_argument("--print", action="store_true", help="print the tables and keep nothing")
    asked = parser.parse_args()
    results = simulate(read_costs(asked.costs))
    told = tables(results)
    for name, text in told.items():
        print(f"{name}\n\n{text}\n")
    if not asked.print:
        asked.json.write_bytes(msgspec.json.format(msgspec.json.encode(results)) + b"\n")
        draw(results, DOCS / "images")
        if asked.json == RESULTS:
            PAGE.write_text(filled(PAGE.read_text(), told))


if __name__ == "__main__":
    main()
