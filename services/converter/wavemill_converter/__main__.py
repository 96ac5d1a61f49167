"""Start a converter: python -m wavemill_converter."""

from wavemill_common.health import converter_is_announced
from wavemill_common.service import run_service
from wavemill_converter.main import main

if __name__ == "__main__":
    run_service("converter", main, converter_is_announced)
