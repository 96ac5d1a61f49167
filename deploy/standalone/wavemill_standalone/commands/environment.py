"""Environment: the settings that a command finds there."""

from collections.abc import Mapping

from wavemill_common.settings import SettingError, Settings
from wavemill_standalone.commands.exits import UsageError


def read_settings(environ: Mapping[str, str]) -> Settings:
    """The settings in force.

    Raises:
        UsageError: a value does not work.
    """
    try:
        return Settings.from_environ(environ)
    except SettingError as error:
        raise UsageError(str(error)) from None
