"""Decide what to do with an entry of the queue: the job store's record has the say. Pure."""

from enum import Enum, auto

from wavemill_common.jobs import Job, JobStatus

CLOCK_TOLERANCE = 1.0  # seconds by which two machines' clocks may differ unnoticed
LONGEST_WAIT = 300.0  # seconds; no try is put off for longer, so more is a wrong clock


class Decision(Enum):
    """What a converter does with an entry that it holds."""

    START = auto()
    DROP = auto()  # the job has ended, or another entry of it is being worked on
    GIVE_UP = auto()  # the job is poison
    POSTPONE = auto()  # the job waits for its next try
    WAIT = auto()  # the job waits for its upload
    CANCEL = auto()  # the job's upload is gone


def decide(job: Job | None, *, reclaimed: bool, now: float, max_strikes: int) -> Decision:
    """Judge an entry by its job's record; an entry without a record is nothing.

    A job that is being processed is taken over only through an entry that was reclaimed from
    a silent converter, or when even the database lease has run out. One that has crashed its
    converters too often is taken over by nobody.
    """
    if job is None or job.is_terminal:
        return Decision.DROP
    if job.status is JobStatus.PROCESSING:
        leased = job.due_at is not None and job.due_at > now
        if leased and not reclaimed:
            return Decision.DROP
        return Decision.GIVE_UP if job.strikes_if_started >= max_strikes else Decision.START
    wait = 0.0 if job.not_before is None else job.not_before - now
    return Decision.POSTPONE if CLOCK_TOLERANCE < wait <= LONGEST_WAIT else Decision.START
