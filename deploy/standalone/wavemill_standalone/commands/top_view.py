"""The picture of `wavemill top`: an overview as tables. Pure; names of strangers are cleaned."""

from collections.abc import Sequence

from rich.box import SIMPLE_HEAD
from rich.console import Group, RenderableType
from rich.progress_bar import ProgressBar
from rich.table import Table
from rich.text import Text

from wavemill_common.overview import Ended, Overview, Running
from wavemill_common.queue.converters import ConverterStatus
from wavemill_common.queue.inspection import QueueReport
from wavemill_janitor.cli.filters import format_age
from wavemill_janitor.cli.output import clean

PIPE_WIDTH = 120  # characters, where there is no terminal to ask
BAR, ID, NAME = 16, 10, 32  # characters
SUFFIX = 8  # characters at the end of a converter's name, which no other has
LATE = {"interactive": 60.0, "standard": 600.0, "bulk": 3600.0}  # seconds, as the alert has them
COLOURS = {"completed": "green", "failed": "red", "cancelled": "yellow"}
NOTHING = Text("none", style="dim")


def picture(seen: Overview) -> RenderableType:
    """All of it, from the whole to the parts."""
    return Group(
        _headline(seen),
        _lanes(seen.queue),
        _titled("converters", _converters(seen)),
        _titled("running", _running(seen.running)),
        _titled("ended lately", _ended(seen.ended)),
    )


def failure(text: str) -> RenderableType:
    """What is shown while nothing can be seen."""
    return Text(f"{clean(text)}\n\ntrying again; Ctrl-C ends", style="red")


def _headline(seen: Overview) -> Text:
    queue = seen.queue
    used, slots = (
        sum(getattr(one, name) for one in seen.converters) for name in ("running", "slots")
    )
    waiting = sum(one.waiting for one in queue.lanes)
    parts = [
        Text("wavemill", style="bold"),
        Text(_converters_up(len(seen.converters)), style="" if seen.converters else "red"),
        Text(f"{used}/{slots} slots"),
        Text(f"{waiting} waiting"),
        Text(f"{queue.delayed} to be tried again", style="yellow" if queue.delayed else ""),
        Text(f"{queue.dead} given up", style="red" if queue.dead else ""),
    ]
    if queue.epoch is None:
        parts.append(Text("Redis is empty; a janitor will fill it", style="red"))
    return Text(" · ").join(parts)


def _converters_up(count: int) -> str:
    return f"{count} converter" if count == 1 else f"{count or 'no'} converters"


def _lanes(queue: QueueReport) -> Table:
    table = _table("lane", ">waiting", ">oldest", ">not delivered", ">in hands")
    for one in queue.lanes:
        late = (one.oldest_waiting or 0.0) > LATE.get(one.lane, 0.0)
        oldest = Text(format_age(one.oldest_waiting), style="red" if late else "")
        lag = "-" if one.lag is None else str(one.lag)
        table.add_row(one.lane, str(one.waiting), oldest, lag, str(one.pending))
    return table


def _converters(seen: Overview) -> Table:
    table = _table("converter", "slots", ">used", ">idle", "ffmpeg", ">walls")
    idle = {one.name: one.idle for one in seen.queue.consumers}
    for one in seen.converters:
        table.add_row(
            clean(one.name),
            ProgressBar(total=max(1, one.slots), completed=one.running, width=BAR),
            f"{one.running}/{one.slots}",
            format_age(idle.get(one.name)),
            _version(one),
            Text(str(len(one.sandbox)), style="" if one.sandbox else "red"),
        )
    return table


def _version(one: ConverterStatus) -> Text:
    if one.ffmpeg_version is None:
        return Text("missing", style="red")
    return Text(clean(one.ffmpeg_version).partition("-")[0][:NAME])


def _running(jobs: Sequence[Running]) -> Table:
    table = _table(
        "job", "on", "file", "to", "stage", "", ">", ">speed", ">left", ">for", ">attempt"
    )
    for one in jobs:
        job, name = _named(one.job_id, one.file_name)
        table.add_row(
            job,
            Text(clean(one.converter)[-SUFFIX:]),
            name,
            one.format,
            one.stage,
            ProgressBar(total=100, completed=one.progress, width=BAR),
            f"{one.progress}%",
            "-" if one.speed is None else f"{one.speed:.1f}x",
            format_age(one.remaining),
            format_age(one.since),
            Text(str(one.attempt), style="yellow" if one.attempt > 1 else ""),
        )
    return table


def _ended(jobs: Sequence[Ended]) -> Table:
    table = _table("job", "file", "to", "outcome", ">took", ">ago", "why")
    for one in jobs:
        table.add_row(
            *_named(one.job_id, one.file_name),
            one.format,
            Text(one.status, style=COLOURS.get(one.status, "")),
            "-" if one.seconds is None else f"{one.seconds:.1f}s",
            format_age(one.age),
            one.code or "",
        )
    return table


def _named(job_id: str, file_name: str) -> tuple[Text, Text]:
    """Enough of an id to find it, and of a name to know it."""
    name = clean(file_name).replace("\n", " ")
    shown = name if len(name) <= NAME else f"{name[: NAME - 1]}…"
    return Text(clean(job_id)[:ID]), Text(shown)


def _table(*columns: str) -> Table:
    """A table; a column whose name begins with > is of numbers."""
    table = Table(box=SIMPLE_HEAD, pad_edge=False, expand=False)
    for name in columns:
        number = name.startswith(">")
        table.add_column(name.lstrip(">"), justify="right" if number else "left", no_wrap=True)
    return table


def _titled(title: str, table: Table) -> RenderableType:
    heading = Text(title, style="bold")
    if table.row_count:
        return Group(heading, table)
    return Group(heading, NOTHING, Text())
