"""Where in the object store the files of a job lie."""

OUTPUTS_PREFIX = "conversions/"


def outputs_prefix(job_id: str) -> str:
    """What the keys of all results of a job begin with, those of lost attempts too."""
    return f"{OUTPUTS_PREFIX}{job_id}/"


def job_of_output(key: str) -> str:
    """The job whose result lies, or lay, under a key that begins with `OUTPUTS_PREFIX`."""
    return key.removeprefix(OUTPUTS_PREFIX).partition("/")[0]


def fetched_key(job_id: str, number: int | None = None) -> str:
    """Where it is noted that output `number` was downloaded whole; without, what all begin with."""
    return f"{outputs_prefix(job_id)}fetched-{'' if number is None else number}"


def cover_key(job_id: str, number: int, extension: str) -> str:
    """Where the picture lies that a caller gave for output `number`."""
    return f"{outputs_prefix(job_id)}cover-{number}.{extension}"
