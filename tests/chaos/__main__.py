"""The long forms: `python -m chaos storm --jobs 1000 --seeds 10` and `python -m chaos mutants`."""

import argparse
import asyncio
import shutil
import sys
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from chaos.figures import summary, table
from chaos.mutants import SCENARIOS, try_both
from chaos.storm import AWS_PACE, Storm, run_storm
from support.kept import InAws, Kept
from support.moto_server import running_moto


def main() -> int:
    """Run what the command line asks for; 1 where the promise was broken."""
    parser = argparse.ArgumentParser(prog="chaos", description=__doc__)
    commands = parser.add_subparsers(dest="command", required=True)
    storm = commands.add_parser("storm", help="many jobs, everything dies; judged at the end")
    storm.add_argument("--jobs", type=int, default=200)
    storm.add_argument("--seeds", type=int, default=1)
    storm.add_argument("--first-seed", type=int, default=1)
    storm.add_argument("--scale", type=float, default=0.1)
    storm.add_argument("--stores", choices=("embedded", "aws"), default="embedded")
    storm.add_argument("--keep", action="store_true", help="keep the data and logs of each run")
    commands.add_parser("mutants", help="take out one part of the protocol after the other")
    parsed = parser.parse_args()
    return _storms(parsed) if parsed.command == "storm" else _mutants()


def _storms(parsed: argparse.Namespace) -> int:
    storms: list[Storm] = []
    for seed in range(parsed.first_seed, parsed.first_seed + parsed.seeds):
        with _folder(keep=parsed.keep) as folder, _kept(parsed.stores) as kept:
            run = run_storm(
                folder,
                jobs=parsed.jobs,
                seed=seed,
                scale=parsed.scale,
                kept=kept,
                pace=AWS_PACE if kept else 1.0,
            )
            storms.append(asyncio.run(run))
        _say(summary(storms[-1]))
        for name, texts in storms[-1].violations.items():
            _say(f"  {name}: " + "; ".join(texts[:10]))
    _say("\n" + table(storms))
    return 1 if any(storm.violations for storm in storms) else 0


def _mutants() -> int:
    """Tell which oracle caught which mutant; 1 where one got away, or the product itself failed."""
    failed = False
    for name in SCENARIOS:
        with _folder(keep=False) as folder:
            whole, mutant = asyncio.run(try_both(name, folder))
        failed |= bool(whole.violations) or not mutant.violations
        caught = ", ".join(f"{oracle} ({text})" for oracle, text in mutant.violations.items())
        _say(f"{name}: {'caught by ' + caught if caught else 'NOT CAUGHT'}")
        if whole.violations:
            _say(f"  but the product as it is fails too: {whole.violations}")
    return failed


@contextmanager
def _folder(*, keep: bool) -> Iterator[Path]:
    folder = Path(tempfile.mkdtemp(prefix="chaos-"))
    try:
        yield folder
    finally:
        if keep:
            _say(f"kept: {folder}")
        else:
            shutil.rmtree(folder, ignore_errors=True)


@contextmanager
def _kept(stores: str) -> Iterator[Kept | None]:
    """S3 and DynamoDB for one storm, where they are asked for."""
    if stores == "embedded":
        yield None
        return
    with running_moto() as url:
        yield InAws(url)


def _say(text: str) -> None:
    sys.stdout.write(text + "\n")
    sys.stdout.flush()


if __name__ == "__main__":
    sys.exit(main())
