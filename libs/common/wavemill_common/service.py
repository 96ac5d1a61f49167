"""What every service shares: settings, signals, one main coroutine, an honest exit code."""

import asyncio
import gc
import os
import signal
import sys
from collections.abc import Awaitable, Callable, Coroutine
from typing import Any

import structlog

from wavemill_common.health import Check, Look, serving_health
from wavemill_common.metrics.exposition import name_build
from wavemill_common.settings import SettingError, Settings
from wavemill_common.settings.report import secret_values
from wavemill_common.telemetry import configure_logging
from wavemill_common.tracing import tracing

log = structlog.get_logger(__name__)

YOUNG = 5_000  # objects between two collections; with 700, these took 5 % of a busy service
EXIT_FAILED = 1
EXIT_USAGE = 2

Main = Callable[[Settings, asyncio.Event], Coroutine[Any, Any, None]]


def run_service(
    name: str, main: Main, check: Check | None = None, look: Look | None = None
) -> None:
    """Run a service until SIGTERM or SIGINT asks it to stop; exit 1 if it failed by itself.

    `main` gets the settings and an event that is set when it shall stop, and cleans up after
    itself before it returns. `check` is what the health port tells; `look` reads what is measured
    only when somebody asks for the metrics.
    """
    try:
        settings = Settings.from_environ(os.environ)
    except SettingError as error:
        sys.exit(f"wavemill: {error}")
    configure_logging(name, settings.log_level, secret_values(settings))
    name_build(name)
    gc.freeze()  # what was imported stays: to look through it again and again found nothing
    gc.set_threshold(YOUNG)
    try:
        with tracing(name, os.environ):
            asyncio.run(_until_stopped(name, main, settings, check, look))
    except SettingError as error:
        sys.exit(f"wavemill: {error}")
    except Exception:
        log.exception("service_failed")
        sys.exit(EXIT_FAILED)


async def _until_stopped(
    name: str, main: Main, settings: Settings, check: Check | None, look: Look | None
) -> None:
    stopping = asyncio.Event()
    loop = asyncio.get_running_loop()
    for number in (signal.SIGTERM, signal.SIGINT):
        loop.add_signal_handler(number, stopping.set)
    log.info("service_started", name=name, pid=os.getpid())
    async with serving_health(settings, check, stopping, look):
        await main(settings, stopping)
    log.info("service_stopped", name=name)


async def repeat(name: str, every: float, step: Callable[[], Awaitable[object]]) -> None:
    """Do `step` again and again, `every` seconds apart; a failure is logged and tried again."""
    while True:
        try:
            await step()
        except Exception as error:  # noqa: BLE001 - a background task must outlive any one failure
            log.warning("step_failed", step=name, reason=repr(error))
        await asyncio.sleep(every)
