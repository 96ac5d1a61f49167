"""Usage: what one owner has in the stores, as quotas count it."""

from msgspec import Struct


class Usage(Struct, frozen=True, kw_only=True):
    """The ids of what is under way, and the bytes of uploads and results that are kept.

    An upload counts with its announced size from its opening on.
    """

    open_uploads: frozenset[str] = frozenset()
    unfinished_jobs: frozenset[str] = frozenset()
    stored_bytes: int = 0
