"""Telemetry: one line of JSON (or, on a terminal, of text) for each thing that happened."""

import logging
import sys

import orjson
import structlog


def configure_logging(service: str, level: str) -> None:
    """Log structured events to standard error: JSON, or readable text on a terminal."""
    terminal = sys.stderr.isatty()
    renderer: structlog.typing.Processor = (
        structlog.dev.ConsoleRenderer() if terminal else structlog.processors.JSONRenderer(_dumps)
    )
    structlog.configure(
        processors=[
            structlog.contextvars.merge_contextvars,
            structlog.processors.add_log_level,
            structlog.processors.TimeStamper(fmt="iso", utc=True),
            structlog.processors.format_exc_info,
            renderer,
        ],
        wrapper_class=structlog.make_filtering_bound_logger(level),
        logger_factory=structlog.PrintLoggerFactory(sys.stderr),
        cache_logger_on_first_use=True,
    )
    structlog.contextvars.bind_contextvars(service=service)
    # Libraries speak through the standard library: let only what matters through.
    logging.basicConfig(level=logging.WARNING, stream=sys.stderr)


def _dumps(event: object, **_: object) -> str:
    return orjson.dumps(event, default=repr).decode()
