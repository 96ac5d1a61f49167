"""Tracing: OpenTelemetry spans, where OTEL_EXPORTER_OTLP_ENDPOINT says who takes them.

Without it nothing of OpenTelemetry is imported, and a span costs a comparison. What is configured
is the process's, as loggers are; the standard variables (OTEL_TRACES_SAMPLER, …) have the say.
"""

import threading
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from importlib.util import find_spec
from typing import TYPE_CHECKING, Any, Literal, TypeAlias

from wavemill_common.settings import SettingError

if TYPE_CHECKING:
    from opentelemetry.sdk.trace import TracerProvider
    from opentelemetry.trace import Span, Tracer

Kind = Literal["server", "producer", "consumer", "internal"]
Attributes: TypeAlias = Mapping[str, str | int | float | bool]

ENDPOINTS = ("OTEL_EXPORTER_OTLP_ENDPOINT", "OTEL_EXPORTER_OTLP_TRACES_ENDPOINT")
FLUSH_FOR = 1.0  # seconds at the end for what has not been sent; a silent collector holds nobody
TRACEPARENT = "traceparent"


class _State:
    tracer: "Tracer | None" = None


_state = _State()


def is_wanted(environ: Mapping[str, str]) -> bool:
    """Whether the environment asks for traces, as OpenTelemetry's own variables do. Pure."""
    if environ.get("OTEL_SDK_DISABLED", "").lower() == "true":
        return False
    if environ.get("OTEL_TRACES_EXPORTER", "otlp") != "otlp":
        return False
    return any(environ.get(name) for name in ENDPOINTS)


@contextmanager
def tracing(service: str, environ: Mapping[str, str]) -> Iterator[None]:
    """Send spans for the time of a block, if that is wanted.

    Raises:
        SettingError: it is, but OpenTelemetry is not installed.
    """
    if not is_wanted(environ):
        yield
        return
    if find_spec("opentelemetry") is None or find_spec("opentelemetry.exporter") is None:
        raise SettingError(
            "OTEL_EXPORTER_OTLP_ENDPOINT is set, but OpenTelemetry is not installed: "
            "pip install --require-hashes -r requirements/otel.txt"
        )
    from opentelemetry.exporter.otlp.proto.http.trace_exporter import OTLPSpanExporter
    from opentelemetry.sdk.trace.export import BatchSpanProcessor

    provider = provider_for(service, environ)
    provider.add_span_processor(BatchSpanProcessor(OTLPSpanExporter()))
    with recording(provider):
        try:
            yield
        finally:
            ending = threading.Thread(target=provider.shutdown, daemon=True)
            ending.start()
            ending.join(FLUSH_FOR)


def provider_for(service: str, environ: Mapping[str, str]) -> "TracerProvider":
    """A provider that names this service; OTEL_SERVICE_NAME and the rest are the library's."""
    from importlib.metadata import version

    from opentelemetry.sdk.resources import Resource
    from opentelemetry.sdk.trace import TracerProvider

    named = environ.get("OTEL_SERVICE_NAME") or f"wavemill-{service}"
    about = {"service.name": named, "service.version": version("wavemill-common")}
    return TracerProvider(resource=Resource.create(about), shutdown_on_exit=False)


@contextmanager
def recording(provider: "TracerProvider") -> Iterator[None]:
    """Give all spans to a provider for the time of a block."""
    before = _state.tracer
    _state.tracer = provider.get_tracer("wavemill")
    try:
        yield
    finally:
        _state.tracer = before


def is_on() -> bool:
    """Whether spans are recorded."""
    return _state.tracer is not None


@contextmanager
def span(
    name: str,
    kind: Kind = "internal",
    *,
    parent: Mapping[str, str] | None = None,
    link: str | None = None,
    attributes: Attributes | None = None,
) -> Iterator["Span | None"]:
    """Record a span around a block, as the parent of those within; None where nothing is traced.

    `parent` are headers with a `traceparent` that may be there, else the span around is the parent;
    `link` is the `traceparent` of a span that this one follows from: then it begins a trace.
    """
    if _state.tracer is None:
        yield None
        return
    made = start(name, kind, parent=parent, link=link, attributes=attributes)
    from opentelemetry.trace import use_span

    with use_span(made, end_on_exit=True, record_exception=False, set_status_on_exception=False):
        try:
            yield made
        except Exception as error:
            failed(made, getattr(error, "code", type(error).__name__))
            raise


def start(
    name: str,
    kind: Kind = "internal",
    *,
    parent: Mapping[str, str] | None = None,
    link: str | None = None,
    attributes: Attributes | None = None,
) -> "Span":
    """Begin a span that is not the parent of any other; its caller ends it. Only if `is_on()`."""
    from opentelemetry.context import Context
    from opentelemetry.trace import Link, SpanKind, get_current_span

    assert _state.tracer is not None  # noqa: S101 - the caller looked
    context = _read(parent) if parent is not None else None
    followed = get_current_span(_read({TRACEPARENT: link})).get_span_context() if link else None
    links = [Link(followed)] if followed is not None and followed.is_valid else []
    return _state.tracer.start_span(
        name,
        context=Context() if kind == "consumer" else context,
        kind=SpanKind[kind.upper()],
        attributes=attributes,
        links=links,
    )


def current_traceparent() -> str | None:
    """The `traceparent` (W3C) of the span around; None where nothing is traced."""
    if _state.tracer is None:
        return None
    from opentelemetry.trace.propagation.tracecontext import TraceContextTextMapPropagator

    carrier: dict[str, str] = {}
    TraceContextTextMapPropagator().inject(carrier)
    return carrier.get(TRACEPARENT)


def failed(made: "Span", reason: str) -> None:
    """Mark a span as failed: `reason` is a code, no text of a stranger's."""
    from opentelemetry.trace import Status, StatusCode

    made.set_attribute("error.type", reason)
    made.set_status(Status(StatusCode.ERROR, reason))


def _read(headers: Mapping[str, str]) -> Any:
    from opentelemetry.context import Context
    from opentelemetry.trace.propagation.tracecontext import TraceContextTextMapPropagator

    return TraceContextTextMapPropagator().extract(headers, context=Context())
