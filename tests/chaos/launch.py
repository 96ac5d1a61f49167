"""Run one service with faults in it: `python -m chaos.launch gateway|converter|janitor`.

CHAOS_PATCHES names what is changed before the service starts, such as `throttle=0.2 no_fence`;
CHAOS_SEED makes the choices of the patches repeatable. The product itself knows nothing of this.
"""

import importlib
import os
import sys

import chaos.crash_points  # noqa: F401 - its patches join the others
from chaos.patches import apply_patches
from wavemill_common.service import run_service


def main() -> None:
    service = sys.argv[1]
    module = importlib.import_module(f"wavemill_{service}.main")
    apply_patches(os.environ.get("CHAOS_PATCHES", ""), os.environ.get("CHAOS_SEED", "0"))
    run_service(service, module.main)


if __name__ == "__main__":
    main()
