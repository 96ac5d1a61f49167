"""Filters: which records a command is about. Pure."""

import re
from collections.abc import Iterable
from enum import StrEnum

from msgspec import Struct

from wavemill_common.jobs import Job, JobStatus
from wavemill_common.uploads import Upload, UploadState

_UNITS = {"s": 1.0, "m": 60.0, "h": 3600.0, "d": 86_400.0}
_AGE = re.compile(r"([0-9]+(?:\.[0-9]+)?)([smhd])")


def parse_age(text: str) -> float:
    """Read an age such as 90s, 15m, 2h or 3d; in seconds.

    Raises:
        ValueError: it is none; the message says what would be one.
    """
    found = _AGE.fullmatch(text)
    if found is None:
        raise ValueError(f"{text!r} is no age; write a number with s, m, h or d: 90s, 15m, 2h, 3d")
    return float(found[1]) * _UNITS[found[2]]


def format_age(seconds: float | None) -> str:
    """Write an age in its two largest units: 45s, 2m05s, 3h10m, 4d02h."""
    if seconds is None:
        return "-"
    whole = max(0, round(seconds))
    if whole < 60:  # noqa: PLR2004 - seconds of a minute
        return f"{whole}s"
    for big, small, size in (("m", "s", 60), ("h", "m", 3600), ("d", "h", 86_400)):
        if whole < size * {"m": 60, "h": 24, "d": 10**9}[big]:
            rest = whole % size // {"m": 1, "h": 60, "d": 3600}[big]
            return f"{whole // size}{big}{rest:02}{small}"
    raise AssertionError(seconds)


def parse_names(text: str, kind: type[StrEnum]) -> list[str]:
    """Read one or several names of an enumeration, separated by commas.

    Raises:
        ValueError: one is none of them; the message lists them all.
    """
    names = [name.strip() for name in text.split(",")]
    for name in names:
        if name not in set(kind):
            raise ValueError(f"{name!r} is none of {', '.join(kind)}")
    return names


class AgeRange(Struct, frozen=True, kw_only=True):
    """Between which ages, in seconds; None: no bound."""

    older_than: float | None = None
    newer_than: float | None = None

    def holds(self, since: float, now: float) -> bool:
        """Whether something that began at `since` is within."""
        age = now - since
        old_enough = self.older_than is None or age > self.older_than
        return old_enough and (self.newer_than is None or age < self.newer_than)

    @property
    def is_open(self) -> bool:
        """Whether it lets everything through."""
        return self.older_than is None and self.newer_than is None


class JobFilter(Struct, frozen=True, kw_only=True):
    """Which jobs; what is None or empty does not count."""

    statuses: frozenset[JobStatus] = frozenset()
    formats: frozenset[str] = frozenset()
    owner: str | None = None
    age: AgeRange = AgeRange()

    @property
    def is_open(self) -> bool:
        """Whether it lets every job through."""
        return self == JobFilter()

    @property
    def only_live(self) -> bool:
        """Whether no ended job can match, so that a look at the live ones is enough."""
        return bool(self.statuses) and not any(status.is_terminal for status in self.statuses)

    def matches(self, job: Job, now: float) -> bool:
        """Whether a job is meant. A tombstone is a job no more, unless it is asked for by id."""
        return (
            not job.tombstone
            and (not self.statuses or job.status in self.statuses)
            and (not self.formats or job.format in self.formats)
            and is_of(job.owner, self.owner)
            and self.age.holds(job.created_at, now)
        )


class UploadFilter(Struct, frozen=True, kw_only=True):
    """Which uploads; what is None or empty does not count."""

    states: frozenset[UploadState] = frozenset()
    owner: str | None = None
    age: AgeRange = AgeRange()

    @property
    def is_open(self) -> bool:
        """Whether it lets every upload through."""
        return self == UploadFilter()

    def matches(self, upload: Upload, now: float) -> bool:
        """Whether an upload is meant."""
        return (
            (not self.states or upload.state in self.states)
            and is_of(upload.owner, self.owner)
            and self.age.holds(upload.created_at, now)
        )


def is_of(owner: str, wanted: str | None) -> bool:
    """Whether an owner is meant: None means all, '' everyone without an API key."""
    if wanted == "":
        return not owner.startswith("key:")
    return wanted is None or owner == wanted


def in_order(ids: Iterable[str]) -> list[str]:
    """Each id once, as first named."""
    return list(dict.fromkeys(ids))
