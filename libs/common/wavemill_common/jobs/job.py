"""Job: one conversion, from its acceptance to its expiry. States and transitions; pure, frozen.

    created ──► processing ──► completed | failed | cancelled ──► (tombstone) ──► gone
       ▲            │
       └── delayed, handed back

A transition returns a `Change`: the new job, and the guards of which one must hold for the stored
job at the moment of writing. `attempt` is the fencing token: it only rises, and a worker whose
attempt is no longer the stored one can write nothing: docs/adr/0003-jobs-are-fenced-by-attempt.md
"""

from msgspec import Struct, field, structs

from wavemill_common.errors import AppError
from wavemill_common.jobs.keys import fetched_key
from wavemill_common.jobs.values import (
    LIVE,
    TERMINAL,
    JobError,
    JobStatus,
    Lane,
    Output,
    Remark,
    Webhook,
)
from wavemill_common.media import MediaInfo
from wavemill_common.options import ConvertOptions, Wanted

REVISIONS_PER_ATTEMPT = 1_000_000
COMPLETE = 100
STOPPED = -1  # the progress of a failed or cancelled job: polling clients stop there
DUE_INTERVAL_CAP = 600.0  # seconds
UPLOAD_INTERVAL_CAP = 30.0  # seconds
TOMBSTONE_TTL = 7 * 24 * 3600.0  # seconds in which an expired job answers 410, not 404


class Job(Struct, frozen=True, kw_only=True, rename="camel"):
    """One conversion. Times in seconds since 1970, intervals in seconds.

    `due_at` is when a janitor should look: created → is it still queued?; processing → the
    database lease ends; delayed → it should run by now; ended → its webhook is to be called; None
    when nothing more will happen. A job is quarantined once it was there when its converter died.
    `peaks` tells that they are asked for, `peaks_key` where those of source and results lie.
    `traceparent` (W3C) names the span in which it was accepted, where that was traced.
    `more` are the results asked for beyond the first, whose format stands in the record itself.
    One that `follows` was accepted while its upload was open: docs/adr/0015; `awaits` says in
    words for its owner what it waits for, where it can go on only once the upload is complete.
    """

    job_id: str
    file_id: str
    file_name: str
    input_key: str = field(name="inputS3Location")
    format: str
    quality: str
    created_at: float
    updated_at: float
    expires_at: float
    due_at: float | None
    options: ConvertOptions = field(default_factory=ConvertOptions)
    more: tuple[Wanted, ...] = ()
    owner: str = ""
    request_hash: str = ""
    lane: Lane = Lane.STANDARD
    status: JobStatus = JobStatus.CREATED
    attempt: int = 0
    claim_id: str | None = None
    quarantined: bool = False
    strikes: int = 0
    failures: int = 0
    not_before: float | None = None
    due_interval: float = 10.0
    progress: int = 0
    revision: int = 1
    started_at: float | None = None
    ended_at: float | None = None
    media: MediaInfo | None = None
    outputs: tuple[Output, ...] = ()
    output_key: str | None = field(default=None, name="outputS3Location")
    error: JobError | None = None
    warnings: tuple[Remark, ...] = ()
    peaks: bool = False
    peaks_key: str | None = None
    webhook: Webhook | None = None
    tombstone: bool = False
    delete_after_download: bool = False
    traceparent: str | None = None
    follows: bool = False
    awaits: str | None = None

    @property
    def is_terminal(self) -> bool:
        """Whether the job has ended."""
        return self.status.is_terminal

    @property
    def wanted(self) -> tuple[Wanted, ...]:
        """All results that are asked for, the first one first."""
        first = Wanted(format=self.format, quality=self.quality, options=self.options)
        return (first, *self.more)

    def has(self, key: str) -> bool:
        """Whether this is the key of a result, of the peaks, or of what belongs to them."""
        covers = (one.options.cover for one in self.wanted)
        if key in covers or key in self.result_keys:
            return True
        return self.delete_after_download and key.startswith(fetched_key(self.job_id))

    @property
    def result_keys(self) -> list[str]:
        """Where all lies that the job's last attempt has made."""
        beside = [self.peaks_key] if self.peaks_key else []
        return [*(output.key for output in self.outputs), *beside]

    def is_claimed_by(self, claim_id: str, attempt: int) -> bool:
        """Whether this very claim still owns the job."""
        return (
            self.status is JobStatus.PROCESSING
            and self.claim_id == claim_id
            and self.attempt == attempt
        )

    @property
    def strikes_if_started(self) -> int:
        """The strikes after a start: only a crash in quarantine, where it runs apart, counts."""
        crashed = self.status is JobStatus.PROCESSING
        return self.strikes + (crashed and self.quarantined)

    def start(self, claim_id: str, now: float, lease: float) -> "Change":
        """Be claimed: raise the attempt; a job that was processing lost its converter."""
        crashed = self.status is JobStatus.PROCESSING
        attempt = self.attempt + 1
        job = structs.replace(
            self,
            status=JobStatus.PROCESSING,
            attempt=attempt,
            claim_id=claim_id,
            quarantined=self.quarantined or crashed,
            strikes=self.strikes_if_started,
            not_before=None,
            awaits=None,
            started_at=self.started_at or now,
            updated_at=now,
            due_at=now + lease,
            revision=attempt * REVISIONS_PER_ATTEMPT,
        )
        # The second arm absorbs a write that is sent again because its reply was lost.
        again = Guard(statuses=frozenset({JobStatus.PROCESSING}), claim_id=claim_id)
        return Change(job, (Guard(statuses=LIVE, attempt=self.attempt), again))

    def reached(self, progress: int, revision: int) -> "Job":
        """Know how far the work has come, to be written with the next change."""
        return structs.replace(
            self,
            progress=max(self.progress, progress),
            revision=max(self.revision, revision),
        )

    def renew(self, now: float, lease: float) -> "Change":
        """Keep the database lease, and the progress reached in case Redis forgets it."""
        return self._claimed(due_at=now + lease, updated_at=now)

    def complete(
        self,
        outputs: tuple[Output, ...],
        media: MediaInfo | None,
        warnings: tuple[Remark, ...],
        now: float,
        ttl: float,
        peaks_key: str | None = None,
    ) -> "Change":
        """Have a result: the only visible completion."""
        job = self._ended(
            JobStatus.COMPLETED,
            now,
            ttl,
            outputs=outputs,
            output_key=outputs[0].key,
            peaks_key=peaks_key,
            media=media,
            warnings=warnings,
            progress=COMPLETE,
        )
        statuses = frozenset({JobStatus.PROCESSING, JobStatus.COMPLETED})
        guard = Guard(statuses=statuses, attempt=self.attempt, claim_id=self.claim_id)
        return Change(job, (guard,))

    def fail(self, error: JobError, now: float, ttl: float) -> "Change":
        """End without a result, by the worker that holds the claim."""
        job = self._ended(JobStatus.FAILED, now, ttl, error=error)
        return Change(job, (self._claim_guard(),))

    def delay(self, error: JobError, now: float, not_before: float, grace: float) -> "Change":
        """Go back to the queue after a transient failure, to run at `not_before` or later."""
        return self._claimed(
            status=JobStatus.CREATED,
            claim_id=None,
            failures=self.failures + 1,
            error=error,
            not_before=not_before,
            due_at=not_before + grace,
            updated_at=now,
            revision=self.revision + 1,
        )

    def hand_back(self, now: float, due_interval: float) -> "Change":
        """Go back to the queue because the converter stops: no failure, no strike."""
        return self._claimed(
            status=JobStatus.CREATED,
            claim_id=None,
            due_at=now + due_interval,
            due_interval=due_interval,
            updated_at=now,
            revision=self.revision + 1,
        )

    def park(self, awaits: str, now: float, due_interval: float) -> "Change":
        """Go back to wait for the end of the upload: no failure, no strike."""
        back = self.hand_back(now, due_interval)
        return Change(structs.replace(back.job, awaits=awaits), back.guards)

    def cancel(self, now: float, ttl: float) -> "Change":
        """End because its owner says so; the raised attempt fences whoever works on it."""
        attempt = self.attempt + 1
        job = self._ended(
            JobStatus.CANCELLED, now, ttl, attempt=attempt, revision=attempt * REVISIONS_PER_ATTEMPT
        )
        return Change(job, (Guard(statuses=LIVE, attempt=self.attempt),))

    def give_up(self, error: AppError, now: float, ttl: float) -> "Change":
        """End without a result whoever works on it: too old, poison, an upload that is no audio."""
        attempt = self.attempt + 1
        job = self._ended(
            JobStatus.FAILED,
            now,
            ttl,
            error=JobError.of(error),
            attempt=attempt,
            revision=attempt * REVISIONS_PER_ATTEMPT,
        )
        return Change(job, (Guard(statuses=LIVE, attempt=self.attempt),))

    def retry(self, now: float, ttl: float, due_interval: float) -> "Change":
        """Run again from the start, after a failure or a cancellation."""
        attempt = self.attempt + 1
        job = structs.replace(
            self,
            status=JobStatus.CREATED,
            attempt=attempt,
            claim_id=None,
            quarantined=False,
            strikes=0,
            failures=0,
            error=None,
            progress=0,
            started_at=None,
            ended_at=None,
            not_before=None,
            awaits=None,
            due_at=now + due_interval,
            due_interval=due_interval,
            expires_at=now + ttl,
            updated_at=now,
            revision=attempt * REVISIONS_PER_ATTEMPT,
            webhook=Webhook(url=self.webhook.url) if self.webhook else None,
        )
        stopped = frozenset({JobStatus.FAILED, JobStatus.CANCELLED})
        return Change(job, (Guard(statuses=stopped, attempt=self.attempt),))

    def call_webhook(self, now: float, lease: float) -> "Change":
        """Be the one who calls the webhook now; should that one die, another may after `lease`."""
        hook = self._hook()
        return self._hooked(structs.replace(hook, attempts=hook.attempts + 1), now + lease)

    def webhook_called(self, error: str | None, now: float, next_at: float | None) -> "Change":
        """Know how a call went: delivered, or failed and to be tried at `next_at` (None: never)."""
        delivered_at = now if error is None else None
        hook = structs.replace(self._hook(), delivered_at=delivered_at, last_error=error)
        return self._hooked(hook, next_at)

    def redeliver(self, now: float) -> "Change":
        """Have the webhook called again, as if for the first time."""
        return self._hooked(Webhook(url=self._hook().url), now)

    def _hook(self) -> Webhook:
        if self.webhook is None:
            raise ValueError("this job has no webhook")
        return self.webhook

    def _hooked(self, hook: Webhook, due_at: float | None) -> "Change":
        job = structs.replace(self, webhook=hook, due_at=due_at)
        guard = Guard(statuses=TERMINAL, attempt=self.attempt, due_at=self.due_at)
        return Change(job, (guard,))

    def look_again(self, now: float) -> "Change":
        """Be found waiting in the queue: the next look comes after twice the interval.

        One that waits for its upload is looked at more often: nobody else may remember it.
        """
        cap = UPLOAD_INTERVAL_CAP if self.follows else DUE_INTERVAL_CAP
        interval = min(cap, self.due_interval * 2)
        job = structs.replace(self, due_at=now + interval, due_interval=interval)
        return Change(job, (Guard(statuses=LIVE, attempt=self.attempt, due_at=self.due_at),))

    def bury(self, now: float) -> "Change":
        """Become a tombstone: the files are gone, the id still answers 410 for a while.

        The raised attempt keeps a commit that was sent again from bringing the job back.
        """
        job = structs.replace(
            self,
            tombstone=True,
            attempt=self.attempt + 1,
            outputs=(),
            output_key=None,
            peaks_key=None,
            due_at=None,
            expires_at=now + TOMBSTONE_TTL,
            updated_at=now,
        )
        return Change(job, (Guard(statuses=TERMINAL, attempt=self.attempt),))

    def _ended(self, status: JobStatus, now: float, ttl: float, **changes: object) -> "Job":
        ended: dict[str, object] = {
            "status": status,
            "progress": STOPPED,
            "error": None,
            "due_at": now if self.webhook else None,
            "not_before": None,
            "awaits": None,
            "updated_at": now,
            "ended_at": now,
            "expires_at": now + ttl,
            "revision": self.revision + 1,
        }
        return structs.replace(self, **(ended | changes))

    def _claimed(self, **changes: object) -> "Change":
        return Change(structs.replace(self, **changes), (self._claim_guard(),))

    def _claim_guard(self) -> "Guard":
        statuses = frozenset({JobStatus.PROCESSING})
        return Guard(statuses=statuses, attempt=self.attempt, claim_id=self.claim_id)


class Guard(Struct, frozen=True, kw_only=True):
    """What the stored job must be like for a change to be written; None means anything."""

    statuses: frozenset[JobStatus]
    attempt: int | None = None
    claim_id: str | None = None
    due_at: float | None = None


class Change(Struct, frozen=True):
    """A transition: the job as it shall be, if any one of the guards holds."""

    job: Job
    guards: tuple[Guard, ...]
