"""Plots of the benches, as SVG that does not change where the figures do not."""

from collections.abc import Sequence
from pathlib import Path
from typing import Any

from bench.life import Life
from bench.rows import Judged, Outcome, Row

OURS, LIMIT, MET, MISSED = "#2a6f97", "#a9a9a9", "#3a7d44", "#b5651d"
_WIDE, _ROW = 8.0, 0.3  # inches
_TICKS = (0.5, 0.8, 1, 1.3, 2, 4, 8)


def draw_ratios(outcomes: Sequence[Outcome], path: Path) -> None:
    """Each judged row's ratio on a logarithmic scale, with its spread and its goal."""
    plt = _pyplot()
    rows = [
        (f"{one.name}: {row.name}", row)
        for one in outcomes
        for row in one.rows
        if row.limit and row.goal and row.goal.judged is Judged.RATIO
    ][::-1]
    figure, axes = plt.subplots(figsize=(_WIDE, 1 + _ROW * len(rows)), layout="constrained")
    for place, (_, row) in enumerate(rows):
        _draw_row(axes, place, row)
    axes.set_xscale("log")
    axes.set_xticks(_TICKS, [f"{one:g}" for one in _TICKS])
    axes.minorticks_off()
    axes.axvline(1, color=LIMIT, linewidth=1)
    axes.set_yticks(range(len(rows)), [name for name, _ in rows], fontsize=8)
    axes.set_xlabel("ours : limit; the stroke is the goal, the bar the spread of the pairs")
    _save(plt, figure, path)


def _draw_row(axes: Any, place: int, row: Row) -> None:
    assert row.goal is not None
    goal = row.goal.least if row.goal.most is None else row.goal.most
    axes.plot(row.spread, [place, place], color=OURS, alpha=0.4, linewidth=3)
    axes.plot(row.figure, place, "o", color=MET if row.is_met else MISSED)
    axes.plot(goal, place, "|", color="black", markersize=12)


def draw_life(life: Life, path: Path) -> None:
    """One job's life: what ran when."""
    plt = _pyplot()
    spans = sorted(life.spans, key=lambda span: (span.start, -span.end))[::-1]
    figure, axes = plt.subplots(figsize=(_WIDE, 1 + 0.26 * len(spans)), layout="constrained")
    for place, span in enumerate(spans):
        start, took = span.start * 1e3, (span.end - span.start) * 1e3
        axes.barh(place, max(took, life.total), left=start, color=OURS, height=0.7)
        axes.text(start + took, place, f" {took:.1f} ms", va="center", fontsize=7)
    axes.set_yticks(range(len(spans)), [span.name for span in spans], fontsize=8)
    axes.set_xlim(0, life.total * 1e3 * 1.12)
    axes.set_xlabel(f"ms since the POST; {life.about}")
    _save(plt, figure, path)


def _pyplot() -> Any:
    import matplotlib as mpl

    mpl.use("svg")
    mpl.rcParams |= {"svg.hashsalt": "wavemill", "svg.fonttype": "none"}
    from matplotlib import pyplot as plt

    return plt


def _save(plt: Any, figure: Any, path: Path) -> None:
    for axes in figure.axes:
        axes.spines[["top", "right"]].set_visible(False)
    figure.savefig(path, metadata={"Date": None})
    plt.close(figure)
