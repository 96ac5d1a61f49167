"""Spans: what is recorded in this process, kept to be looked at."""

from collections.abc import Iterator
from contextlib import contextmanager

from opentelemetry.sdk.trace import ReadableSpan
from opentelemetry.sdk.trace.export import SimpleSpanProcessor
from opentelemetry.sdk.trace.export.in_memory_span_exporter import InMemorySpanExporter

from wavemill_common.tracing import provider_for, recording


class Spans:
    """What has ended so far."""

    def __init__(self, exporter: InMemorySpanExporter) -> None:
        self._exporter = exporter

    def named(self, name: str) -> list[ReadableSpan]:
        """The spans of a name, in the order in which they ended."""
        return [one for one in self._exporter.get_finished_spans() if one.name == name]

    def below(self, parent: ReadableSpan) -> list[str]:
        """The names of a span's children, in the order in which they ended."""
        return [
            one.name
            for one in self._exporter.get_finished_spans()
            if one.parent is not None and one.parent.span_id == parent.context.span_id
        ]


@contextmanager
def recorded_spans() -> Iterator[Spans]:
    """Record all spans of this process for the time of a block."""
    exporter = InMemorySpanExporter()
    provider = provider_for("test", {})
    provider.add_span_processor(SimpleSpanProcessor(exporter))
    with recording(provider):
        yield Spans(exporter)
    provider.shutdown()


def traceparent_of(span: ReadableSpan) -> str:
    """How a `traceparent` header names a span that is sampled."""
    return f"00-{span.context.trace_id:032x}-{span.context.span_id:016x}-01"
