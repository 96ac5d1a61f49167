"""Redaction: what no log may tell. A processor of structlog's; pure.

Names of files and tags are not logged in the first place; this is for what stands within messages
of libraries and of ffmpeg: credentials, signatures, our own secrets.
"""

import re
from collections.abc import Collection, Mapping, MutableMapping
from typing import Any

HIDDEN = "[redacted]"
MAX_TEXT = 2_000  # characters of one value
MAX_TRACEBACK = 16_000
MAX_DEPTH = 4
_TRACEBACK = "exception"  # where structlog puts it
_SECRET_NAMES = re.compile(
    r"authorization|cookie|password|secret|signature|token|api_?key", re.IGNORECASE
)
_PATTERNS = (
    (re.compile(r"\b(Bearer|Basic)\s+[^\s'\",;]+", re.IGNORECASE), rf"\1 {HIDDEN}"),
    (re.compile(r"(https?://[^\s?#'\"<>]*)\?[^\s'\"<>]*", re.IGNORECASE), rf"\1?{HIDDEN}"),
    (re.compile(r"(\w+://[^\s/:@'\"]*:)[^\s/@'\"]+@"), rf"\1{HIDDEN}@"),
    (
        re.compile(
            r"\b((?:X-Amz-[A-Za-z-]+|AWSAccessKeyId|(?:access_)?token|signature|policy|api_?key)"
            r"['\"]?\s*[=:]\s*['\"]?)[^\s&'\",;]+",
            re.IGNORECASE,
        ),
        rf"\1{HIDDEN}",
    ),
)


class Redactor:
    """Takes out of an event what no log may tell, and shortens the rest."""

    def __init__(self, secrets: Collection[str] = ()) -> None:
        """Know these values, longest first, whatever they stand in."""
        self._secrets = sorted(filter(None, secrets), key=len, reverse=True)

    def __call__(
        self, logger: object, method: str, event: MutableMapping[str, Any]
    ) -> MutableMapping[str, Any]:
        """Redact every value of an event."""
        del logger, method
        return {name: self._value(name, value, 0) for name, value in event.items()}

    def _value(self, name: str, value: Any, depth: int) -> Any:
        if isinstance(value, bool | int | float) or value is None:
            return value
        if _SECRET_NAMES.search(name):
            return HIDDEN
        if depth < MAX_DEPTH and isinstance(value, Mapping):
            return {str(key): self._value(str(key), one, depth + 1) for key, one in value.items()}
        if depth < MAX_DEPTH and isinstance(value, list | tuple | set | frozenset):
            return [self._value(name, one, depth + 1) for one in value]
        text = value if isinstance(value, str) else repr(value)
        return shortened(self.clean(text), MAX_TRACEBACK if name == _TRACEBACK else MAX_TEXT)

    def clean(self, text: str) -> str:
        """Redact a text."""
        for secret in self._secrets:
            text = text.replace(secret, HIDDEN)
        for pattern, instead in _PATTERNS:
            text = pattern.sub(instead, text)
        return text


def shortened(text: str, most: int) -> str:
    """A text of at most so many characters: its begin and its end tell the most."""
    if len(text) <= most:
        return text
    half = (most - 3) // 2
    return f"{text[:half]}…{text[-half:]}"
