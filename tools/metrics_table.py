"""Write the table of metrics into docs/observability.md: python tools/metrics_table.py."""

import re
from pathlib import Path
from typing import NamedTuple

from prometheus_client import REGISTRY

import wavemill_common.metrics.exposition
import wavemill_common.metrics.jobs
import wavemill_converter.metrics
import wavemill_gateway.measuring
import wavemill_janitor.metrics

TARGET = Path(__file__).resolve().parents[1] / "docs" / "observability.md"
BEGIN, END = "<!-- metrics: make docs -->", "<!-- end of metrics -->"
TOLD_BY = {
    wavemill_common.metrics.exposition: "all",
    wavemill_common.metrics.jobs: "all",
    wavemill_gateway.measuring: "gateway",
    wavemill_converter.metrics: "converter",
    wavemill_janitor.metrics: "janitor",
}
SUFFIXES = {
    "counter": ("_total",),
    "gauge": ("",),
    "histogram": ("_bucket", "_sum", "_count"),
    "summary": ("_sum", "_count"),
}


class Metric(NamedTuple):
    """A metric as Prometheus sees it."""

    name: str
    kind: str
    labels: tuple[str, ...]
    what: str
    service: str

    @property
    def samples(self) -> tuple[str, ...]:
        """The names of its samples."""
        base = self.name.removesuffix("_total")
        return tuple(f"{base}{suffix}" for suffix in SUFFIXES[self.kind])


def _metrics() -> list[Metric]:
    """All metrics of ours, by the modules that make them."""
    ours = {id(one) for one in REGISTRY._collector_to_names}  # noqa: SLF001 - it tells nobody else
    found = []
    for module, service in TOLD_BY.items():
        for value in vars(module).values():
            if id(value) in ours and value.__class__.__module__ == "prometheus_client.metrics":
                (family,) = value.describe()
                name = family.name + ("_total" if family.type == "counter" else "")
                metric = Metric(name, family.type, value._labelnames, family.documentation, service)  # noqa: SLF001
                found.append(metric)
    return found


METRICS = _metrics()


def table() -> str:
    """The table, in Markdown."""
    lines = ["| metric | kind | labels | told by | what |", "|---|---|---|---|---|"]
    for one in METRICS:
        labels = ", ".join(f"`{label}`" for label in one.labels)
        lines.append(f"| `{one.name}` | {one.kind} | {labels} | {one.service} | {one.what} |")
    return "\n".join(lines)


def page() -> str:
    """The page with the table that it should have."""
    between = re.compile(f"{re.escape(BEGIN)}.*?{re.escape(END)}", re.DOTALL)
    return between.sub(lambda _: f"{BEGIN}\n{table()}\n{END}", TARGET.read_text())


if __name__ == "__main__":
    TARGET.write_text(page())
