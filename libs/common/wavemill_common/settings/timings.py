"""Timings: the times of the job protocol, all from one lease and one scale."""

from dataclasses import dataclass
from typing import Self


@dataclass(frozen=True, kw_only=True)
class Timings:
    """The times of the job protocol in seconds; docs/adr/0003 tells how they hang together."""

    lease_ttl: float  # an entry idle for longer may be claimed by another converter
    renew_every: float
    record_lease: float  # the database lease, for when Redis has forgotten everything
    record_renew_every: float
    sweep_every: float
    loop_stall: float  # renewal stops when the event loop has not ticked for so long
    due_after: float  # first look at a created job
    janitor_every: float
    epoch_every: float
    promote_every: float
    tidy_every: float
    retry_base: float
    retry_cap: float
    follow_patience: float = 30.0  # a converter waits no longer in one go for an open upload

    @classmethod
    def of(cls, lease_ttl: float, scale: float) -> Self:
        """All times follow from the lease and one scale."""
        return cls(
            lease_ttl=lease_ttl * scale,
            renew_every=lease_ttl / 5 * scale,
            record_lease=120.0 * scale,
            record_renew_every=30.0 * scale,
            sweep_every=lease_ttl / 3 * scale,
            loop_stall=30.0 * scale,
            due_after=10.0 * scale,
            janitor_every=5.0 * scale,
            epoch_every=1.0 * scale,
            promote_every=1.0 * scale,
            tidy_every=3600.0 * scale,
            retry_base=5.0 * scale,
            retry_cap=300.0 * scale,
            follow_patience=30.0 * scale,
        )
