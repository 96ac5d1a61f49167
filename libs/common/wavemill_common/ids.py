"""Ids: unguessable when we make them, harmless when others send them."""

import re
import secrets

from wavemill_common.errors import InvalidId

ID_BYTES = 24  # 192 random bits, 32 characters
_PATTERN = re.compile(r"[A-Za-z0-9_-]{1,64}")


def new_id() -> str:
    """Make an id of 192 random bits: whoever holds it may use what it names."""
    return secrets.token_urlsafe(ID_BYTES)


def check_id(name: str, value: str) -> str:
    """Return `value` if it is a well-formed id, so safe in keys and paths.

    Raises:
        InvalidId: it is empty, over 64 characters, or has others than A-Z a-z 0-9 _ and -.
    """
    if not _PATTERN.fullmatch(value):
        raise InvalidId(f"{name} must be 1 to 64 of the characters A-Z a-z 0-9 _ -")
    return value
