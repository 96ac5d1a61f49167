"""One setting: its variable, its defaults, its meaning, its parser and how it may be shown."""

import dataclasses
from collections.abc import Callable, Mapping
from enum import StrEnum
from typing import Any
from urllib.parse import urlsplit


class SettingError(ValueError):
    """A setting has a value that does not work; the message says which would."""


class Environment(StrEnum):
    """Where wavemill runs, which decides the defaults."""

    EMBEDDED = "embedded"
    LOCAL = "local"
    DOCKER = "docker"
    APP_RUNNER = "app-runner"
    ECS = "ecs"

    @property
    def is_cloud(self) -> bool:
        """Whether machines come and go: nothing is kept on them, and networks are shared."""
        return self in {Environment.APP_RUNNER, Environment.ECS}


def setting(
    variable: str,
    default: Any,
    meaning: str,
    parse: Callable[[str], Any],
    *,
    show: Callable[[Any], str] | None = None,
    **elsewhere: Any,
) -> Any:
    """Declare a field of the settings.

    `default` holds when embedded; `elsewhere` names other environments with other defaults, as
    `docker=…`; `cloud=…` stands for app-runner and ecs. What `show` is for may not be printed.
    """
    if "cloud" in elsewhere:
        elsewhere["app-runner"] = elsewhere["ecs"] = elsewhere.pop("cloud")
    defaults = {Environment(name): value for name, value in elsewhere.items()}
    metadata = {
        "variable": variable,
        "meaning": meaning,
        "parse": parse,
        "defaults": defaults,
        "show": show or str,
        "secret": show is not None,
    }
    return dataclasses.field(default=default, metadata=metadata, repr=show is None)


def default_of(field: "dataclasses.Field[Any]", env: Environment) -> Any:
    """What holds where nothing is set."""
    return field.metadata["defaults"].get(env, field.default)


def read_field(
    field: "dataclasses.Field[Any]", environ: Mapping[str, str], env: Environment
) -> Any:
    """The value of one setting; an empty variable counts as one that is not set.

    Raises:
        SettingError: the value does not work.
    """
    variable = field.metadata["variable"]
    text = environ.get(variable, "")
    if not text:
        return default_of(field, env)
    try:
        return field.metadata["parse"](text)
    except SettingError as error:
        shown = "…" if field.metadata["secret"] else repr(text)
        raise SettingError(f"{variable}={shown}: {error}") from None


def hidden(value: Any) -> str:
    """Show of a secret only that there is one."""
    return "(set, not shown)" if value else ""


def without_password(url: str) -> str:
    """Show a URL without the password that it may hold."""
    parts = urlsplit(url)
    user, at, place = parts.netloc.rpartition("@")
    name, colon, _ = user.partition(":")
    return parts._replace(netloc=f"{name}{colon}{'…' if colon else ''}{at}{place}").geturl()
