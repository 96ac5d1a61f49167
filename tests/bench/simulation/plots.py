"""Plots of the simulation, as SVG that does not change where the figures do not."""

from pathlib import Path

from bench.simulation.redis_wall import Thread
from bench.simulation.results import Results
from bench.simulation.scenarios import Row


def draw(results: Results, folder: Path) -> None:
    """Write scaling-waits.svg and scaling-redis.svg."""
    import matplotlib as mpl

    mpl.use("svg")
    mpl.rcParams |= {"svg.hashsalt": "wavemill", "svg.fonttype": "none"}
    _draw_waits(results.rows, folder / "scaling-waits.svg")
    _draw_threads(results.threads, folder / "scaling-redis.svg")


def _draw_waits(rows: list[Row], path: Path) -> None:
    """The median waits of short files in the scenarios about fairness."""
    from matplotlib import pyplot as plt

    shown = [
        row
        for row in rows
        if row.scenario in {"heavy owner of songs", "long beside short"}
        and row.group in {"interactive", "standard"}
    ]
    figure, axes = plt.subplots(figsize=(8, 5), layout="constrained")
    names = [f"{row.scenario}\n{row.case}: {row.group}" for row in shown]
    places = range(len(shown))
    axes.barh(places, [max(row.p99, 0.01) for row in shown], color="#b8cfe5", label="p99")
    axes.barh(places, [max(row.p50, 0.01) for row in shown], color="#1f5a91", label="p50")
    axes.set_yticks(places, names, fontsize=6)
    axes.invert_yaxis()
    axes.set_xscale("log")
    axes.set_xlabel("seconds from submission to start")
    axes.legend(loc="lower right")
    _save(figure, path)
    plt.close(figure)


def _draw_threads(threads: list[Thread], path: Path) -> None:
    """How long a step on Redis takes with more and more jobs, for each number of shards."""
    from matplotlib import pyplot as plt

    figure, axes = plt.subplots(figsize=(8, 4), layout="constrained")
    for shards in sorted({one.shards for one in threads}):
        of = [
            (one.jobs, 1000 * one.p99)
            for one in threads
            if one.shards == shards and one.p99 is not None
        ]
        if of:
            label = f"{shards} shard{'s' * (shards > 1)}"
            axes.plot(*zip(*of, strict=True), "o-", label=label)
    axes.set_xscale("log")
    axes.set_yscale("log")
    axes.set_xlabel("jobs a second")
    axes.set_ylabel("p99 of a step on Redis, ms")
    axes.legend(fontsize=7)
    _save(figure, path)
    plt.close(figure)


def _save(figure: object, path: Path) -> None:
    figure.savefig(path, metadata={"Date": None})  # type: ignore[attr-defined]
    path.write_text("".join(f"{line.rstrip()}\n" for line in path.read_text().splitlines()))
