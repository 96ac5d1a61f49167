"""Parsers of settings: each takes a text or says what it would take."""

import re
from collections.abc import Callable
from enum import StrEnum
from typing import TypeVar
from urllib.parse import urlsplit

from wavemill_common.settings.fields import SettingError

MAX_DIGITS = 18  # of a whole number; Python refuses to read some thousands
REDIS_SCHEMES = ("redis://", "rediss://", "unix://")
_REGION = re.compile(r"[a-z]{2}(-[a-z]+)+-\d")
_BUCKET = re.compile(r"[a-z0-9][a-z0-9.-]{1,61}[a-z0-9]")
_TABLE = re.compile(r"[A-Za-z0-9_.-]{3,255}")
_ENDPOINT = re.compile(r"(\[[0-9A-Fa-f:.]+\]|[A-Za-z0-9._-]+):(\d{1,5})")
_RATE = re.compile(r"[1-9][0-9]{0,8}/(second|minute|hour|day)")
_ORIGIN = re.compile(r"https?://(\[[0-9a-f:.]+\]|[a-z0-9._-]+)(:[0-9]{1,5})?")
_DEFAULT_PORTS = (("http://", ":80"), ("https://", ":443"))

E = TypeVar("E", bound=StrEnum)


def whole(low: int, high: int) -> Callable[[str], int]:
    """A whole number."""

    def parse(text: str) -> int:
        digits = text.isascii() and text.isdigit() and len(text) <= MAX_DIGITS
        if not (digits and low <= int(text) <= high):
            raise SettingError(f"must be a whole number from {low} to {high}")
        return int(text)

    return parse


def number(low: float, high: float) -> Callable[[str], float]:
    """A number."""

    def parse(text: str) -> float:
        try:
            value = float(text)
        except ValueError:
            value = float("nan")
        if not low <= value <= high:
            raise SettingError(f"must be a number from {low:g} to {high:g}")
        return value

    return parse


def member(kind: type[E]) -> Callable[[str], E]:
    """One of the values of an enumeration."""

    def parse(text: str) -> E:
        try:
            return kind(text.lower())
        except ValueError:
            raise SettingError(f"must be one of {', '.join(kind)}") from None

    return parse


def _matching(pattern: re.Pattern[str], meant: str) -> Callable[[str], str]:
    def parse(text: str) -> str:
        if not pattern.fullmatch(text):
            raise SettingError(f"must be {meant}")
        return text

    return parse


region = _matching(_REGION, "a region such as eu-central-1")
bucket = _matching(
    _BUCKET, "a bucket's name: 3 to 63 lower-case letters, digits, dots or dashes, no URL"
)
table = _matching(_TABLE, "a table's name: 3 to 255 letters, digits, dots, dashes or underscores")
endpoint = _matching(_ENDPOINT, "host:port, such as cache.example:6379; REDIS_URL takes a URL")


def url(text: str) -> str:
    """Where an HTTP service is."""
    parts = urlsplit(text)
    if parts.scheme not in {"http", "https"} or not parts.hostname:
        raise SettingError("must be a URL such as http://localhost:4566")
    return text.rstrip("/")


def flag(text: str) -> bool:
    """Yes or no."""
    if text not in {"0", "1"}:
        raise SettingError("must be 0 or 1")
    return text == "1"


def redis_url(text: str) -> str:
    """Where Redis is."""
    if not text.startswith(REDIS_SCHEMES):
        raise SettingError(f"must begin with {', '.join(REDIS_SCHEMES)}")
    return text


def rate(text: str) -> str:
    """So many requests in some time; `off` is none."""
    if text.lower() in {"off", "0"}:
        return ""
    if not _RATE.fullmatch(text):
        raise SettingError(
            "must be a number per second, minute, hour or day, as 600/minute; or off"
        )
    return text


def origins(text: str) -> str:
    """Exact origins, as browsers send them, with commas between."""
    return ",".join(dict.fromkeys(_origin(one.strip().lower()) for one in text.split(",")))


def _origin(text: str) -> str:
    if not _ORIGIN.fullmatch(text):
        raise SettingError(
            "must be origins such as https://a.example, with commas between: scheme, host and"
            " port only, no path, no *"
        )
    for scheme, port in _DEFAULT_PORTS:
        if text.startswith(scheme):
            text = text.removesuffix(port)
    return text


def plain(text: str) -> str:
    """Any text."""
    return text
