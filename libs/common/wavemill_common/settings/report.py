"""What is in force and where each value came from. Of a secret it tells only that there is one."""

import dataclasses
from collections.abc import Mapping
from typing import Any
from urllib.parse import urlsplit

from msgspec import Struct

from wavemill_common.settings import Settings

SHORTEST = 6  # characters: "test" is no secret, and stands in many a word


class Value(Struct, frozen=True):
    """One setting as it may be shown."""

    variable: str
    value: str
    source: str
    meaning: str


def report(settings: Settings, environ: Mapping[str, str]) -> list[Value]:
    """Every setting with its value and its source."""
    return [_value(field, settings, environ) for field in dataclasses.fields(settings)]


def secret_values(settings: Settings) -> set[str]:
    """What may not be shown of the settings, by its value; defaults that everybody knows may."""
    secrets = {
        str(getattr(settings, field.name))
        for field in dataclasses.fields(settings)
        if field.metadata["secret"]
    }
    passwords = {urlsplit(text).password or "" for text in secrets if "://" in text}
    return {text for text in secrets | passwords if len(text) >= SHORTEST}


def _value(
    field: "dataclasses.Field[Any]", settings: Settings, environ: Mapping[str, str]
) -> Value:
    about = field.metadata
    is_set = bool(environ.get(about["variable"]))
    source = "environment" if is_set else f"default of {settings.env}"
    value = getattr(settings, field.name)
    shown = about["show"](int(value) if isinstance(value, bool) else value)
    return Value(about["variable"], shown, source, about["meaning"])
