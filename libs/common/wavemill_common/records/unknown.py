"""What is said of ids that nothing has: the same words wherever, also of what is another's."""

from wavemill_common.errors import JobNotFound, UploadNotFound


def no_upload(file_id: str) -> UploadNotFound:
    """The refusal of an upload's id."""
    return UploadNotFound(f"there is no upload {file_id}; begin a new one")


def no_job(job_id: str) -> JobNotFound:
    """The refusal of a job's id."""
    return JobNotFound(f"there is no job {job_id}")
