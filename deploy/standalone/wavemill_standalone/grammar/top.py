"""The grammar of `wavemill top`."""

import argparse
from pathlib import Path

from wavemill_standalone.grammar.common import Commands, command

EVERY = 1.0  # seconds
ROWS = 10
TEXT = """\
exit codes: 0 told (or left with Ctrl-C), 1 Redis or the job store is down, 2 usage.
"""


def add(commands: Commands) -> None:
    """Its grammar."""
    parser = command(
        commands,
        "top",
        summary="show queue, converters and jobs, live",
        description="Show what waits, what runs and what has ended lately, until Ctrl-C. Like"
        " wavemill-janitor it reads Redis and the job store themselves, as the environment names"
        " them, and changes nothing.",
        examples=["top", "top --data-dir /srv/wavemill", "top --json | jq .queue.lanes"],
        epilog=TEXT,
    )
    parser.add_argument("--once", action="store_true", help="show it once, and end")
    parser.add_argument("--json", action="store_true", help="print one JSON document, and end")
    parser.add_argument(
        "--every",
        type=_seconds,
        default=EVERY,
        metavar="SECONDS",
        help=f"look so often ({EVERY:g})",
    )
    parser.add_argument(
        "--rows", type=_rows, default=ROWS, metavar="N", help=f"jobs to show of each kind ({ROWS})"
    )
    parser.add_argument(
        "--data-dir", type=Path, metavar="DIR", help="where wavemill keeps everything (DATA_DIR)"
    )


def _seconds(text: str) -> float:
    value = float(text)
    if not 0.1 <= value <= 3600:  # noqa: PLR2004 - a tenth of a second to an hour
        raise argparse.ArgumentTypeError("from 0.1 to 3600 seconds")
    return value


def _rows(text: str) -> int:
    value = int(text)
    if not 1 <= value <= 200:  # noqa: PLR2004 - what somebody may want to look at
        raise argparse.ArgumentTypeError("from 1 to 200")
    return value
