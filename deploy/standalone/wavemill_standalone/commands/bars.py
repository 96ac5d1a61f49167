"""Bars: on a terminal, how far each file is; on stderr, above them the results."""

import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from rich.console import Console
from rich.progress import (
    BarColumn,
    Progress,
    TaskID,
    TaskProgressColumn,
    TextColumn,
    TimeRemainingColumn,
)

from wavemill_client import OnProgress, Step
from wavemill_janitor.output import clean
from wavemill_standalone.commands.display import Results
from wavemill_standalone.commands.outcome import Outcome

_WIDTH = 32  # characters of a file's name
_VERBS = {"queued": "waiting", "probing": "looking", "uploading": "storing"}


@contextmanager
def bars(results: Results, total: int) -> Iterator["Bars"]:
    """Show bars for the time of a block."""
    text = (TextColumn("{task.description}", markup=False), TextColumn("{task.fields[doing]}"))
    columns = (*text, BarColumn(), TaskProgressColumn(), TimeRemainingColumn())
    # What goes into a file or a pipe must not pass through the terminal's console.
    redirect = sys.stdout.isatty()
    console = Console(stderr=True)
    with Progress(*columns, console=console, transient=True, redirect_stdout=redirect) as progress:
        yield Bars(progress, results, total)


class Bars:
    """A bar for each file that is on its way, and one for all."""

    def __init__(self, progress: Progress, results: Results, total: int) -> None:
        self._progress = progress
        self._results = results
        self._tasks: dict[str, TaskID] = {}
        self._all = progress.add_task(f"{total} files", total=total, doing="", visible=total > 1)

    def watch(self, source: Path) -> OnProgress:
        """A bar that goes once for each step."""
        name = _shown(source)
        task = self._tasks[str(source)] = self._progress.add_task(name, doing="", total=None)

        def show(step: Step) -> None:
            stage = step.job.stage if step.job else step.doing
            doing = _VERBS.get(stage, stage) if step.job else step.doing
            self._progress.update(task, completed=step.done, total=step.total, doing=doing)

        return show

    def tell(self, outcome: Outcome) -> None:
        """Its bar goes, its line comes."""
        if (task := self._tasks.pop(outcome.source, None)) is not None:
            self._progress.remove_task(task)
        self._progress.advance(self._all)
        self._results.tell(outcome)


def _shown(source: Path) -> str:
    name = clean(source.name)
    return name if len(name) <= _WIDTH else f"{name[: _WIDTH - 1]}…"
