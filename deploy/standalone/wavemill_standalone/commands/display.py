"""Display: bars on a terminal, and results as lines or JSON; nothing but results on stdout."""

import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Protocol

from wavemill_client import OnProgress
from wavemill_standalone.commands.outcome import Outcome


class Display(Protocol):
    """What is shown of many conversions."""

    def watch(self, source: Path) -> OnProgress:
        """Show a new one; what this returns is to be told its steps."""
        ...

    def tell(self, outcome: Outcome) -> None:
        """Show what became of one."""
        ...


class Results:
    """Results only: for pipes, logs and programs."""

    def __init__(self, *, as_json: bool) -> None:
        self._as_json = as_json

    def watch(self, _: Path) -> OnProgress:
        """A log is no place for bars."""
        return lambda _: None

    def tell(self, outcome: Outcome) -> None:
        """Failures go to stderr, unless a program reads along."""
        if self._as_json:
            print(outcome.as_json(), flush=True)
            return
        stream = sys.stdout if outcome.status == "completed" else sys.stderr
        for line in outcome.lines():
            print(line, file=stream, flush=True)


@contextmanager
def display(*, as_json: bool, total: int) -> Iterator[Display]:
    """Show what suits where stderr and stdout go."""
    results = Results(as_json=as_json)
    if not sys.stderr.isatty():
        yield results
        return
    from wavemill_standalone.commands.bars import bars  # rich costs time where nobody sees it

    with bars(results, total) as shown:
        yield shown
