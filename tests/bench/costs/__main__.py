"""Count what a job costs on the real services, and write it into docs/scaling.md.

    PYTHONPATH=tests .venv/bin/python -m bench.costs [--quick] [--json FILE]

Jobs of three kinds go through a gateway, a converter and a janitor, on moto's S3 and DynamoDB with
a meter before them and a Redis of their own (some five minutes; `--quick` measures clips alone, and
prints). `--reckon` measures nothing: it only reckons anew, with the prices that are there.
"""

import argparse
import asyncio
from pathlib import Path

import msgspec

from bench.costs.bill import PRICES, Habits, read_prices
from bench.costs.measure import Costs, measure
from bench.costs.tables import tables
from bench.page import filled

DOCS = Path(__file__).parents[3] / "docs"
COSTS, PAGE = DOCS / "scaling" / "costs.json", DOCS / "scaling.md"


def read_costs(path: Path = COSTS) -> Costs:
    """What was measured."""
    return msgspec.json.decode(path.read_bytes(), type=Costs)


def main() -> None:
    """Measure, keep, reckon."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--quick", action="store_true", help="clips only; print, keep nothing")
    parser.add_argument("--reckon", action="store_true", help="take what was measured before")
    parser.add_argument("--json", type=Path, default=COSTS, help="where the counts are kept")
    parser.add_argument("--prices", type=Path, default=PRICES, help="another list of prices")
    asked = parser.parse_args()
    costs = read_costs(asked.json) if asked.reckon else asyncio.run(measure(quick=asked.quick))
    told = tables(costs, read_prices(asked.prices), Habits())
    print("\n\n".join(told.values()))
    if not asked.quick:
        asked.json.parent.mkdir(exist_ok=True)
        asked.json.write_bytes(msgspec.json.format(msgspec.json.encode(costs)) + b"\n")
        if (asked.json, asked.prices) == (COSTS, PRICES):
            PAGE.write_text(filled(PAGE.read_text(), told))


if __name__ == "__main__":
    main()
