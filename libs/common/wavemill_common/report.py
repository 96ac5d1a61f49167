"""Report: what became of a source's tags, cover and chapters, for the owner of the result."""

from enum import StrEnum

from msgspec import Struct


class Fate(StrEnum):
    """What became of something."""

    KEPT = "kept"
    CHANGED = "changed"  # it arrived, but not as it was
    DROPPED = "dropped"  # it was to arrive, and did not
    SET = "set"  # as asked
    REMOVED = "removed"  # as asked


class TagFate(Struct, frozen=True, kw_only=True, rename="camel", omit_defaults=True):
    """What became of one tag; `after` is what it is now, where that is not what it was."""

    name: str
    fate: Fate
    after: str | None = None
    why: str | None = None


class PartFate(Struct, frozen=True, kw_only=True, rename="camel", omit_defaults=True):
    """What became of the cover or the chapters: how many there were, and are."""

    fate: Fate
    before: int
    after: int
    why: str | None = None


class Report(Struct, frozen=True, kw_only=True, rename="camel", omit_defaults=True):
    """What became of everything but the sound; None where there was nothing."""

    tags: tuple[TagFate, ...] = ()
    cover: PartFate | None = None
    chapters: PartFate | None = None
