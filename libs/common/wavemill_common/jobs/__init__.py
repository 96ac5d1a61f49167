"""Jobs: the values they are made of, their states and transitions, and where their files lie."""

from wavemill_common.jobs.job import (
    COMPLETE,
    DUE_INTERVAL_CAP,
    REVISIONS_PER_ATTEMPT,
    STOPPED,
    TOMBSTONE_TTL,
    Change,
    Guard,
    Job,
)
from wavemill_common.jobs.keys import (
    OUTPUTS_PREFIX,
    cover_key,
    fetched_key,
    job_of_output,
    outputs_prefix,
)
from wavemill_common.jobs.values import (
    LONG_BYTES,
    SHORT_BYTES,
    JobError,
    JobStatus,
    Lane,
    Output,
    Remark,
    Webhook,
    lane_for,
)

__all__ = [
    "COMPLETE",
    "DUE_INTERVAL_CAP",
    "LONG_BYTES",
    "OUTPUTS_PREFIX",
    "REVISIONS_PER_ATTEMPT",
    "SHORT_BYTES",
    "STOPPED",
    "TOMBSTONE_TTL",
    "Change",
    "Guard",
    "Job",
    "JobError",
    "JobStatus",
    "Lane",
    "Output",
    "Remark",
    "Webhook",
    "cover_key",
    "fetched_key",
    "job_of_output",
    "lane_for",
    "outputs_prefix",
]
