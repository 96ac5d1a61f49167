"""Traces of a converter: a span for each attempt, linked to the one in which its job was sent."""

from collections.abc import Iterator
from contextlib import contextmanager
from typing import TYPE_CHECKING, Optional

import structlog

from wavemill_common.jobs import Change, Job
from wavemill_common.tracing import failed, span

if TYPE_CHECKING:
    from opentelemetry.trace import Span


@contextmanager
def attempt_span(job: Job) -> Iterator[Optional["Span"]]:
    """Record an attempt, as the consumer of what a gateway sent; logs name the trace."""
    about: dict[str, str | int] = {
        "messaging.system": "redis",
        "messaging.destination.name": "jobs",
        "messaging.operation.name": "process",
        "messaging.operation.type": "process",
        "messaging.message.id": job.job_id,
        "wavemill.attempt": job.attempt,
        "wavemill.format": job.format,
        "wavemill.lane": job.lane.value,
    }
    with span("process jobs", "consumer", link=job.traceparent, attributes=about) as made:
        if made is not None:
            trace = f"{made.get_span_context().trace_id:032x}"
            structlog.contextvars.bind_contextvars(trace=trace)
        yield made


def tell_outcome(made: Optional["Span"], change: Change | None) -> None:
    """Say in an attempt's span what came of it."""
    if made is None:
        return
    made.set_attribute("wavemill.outcome", change.job.status.value if change else "lost")
    if change is not None and change.job.error is not None:
        failed(made, change.job.error.code)
