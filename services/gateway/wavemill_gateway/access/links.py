"""Links: where to follow a job and fetch its results, signed for whoever asks with a key."""

from msgspec import Struct

from wavemill_common.jobs import Job
from wavemill_gateway.access.caller import Caller
from wavemill_gateway.access.tokens import Purpose, Tokens


class Links(Struct, frozen=True, kw_only=True, rename="camel"):
    """Paths of a job, relative to the server."""

    progress_url: str
    events_url: str
    download_url: str


def links_of(job: Job, tokens: Tokens, caller: Caller) -> Links:
    """Make a job's links: who can send no header, as EventSource and `<a href>`, has the token."""
    query = f"jobId={job.job_id}"
    return Links(
        progress_url=f"/api/progress?{query}",
        events_url=f"/api/events?{query}{_token(job, tokens, caller, Purpose.EVENTS)}",
        download_url=f"/api/download?{query}{_token(job, tokens, caller, Purpose.DOWNLOAD)}",
    )


def _token(job: Job, tokens: Tokens, caller: Caller, purpose: Purpose) -> str:
    if caller.key_id is None:
        return ""
    return f"&token={tokens.sign(purpose, job.job_id, caller.key_id)}"
