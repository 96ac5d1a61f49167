"""Telemetry: one line of JSON (or, on a terminal, of text) for each thing that happened."""

import logging
import sys
from collections.abc import Collection

import orjson
import structlog

from wavemill_common.redaction import Redactor


def configure_logging(service: str, level: str, secrets: Collection[str] = ()) -> None:
    """Log structured events to standard error: JSON, or readable text on a terminal.

    None of the `secrets` is ever written. Libraries, which speak through the standard library, are
    heard from warnings on, in lines of the same form.
    """
    terminal = sys.stderr.isatty()
    renderer: structlog.typing.Processor = (
        structlog.dev.ConsoleRenderer() if terminal else structlog.processors.JSONRenderer(_dumps)
    )
    shared: list[structlog.typing.Processor] = [
        structlog.contextvars.merge_contextvars,
        structlog.processors.add_log_level,
        structlog.processors.TimeStamper(fmt="iso", utc=True),
        structlog.processors.format_exc_info,
        Redactor(secrets),
    ]
    structlog.configure(
        processors=[*shared, renderer],
        wrapper_class=structlog.make_filtering_bound_logger(level),
        logger_factory=structlog.WriteLoggerFactory(sys.stderr),
        cache_logger_on_first_use=True,
    )
    structlog.contextvars.bind_contextvars(service=service)
    heard = logging.StreamHandler(sys.stderr)
    strip = structlog.stdlib.ProcessorFormatter.remove_processors_meta
    heard.setFormatter(
        structlog.stdlib.ProcessorFormatter(
            foreign_pre_chain=[*shared[:1], structlog.stdlib.add_logger_name, *shared[1:]],
            processors=[strip, renderer],
        )
    )
    logging.basicConfig(level=logging.WARNING, handlers=[heard])
    logging.captureWarnings(capture=True)


def _dumps(event: object, **_: object) -> str:
    return orjson.dumps(event, default=repr).decode()
