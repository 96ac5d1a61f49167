"""Ledger: what the fidelity tests have measured, for the page and for the summary."""

from collections import defaultdict
from dataclasses import dataclass, field

Cell = str | int | float
_TAGGED = ("tags", "covers", "chapters")


@dataclass(frozen=True)
class Reading:
    """How far a judge's duration of one result is from the source's, in seconds."""

    format: str
    judge: str
    off: float | None  # None: the judge cannot read it
    agrees: bool = True


@dataclass
class Ledger:
    """Collects what is found; the tables' rows are added as they are to be shown."""

    pairs: dict[tuple[str, str], bool] = field(default_factory=dict)  # identical by every path?
    references: dict[tuple[str, str], bool] = field(default_factory=dict)
    readings: list[Reading] = field(default_factory=list)
    tables: dict[str, list[dict[str, Cell]]] = field(default_factory=lambda: defaultdict(list))
    skipped: dict[str, str] = field(default_factory=dict)

    def add(self, table: str, **row: Cell) -> None:
        """Add a row to one of the tables."""
        self.tables[table].append(row)

    def take(self, other: "Ledger") -> None:
        """Take over what another ledger holds."""
        self.pairs |= other.pairs
        self.references |= other.references
        self.readings += other.readings
        self.skipped |= other.skipped
        for table, rows in other.tables.items():
            self.tables[table] += rows

    @property
    def is_empty(self) -> bool:
        """Whether nothing was measured."""
        return not (self.pairs or self.references or self.tables)

    def by_input(self) -> list[dict[str, Cell]]:
        """A row for each input: formats, and how many were identical."""
        found: dict[str, list[bool]] = defaultdict(list)
        for (name, _), identical in self.pairs.items():
            found[name].append(identical)
        return [
            {"input": name, "formats": len(results), "identical": sum(results)}
            for name, results in found.items()
        ]

    def by_format(self) -> list[dict[str, Cell]]:
        """A row for each format: inputs, identical ones, and what the judges say."""
        found: dict[str, list[bool]] = defaultdict(list)
        for (_, target), identical in self.pairs.items():
            found[target].append(identical)
        rows: list[dict[str, Cell]] = []
        judges = sorted({one.judge for one in self.readings})
        for target, results in found.items():
            row: dict[str, Cell] = {"format": target, "inputs": len(results)}
            row["identical"] = sum(results)
            rows.append(row | {judge: self._verdict(target, judge) for judge in judges})
        return rows

    def _verdict(self, target: str, judge: str) -> str:
        mine = [one for one in self.readings if (one.format, one.judge) == (target, judge)]
        read = [one for one in mine if one.off is not None]
        if not read:
            return "-"
        worst = max(abs(one.off or 0.0) for one in read)
        return f"{sum(one.agrees for one in read)}/{len(read)} ({worst * 1000:.0f} ms)"

    def counts(self) -> list[str]:
        """The totals, in sentences."""
        pairs, references = self.pairs, self.references
        read = [one for one in self.readings if one.off is not None]
        agreed = sum(one.agrees for one in read)
        inputs = len({name for name, _ in pairs})
        formats = len({target for _, target in pairs})
        same, like = sum(pairs.values()), sum(references.values())
        by_paths = (
            f"{inputs} inputs x {formats} formats, {len(pairs)} pairs: {same} streamed results"
        )
        return [
            f"{by_paths} are byte for byte those made between files.",
            f"{like} of {len(references)} are byte for byte what a command written by hand makes.",
            f"{agreed} of {len(read)} durations read by other programs agree.",
            *self._tags(),
        ]

    def _tags(self) -> list[str]:
        rows = self.tables.get("tags", [])
        if not rows:
            return []
        sums = {name: _sum([str(row[name]) for row in rows]) for name in _TAGGED}
        shown = ", ".join(f"{arrived} of {there} {name}" for name, (arrived, there) in sums.items())
        pairs = sum(int(row["formats"]) for row in rows)
        return [f"In {pairs} pairs of tagged sources and formats with tags, {shown} arrive."]


def _sum(cells: list[str]) -> tuple[int, int]:
    pairs = [cell.split("/") for cell in cells if cell != "-"]
    return sum(int(one) for one, _ in pairs), sum(int(other) for _, other in pairs)
