"""Table: rows as text, for a terminal. Pure."""

from collections.abc import Iterator, Sequence

from bench.rows import Judged, Outcome, Results, Row, median

_HEADS = ("", "ours", "against", "limit", "ratio", "(spread)", "goal", "")


def table(outcomes: Sequence[Outcome]) -> str:
    """All rows of some scenarios, in columns."""
    lines = [_HEADS, *(line for one in outcomes for line in _lines(one))]
    wide = [line for line in lines if len(line) == len(_HEADS)]
    widths = [max(len(line[n]) for line in wide) for n in range(len(_HEADS))]
    return "\n".join(_joined(line, widths) for line in lines)


def _joined(line: Sequence[str], widths: Sequence[int]) -> str:
    cells = zip(line, widths, strict=False)  # a heading is one cell
    return "  ".join(cell.ljust(width) for cell, width in cells).rstrip()


def described(results: Results) -> str:
    """What the results are of."""
    loads = [one.load for one in results.outcomes]
    took = sum(one.seconds for one in results.outcomes)
    return (
        f"\n{results.size} sizes, {results.began}, {results.machine}; "
        f"{took / 60:.1f} minutes, load average {min(loads):.1f} to {max(loads):.1f}"
    )


def verdict(row: Row) -> str:
    """Whether a goal is met, in a word."""
    return {True: "met", False: "NOT MET", None: ""}[row.is_met]


def shown(value: float | None) -> str:
    """A figure with three digits that count."""
    if value is None:
        return ""
    return f"{value:,.0f}" if abs(value) >= 1000 else f"{value:.3g}"


def _lines(outcome: Outcome) -> Iterator[tuple[str, ...]]:
    yield (f"{outcome.name}: {outcome.about}",)
    yield from map(cells, outcome.rows)
    if outcome.left_out:
        yield (f"  left out: {outcome.left_out}",)


def cells(row: Row) -> tuple[str, ...]:
    """One row's cells."""
    low, high = row.spread
    figure, spread = shown(row.ratio), f"{shown(low)} to {shown(high)}"
    if row.goal and row.goal.judged is Judged.MORE:
        figure = f"{'+' if row.figure >= 0 else ''}{shown(row.figure)} {row.unit}"
    return (
        f"  {row.name}",
        f"{shown(median(row.ours))} {row.unit}",
        row.against,
        f"{shown(median(row.limit))} {row.unit}" if row.limit else "",
        figure if row.limit else "",
        f"({spread})",
        row.goal.told(row.unit) if row.goal else "",
        verdict(row),
    )
