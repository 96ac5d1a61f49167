"""Links: where to follow a job and fetch its results, signed where the job belongs to a key."""

from msgspec import Struct

from wavemill_common.jobs import Job
from wavemill_gateway.access.caller import OF_KEY
from wavemill_gateway.access.tokens import Purpose, Tokens


class Links(Struct, frozen=True, kw_only=True, rename="camel"):
    """Paths of a job, relative to the server."""

    progress_url: str
    events_url: str
    download_url: str


def links_of(job: Job, tokens: Tokens) -> Links:
    """Make a job's links: who can send no header, as EventSource and `<a href>`, has the token."""
    query = f"jobId={job.job_id}"
    return Links(
        progress_url=f"/api/progress?{query}",
        events_url=f"/api/events?{query}{_token(job, tokens, Purpose.EVENTS)}",
        download_url=f"/api/download?{query}{_token(job, tokens, Purpose.DOWNLOAD)}",
    )


def _token(job: Job, tokens: Tokens, purpose: Purpose) -> str:
    if not job.owner.startswith(OF_KEY):
        return ""
    return f"&token={tokens.sign(purpose, job.job_id, job.owner.removeprefix(OF_KEY))}"
