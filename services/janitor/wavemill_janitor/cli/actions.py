"""Actions: change things only when told to, and say of each what became of it."""

from collections.abc import AsyncIterator, Awaitable, Callable, Mapping, Sequence
from enum import StrEnum

import msgspec
from msgspec import Struct

from wavemill_common.errors import AppError
from wavemill_janitor.cli import exits
from wavemill_janitor.output import Output


class Outcome(StrEnum):
    """What became of one item."""

    PLANNED = "planned"
    DONE = "done"
    SKIPPED = "skipped"  # there is nothing to do
    FAILED = "failed"


class Skip(Exception):
    """While it was looked at, an item became one for which there is nothing to do."""


class Step(Struct, frozen=True, kw_only=True):
    """One item of an action: its id, how it is now, what would be done.

    `skip` says why there is nothing to do, `refuse` why it cannot be done. `run` does it; it may
    raise AppError or Skip.
    """

    id: str
    state: str
    does: str
    skip: str | None = None
    refuse: str | None = None
    run: Callable[[], Awaitable[object]] | None = None


class Item(Struct, frozen=True, kw_only=True):
    """One item of the answer."""

    id: str
    state: str
    does: str
    outcome: Outcome
    reason: str | None = None


class Report(Struct, frozen=True, kw_only=True):
    """The JSON document of every command that changes something."""

    action: str
    applied: bool
    count: int
    counts: dict[str, int]
    items: list[Item]


def unknown(item_id: str, what: str) -> Step:
    """The step of an id that nothing has."""
    return Step(id=item_id, state="unknown", does="nothing", refuse=f"there is no such {what}")


def fitting(steps: Sequence[Step], *, named: bool) -> list[Step]:
    """Leave out what a filter caught but the action is not about; what was named stays."""
    return [step for step in steps if named or step.skip is None]


async def carry_out(
    out: Output,
    action: str,
    steps: Sequence[Step],
    *,
    apply: bool,
    beside: Mapping[str, object] | None = None,
) -> int:
    """Do all steps, or only tell them; report each. Returns the exit code.

    `beside` is what the JSON document has besides.
    """
    outage: exits.CommandError | None = None
    items: list[Item] = []
    async for step in out.track(_each(steps), action) if apply else _each(steps):
        if outage is not None and step.refuse is None and step.skip is None:
            items.append(_item(step, Outcome.FAILED, "not tried: a dependency is down"))
            continue
        try:
            items.append(await _take(step, apply=apply))
        except exits.OUTAGES as error:
            outage = exits.explain(error)
            items.append(_item(step, Outcome.FAILED, str(outage)))
    _report(out, action, items, apply=apply, beside=beside or {})
    if outage is not None:
        out.note(f"wavemill-janitor: {outage}")
        return outage.status
    return exits.FAILED if any(one.outcome is Outcome.FAILED for one in items) else exits.OK


async def _each(steps: Sequence[Step]) -> AsyncIterator[Step]:
    for step in steps:
        yield step


async def _take(step: Step, *, apply: bool) -> Item:
    if step.refuse is not None:
        return _item(step, Outcome.FAILED, step.refuse)
    if step.skip is not None or step.run is None:
        return _item(step, Outcome.SKIPPED, step.skip)
    if not apply:
        return _item(step, Outcome.PLANNED)
    try:
        await step.run()
    except Skip as reason:
        return _item(step, Outcome.SKIPPED, str(reason))
    except exits.OUTAGES:
        raise
    except AppError as error:
        return _item(step, Outcome.FAILED, error.message)
    return _item(step, Outcome.DONE)


def _item(step: Step, outcome: Outcome, reason: str | None = None) -> Item:
    return Item(id=step.id, state=step.state, does=step.does, outcome=outcome, reason=reason)


def _report(
    out: Output, action: str, items: list[Item], *, apply: bool, beside: Mapping[str, object]
) -> None:
    counts = {one.value: sum(item.outcome is one for item in items) for one in Outcome}
    if out.as_json:
        report = Report(action=action, applied=apply, count=len(items), counts=counts, items=items)
        out.document({**msgspec.to_builtins(report), **beside})
        return
    if not items:
        out.line(f"{action}: nothing matches.")
        return
    rows = [(one.id, one.state, one.does, one.outcome, one.reason or "") for one in items]
    out.table(("id", "state", "action", "outcome", "reason"), rows)
    told = ", ".join(f"{count} {name}" for name, count in counts.items() if count)
    out.line(f"{action}: {told}.")
    if not apply and counts[Outcome.PLANNED]:
        out.line("This was a dry run: nothing was changed. Add --apply to do it.")
