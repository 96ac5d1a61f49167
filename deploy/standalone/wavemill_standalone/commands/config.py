"""`wavemill config`: show the settings in force."""

import argparse
import os

from wavemill_common.settings import SettingError
from wavemill_standalone.commands.exits import OK, USAGE, UsageError
from wavemill_standalone.configuration import show


def run(parsed: argparse.Namespace) -> int:
    """Show them."""
    try:
        return OK if show(os.environ, as_json=parsed.json) else USAGE
    except SettingError as error:
        raise UsageError(str(error)) from None
