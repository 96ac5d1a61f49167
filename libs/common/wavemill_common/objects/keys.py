"""What keys may look like, in every adapter: safe as a path, as a URL and as an S3 key."""

import re

MAX_KEY = 512  # characters; S3 takes 1,024 bytes, and a path below a root must fit in 4,096
_SEGMENT = r"[A-Za-z0-9_-][A-Za-z0-9._-]{0,199}"
_KEY = re.compile(rf"{_SEGMENT}(?:/{_SEGMENT})*")
_PREFIX = re.compile(rf"(?:{_SEGMENT}/)*(?:{_SEGMENT})?")


def check_key(key: str) -> str:
    """Return `key` if it is well-formed: no segment is empty or begins with a dot.

    Raises:
        ValueError: it is not; keys are made by us, so this is a mistake in our code.
    """
    if len(key) > MAX_KEY or not _KEY.fullmatch(key):
        raise ValueError(f"malformed key {key[:80]!r}")
    return key


def check_prefix(prefix: str) -> str:
    """Return `prefix` if a well-formed key can begin with it; empty is every key's.

    Raises:
        ValueError: no key begins so.
    """
    if len(prefix) > MAX_KEY or not _PREFIX.fullmatch(prefix):
        raise ValueError(f"malformed prefix {prefix[:80]!r}")
    return prefix
