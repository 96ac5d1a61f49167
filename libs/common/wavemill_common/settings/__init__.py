"""Settings: what may be set from outside, once, at the start. A bad value names what would work.

Every setting is a field made by `setting()`, which holds its variable, its defaults, its meaning
and its parser together; reading, checking, `wavemill config` and the documentation use the fields.
"""

import dataclasses
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Self

from wavemill_common.settings.fields import Environment, SettingError, read_field
from wavemill_common.settings.guards import Guards
from wavemill_common.settings.places import Places, Storage
from wavemill_common.settings.rules import problems
from wavemill_common.settings.timings import Timings
from wavemill_common.settings.work import (
    MAX_CHUNK_BYTES,
    MIB,
    MIN_CHUNK_BYTES,
    SandboxMode,
    Verification,
    Work,
)

__all__ = [
    "MAX_CHUNK_BYTES",
    "MIB",
    "MIN_CHUNK_BYTES",
    "Environment",
    "SandboxMode",
    "SettingError",
    "Settings",
    "Storage",
    "Timings",
    "Verification",
]


@dataclass(frozen=True, kw_only=True)
class Settings(Guards, Work, Places):
    """What is in force. Sizes in bytes, times in seconds. Secrets are not in its repr."""

    @classmethod
    def from_environ(cls, environ: Mapping[str, str]) -> Self:
        """Read the settings from environment variables, and see that they work together.

        Raises:
            SettingError: a value does not work or is missing; the message names the variable and
                what would work.
        """
        settings = cls.read(environ)
        if found := problems(settings):
            raise SettingError("; ".join(found))
        return settings

    @classmethod
    def read(cls, environ: Mapping[str, str]) -> Self:
        """Read each setting for itself; unset and empty ones have their environment's default.

        Raises:
            SettingError: a value does not work.
        """
        fields = {field.name: field for field in dataclasses.fields(cls)}
        env = read_field(fields["env"], environ, Environment.EMBEDDED)
        return cls(**{name: read_field(field, environ, env) for name, field in fields.items()})
