"""Scraping: what a service's /metrics says, as Prometheus would read it."""

import socket
from collections.abc import Iterator, Mapping

import aiohttp
from prometheus_client.parser import text_string_to_metric_families
from prometheus_client.samples import Sample

from support.ports import free_port

OURS = "wavemill_"
SUFFIXES = {
    "counter": ("_total",),
    "histogram": ("_bucket", "_sum", "_count"),
    "summary": ("_sum", "_count"),
}


class Scrape:
    """The samples of one answer."""

    def __init__(self, text: str) -> None:
        self.families = {one.name: one for one in text_string_to_metric_families(text)}

    def samples(self) -> Iterator[Sample]:
        """All samples of our own metrics."""
        for family in self.families.values():
            if family.name.startswith(OURS):
                yield from family.samples

    def names(self) -> Iterator[str]:
        """The names of all samples that are, or would be once something has happened."""
        for family in self.families.values():
            yield from (f"{family.name}{suffix}" for suffix in SUFFIXES.get(family.type, ("",)))

    def series(self) -> set[tuple[str, tuple[tuple[str, str], ...]]]:
        """What Prometheus keeps apart: names with their labels."""
        return {(one.name, tuple(sorted(one.labels.items()))) for one in self.samples()}

    def value(self, name: str, **labels: str) -> float:
        """The sum of all samples of a name that have these labels."""
        return sum(
            one.value for one in self.samples() if one.name == name and _has(one.labels, labels)
        )

    def has(self, name: str) -> bool:
        """Whether there is a sample of this name."""
        return any(one.name == name for one in self.samples())


async def scrape(session: aiohttp.ClientSession, url: str, **headers: str) -> Scrape:
    """Ask a service for its metrics."""
    async with session.get(f"{url}/metrics", headers=headers) as response:
        assert response.status == 200, await response.text()
        return Scrape(await response.text())


def free_port_pair() -> int:
    """A free loopback port whose successor is free, too."""
    while True:
        port = free_port()
        with socket.socket() as probe:
            if probe.connect_ex(("127.0.0.1", port + 1)):
                return port


def _has(labels: Mapping[str, str], wanted: Mapping[str, str]) -> bool:
    return all(labels.get(name) == value for name, value in wanted.items())
