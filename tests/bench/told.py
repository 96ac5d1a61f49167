"""Told: write what was measured into docs/performance.md, and draw it: python -m bench.told."""

from pathlib import Path

import msgspec

from bench import page
from bench.life import Life
from bench.plots import draw_life, draw_ratios
from bench.results import FOLDER, load
from bench.rows import Outcome, Results
from bench.table import cells, described

DOCS = Path(__file__).parents[2] / "docs"
PAGE = DOCS / "performance.md"
_HEADS = ("what", "ours", "against", "limit", "ratio", "spread", "goal", "")


def tables(results: Results, life: Life) -> dict[str, str]:
    """The parts of the page that are measured."""
    return {
        "bench-run": described(results).strip(),
        "bench-rows": "\n\n".join(map(_section, results.outcomes)),
        "bench-life": f"{life.about}: {life.total * 1e3:.0f} ms.",
    }


def _section(outcome: Outcome) -> str:
    """One scenario's rows."""
    lines = [f"### {outcome.name}: {outcome.about}" if outcome.about else f"### {outcome.name}"]
    if outcome.rows:
        rows = [[cell.strip() for cell in cells(row)] for row in outcome.rows]
        lines.append(page.table(_HEADS, rows))
    lines += dict.fromkeys(f"Note: {row.note}." for row in outcome.rows if row.note)
    if outcome.left_out:
        lines.append(f"Left out: {outcome.left_out}.")
    return "\n\n".join(lines)


def kept() -> Results:
    """The results that are kept: at full sizes, else the quick ones."""
    full = FOLDER / "full.json"
    return load(full if full.exists() else FOLDER / "quick.json")


def kept_life() -> Life:
    """The job's life that is kept."""
    return msgspec.json.decode((FOLDER / "life.json").read_bytes(), type=Life)


def main() -> None:
    """Write and draw."""
    results, life = kept(), kept_life()
    PAGE.write_text(page.filled(PAGE.read_text(), tables(results, life)))
    draw_ratios(results.outcomes, DOCS / "images" / "bench-ratios.svg")
    draw_life(life, DOCS / "images" / "bench-life.svg")


if __name__ == "__main__":
    main()
