"""Webhooks: tell the owner's server of a job's end, at least once, for at most a day.

The record is the outbox: an ended job with a webhook stays due until it is delivered. Whoever
calls claims the call by a conditional write first, so two janitors do not call at once.
"""

import asyncio
import hashlib
import hmac
import random

import aiohttp
import msgspec
import orjson
import structlog

from wavemill_common.addresses import PublicResolver, check_webhook_url
from wavemill_common.errors import InvalidWebhook
from wavemill_common.jobs import Job
from wavemill_common.progress.snapshot import progress_of
from wavemill_janitor.deps import Deps
from wavemill_janitor.metrics import WEBHOOKS

log = structlog.get_logger(__name__)

AT_ONCE = 100
CALL_TIMEOUT = 10.0  # seconds
CALL_LEASE = 30.0  # seconds after which another janitor may call
GIVE_UP_AFTER = 24 * 3600.0  # seconds after the job's end
BASE, CAP = 5.0, 3600.0  # seconds; full jitter under 5, 10, 20 … 3600


async def call_webhooks(deps: Deps) -> int:
    """Call every webhook that is due; return how many were delivered."""
    due = [job async for job in deps.jobs.due_jobs(deps.now(), AT_ONCE)]
    calls = [_call(deps, job) for job in due if job.is_terminal and job.webhook]
    return sum(await asyncio.gather(*calls))


async def _call(deps: Deps, job: Job) -> bool:
    claim = job.call_webhook(deps.now(), CALL_LEASE)
    if not await deps.jobs.apply(claim):
        return False
    claimed = claim.job
    error = await _post(deps, claimed)
    WEBHOOKS.labels("failed" if error else "delivered").inc()
    now = deps.now()
    next_at = None if error is None else next_call(claimed, now)
    await deps.jobs.apply(claimed.webhook_called(error, now, next_at))
    log.info("webhook_called", job=job.job_id, error=error, next_at=next_at)
    return error is None


async def _post(deps: Deps, job: Job) -> str | None:
    """Call once; None where it was taken (2xx), else what went wrong, in words."""
    assert job.webhook is not None  # noqa: S101 - the caller looked
    body = webhook_body(job)
    headers = signed_headers(job, body, str(int(deps.now())), deps.webhook_secret)
    resolver = PublicResolver(allow_private=deps.webhook_private)
    try:
        check_webhook_url(job.webhook.url, allow_private=deps.webhook_private)
        async with (
            aiohttp.ClientSession(connector=aiohttp.TCPConnector(resolver=resolver)) as session,
            session.post(
                job.webhook.url,
                data=body,
                headers=headers,
                allow_redirects=False,
                timeout=aiohttp.ClientTimeout(total=CALL_TIMEOUT),
            ) as response,
        ):
            if response.ok and response.status < 300:  # noqa: PLR2004 - 2xx
                return None
            return f"the server answered {response.status}"
    except InvalidWebhook as refusal:
        return refusal.message
    except TimeoutError:
        return f"no answer in {CALL_TIMEOUT:.0f} s"
    except (aiohttp.ClientError, OSError) as failure:
        return f"{type(failure).__name__}: {failure}"[:200]


def webhook_body(job: Job) -> bytes:
    """The job object, as GET /api/progress tells it: the end, and nothing of how it is stored."""
    return orjson.dumps(msgspec.to_builtins(progress_of(job)))


def signed_headers(job: Job, body: bytes, timestamp: str, secret: bytes) -> dict[str, str]:
    """What says who calls: the signature is HMAC-SHA256 of `timestamp.body`, in hex."""
    signature = hmac.new(secret, timestamp.encode() + b"." + body, hashlib.sha256).hexdigest()
    return {
        "Content-Type": "application/json",
        "User-Agent": "wavemill",
        "Wavemill-Event": f"job.{job.status.value}",
        "Wavemill-Id": f"{job.job_id}:terminal",
        "Wavemill-Timestamp": timestamp,
        "Wavemill-Signature": signature,
    }


def next_call(job: Job, now: float) -> float | None:
    """When to try again; None once a day has passed since the job's end."""
    attempts = job.webhook.attempts if job.webhook else 0
    wait = random.uniform(0, min(CAP, BASE * 2.0 ** min(attempts, 20)))
    ended = job.ended_at or job.updated_at
    return now + wait if now + wait < ended + GIVE_UP_AFTER else None
