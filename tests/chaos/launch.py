"""Run one service with faults in it: `python -m chaos.launch gateway|converter|janitor`.

CHAOS_PATCHES names what is changed before the service starts, such as `throttle=0.2 no_fence`;
CHAOS_SEED makes the choices of the patches repeatable. The product itself knows nothing of this.
"""

import asyncio
import faulthandler
import importlib
import os
import signal
import sys
from typing import Any

import chaos.crash_points
import chaos.permissions  # noqa: F401 - their patches join the others
from chaos.patches import apply_patches
from wavemill_common.service import run_service
from wavemill_common.settings import Settings


def main() -> None:
    service = sys.argv[1]
    module = importlib.import_module(f"wavemill_{service}.main")
    apply_patches(os.environ.get("CHAOS_PATCHES", ""), os.environ.get("CHAOS_SEED", "0"))

    async def run(settings: Settings, stopping: asyncio.Event) -> None:
        asyncio.get_running_loop().add_signal_handler(signal.SIGUSR1, dump_tasks)
        await module.main(settings, stopping)

    run_service(service, run)


def dump_tasks() -> None:
    """Print where every thread and task waits: a test asks for it when nothing moves any more."""
    faulthandler.dump_traceback()
    for task in asyncio.all_tasks():
        awaited: Any = task.get_coro()
        names = []
        while awaited is not None:
            names.append(getattr(awaited, "__qualname__", repr(awaited)))
            awaited = getattr(awaited, "cr_await", getattr(awaited, "ag_await", None))
        sys.stderr.write(f"task {task.get_name()}: {' > '.join(names)}\n")


if __name__ == "__main__":
    main()
