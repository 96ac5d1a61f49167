"""Plots: small pictures of the results, by matplotlib: python plots.py RESULTS_DIR IMAGES_DIR.

It runs in the environment of the peers, where nothing of wavemill is installed, so it reads the JSON
as it is.
"""

import json
import statistics
import sys
from pathlib import Path
from typing import Any

import matplotlib as mpl

mpl.use("svg")
from matplotlib import pyplot as plt  # noqa: E402 - after the choice of how to draw

OURS, LIMIT, GOAL, MISSED = "#2a6f97", "#a9a9a9", "#3a7d44", "#b5651d"
_WIDE, _ROW = 8.0, 0.3  # inches


def ratios(results: dict[str, Any], path: Path) -> None:
    """Each row's ratio on a logarithmic scale, with its spread and its goal."""
    rows = [
        (f"{one['name']}: {row['name']}", row)
        for one in results["outcomes"]
        for row in one["rows"]
        if row["limit"] and row["goal"] and row["goal"]["judged"] == "ratio"
    ]
    rows.reverse()
    figure, axes = plt.subplots(figsize=(_WIDE, 1 + _ROW * len(rows)))
    for place, (_, row) in enumerate(rows):
        found = [ours / limit for ours, limit in zip(row["ours"], row["limit"], strict=True)]
        middle, goal = statistics.median(found), row["goal"]
        most, least = goal["most"], goal["least"]
        met = middle <= most if most is not None else middle >= least
        axes.plot([min(found), max(found)], [place, place], color=OURS, alpha=0.4, linewidth=3)
        axes.plot(middle, place, "o", color=GOAL if met else MISSED)
        axes.plot(most if most is not None else least, place, "|", color="black", markersize=12)
    axes.set_xscale("log")
    axes.axvline(1, color=LIMIT, linewidth=1)
    axes.set_yticks(range(len(rows)), [name for name, _ in rows], fontsize=8)
    axes.set_xlabel("ours : limit; the stroke is the goal, the bar the spread of the pairs")
    _save(figure, path)


def waterfall(life: dict[str, Any], path: Path) -> None:
    """One job's life: what ran when."""
    spans = sorted(life["spans"], key=lambda span: (span["start"], -span["end"]))
    spans.reverse()
    figure, axes = plt.subplots(figsize=(_WIDE, 1 + 0.26 * len(spans)))
    for place, span in enumerate(spans):
        start, took = span["start"] * 1e3, (span["end"] - span["start"]) * 1e3
        axes.barh(place, max(took, life["total"]), left=start, color=OURS, height=0.7)
        axes.text(start + took, place, f" {took:.1f} ms", va="center", fontsize=7)
    names = [span["name"].replace("  ", "   ") for span in spans]
    axes.set_yticks(range(len(spans)), names, fontsize=8)
    axes.set_xlim(0, life["total"] * 1e3 * 1.12)
    axes.set_xlabel(f"ms since the POST; {life['about']}")
    _save(figure, path)


def _save(figure: Any, path: Path) -> None:
    for axes in figure.axes:
        axes.spines[["top", "right"]].set_visible(False)
    figure.tight_layout()
    figure.savefig(path, metadata={"Date": None})
    plt.close(figure)


def main() -> None:
    """Draw what there is."""
    results, images = map(Path, sys.argv[1:])
    mpl.rcParams["svg.hashsalt"] = "wavemill"  # the same results, the same file
    for size in ("full", "quick"):
        if (path := results / f"{size}.json").exists():
            ratios(json.loads(path.read_text()), images / "bench-ratios.svg")
            break
    if (path := results / "life.json").exists():
        waterfall(json.loads(path.read_text()), images / "bench-life.svg")


if __name__ == "__main__":
    main()
