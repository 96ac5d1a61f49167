"""Records for tests: a job as the gateway would accept it."""

import time

from msgspec import structs

from wavemill_common.jobs import Job

DAY = 86_400.0  # seconds


def a_job(job_id: str = "job", *, now: float | None = None, **fields: object) -> Job:
    """A job that was accepted at `now`, to be looked at ten seconds later."""
    now = time.time() if now is None else now
    job = Job(
        job_id=job_id,
        file_id="file",
        file_name="clip.wav",
        input_key="uploads/file.wav",
        format="mp3",
        quality="standard",
        created_at=now,
        updated_at=now,
        expires_at=now + DAY,
        due_at=now + 10,
    )
    return structs.replace(job, **fields)
