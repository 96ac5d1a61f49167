"""Start a gateway: python -m wavemill_gateway."""

from wavemill_common.service import run_service
from wavemill_gateway.main import main

if __name__ == "__main__":
    run_service("gateway", main)
