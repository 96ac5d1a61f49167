"""Webhooks against a real server: signed, claimed, repeated until taken, never doubled."""

import asyncio
import hashlib
import hmac
import json
from collections.abc import AsyncIterator, Callable
from pathlib import Path
from typing import cast

import pytest
from aiohttp import web

from support.ports import free_port
from wavemill_common.jobs import Job, JobStatus, Webhook
from wavemill_common.objects import ObjectStore
from wavemill_common.progress.store import ProgressStore
from wavemill_common.queue.jobs import JobQueue
from wavemill_common.records.sqlite import SqliteJobStore
from wavemill_janitor.deps import Deps
from wavemill_janitor.webhooks import CALL_LEASE, GIVE_UP_AFTER, call_webhooks

SECRET = b"what only we and the owner know"
NOW = 1_800_000_000.0


class Receiver:
    """The owner's server: keeps what it is sent, answers as told."""

    def __init__(self) -> None:
        self.calls: list[tuple[dict[str, str], bytes]] = []
        self.answers: list[int] = []
        self.hold: asyncio.Event | None = None
        self.port = free_port()

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self.port}/hook"

    async def receive(self, request: web.Request) -> web.Response:
        self.calls.append((dict(request.headers), await request.read()))
        if self.hold is not None:
            await self.hold.wait()
        status = self.answers.pop(0) if self.answers else 204
        return web.Response(status=status, headers={"Location": "/elsewhere"})


@pytest.fixture
async def receiver() -> AsyncIterator[Receiver]:
    one = Receiver()
    app = web.Application()
    app.router.add_post("/{any:.*}", one.receive)
    runner = web.AppRunner(app)
    await runner.setup()
    await web.TCPSite(runner, "127.0.0.1", one.port).start()
    yield one
    await runner.cleanup()


@pytest.fixture
async def jobs(tmp_path: Path) -> AsyncIterator[SqliteJobStore]:
    async with SqliteJobStore.open(tmp_path / "records.sqlite3") as store:
        yield store


@pytest.fixture
def deps(jobs: SqliteJobStore) -> Callable[..., Deps]:
    def make(now: float = NOW, *, private: bool = True) -> Deps:
        return Deps(
            jobs=jobs,
            objects=cast("ObjectStore", None),  # calling webhooks touches neither of these
            queue=cast("JobQueue", None),
            progress=cast("ProgressStore", None),
            job_ttl=3600,
            webhook_secret=SECRET,
            webhook_private=private,
            now=lambda: now,
        )

    return make


async def ended_job(jobs: SqliteJobStore, url: str) -> Job:
    """A job that just ended and has a webhook to call."""
    job = Job(
        job_id="j1",
        file_id="f1",
        file_name="talk.wav",
        input_key="uploads/f1.wav",
        format="mp3",
        quality="standard",
        created_at=NOW,
        updated_at=NOW,
        expires_at=NOW + 3600,
        due_at=NOW + 10,
        webhook=Webhook(url=url),
    )
    cancelled = job.cancel(NOW - 1, 3600).job
    return await jobs.put_job(cancelled)


async def test_the_end_of_a_job_is_told_once_and_signed(
    deps: Callable[..., Deps], jobs: SqliteJobStore, receiver: Receiver
) -> None:
    job = await ended_job(jobs, receiver.url)

    assert await call_webhooks(deps()) == 1
    assert await call_webhooks(deps(NOW + 3600)) == 0

    [(headers, body)] = receiver.calls
    signed = headers["Wavemill-Timestamp"].encode() + b"." + body
    expected = hmac.new(SECRET, signed, hashlib.sha256).hexdigest()
    assert headers["Wavemill-Signature"] == expected
    assert headers["Wavemill-Event"] == "job.cancelled"
    assert headers["Wavemill-Id"] == f"{job.job_id}:terminal"
    assert json.loads(body)["status"] == "cancelled"
    stored = await jobs.job(job.job_id)
    assert stored.webhook == Webhook(url=receiver.url, attempts=1, delivered_at=NOW)
    assert stored.due_at is None


async def test_a_refused_call_is_tried_again_later_and_then_taken(
    deps: Callable[..., Deps], jobs: SqliteJobStore, receiver: Receiver
) -> None:
    await ended_job(jobs, receiver.url)
    receiver.answers = [500, 301]

    assert await call_webhooks(deps()) == 0
    assert (await jobs.job("j1")).webhook == Webhook(
        url=receiver.url, attempts=1, last_error="the server answered 500"
    )
    assert await call_webhooks(deps(NOW + 60)) == 0  # a redirect is no success, nor followed
    assert await call_webhooks(deps(NOW + 600)) == 1
    assert len(receiver.calls) == 3


async def test_two_janitors_at_once_call_once(
    deps: Callable[..., Deps], jobs: SqliteJobStore, receiver: Receiver
) -> None:
    await ended_job(jobs, receiver.url)

    counts = await asyncio.gather(*(call_webhooks(deps()) for _ in range(8)))

    assert sorted(counts) == [0] * 7 + [1]
    assert len(receiver.calls) == 1


async def test_a_call_whose_janitor_died_is_made_by_another_after_the_lease(
    deps: Callable[..., Deps], jobs: SqliteJobStore, receiver: Receiver
) -> None:
    await ended_job(jobs, receiver.url)
    receiver.hold = asyncio.Event()
    dying = asyncio.create_task(call_webhooks(deps()))
    async with asyncio.timeout(5):
        while not receiver.calls:
            await asyncio.sleep(0.01)
    dying.cancel()
    await asyncio.wait([dying])
    receiver.hold.set()

    assert await call_webhooks(deps(NOW + CALL_LEASE - 1)) == 0
    assert await call_webhooks(deps(NOW + CALL_LEASE + 1)) == 1
    ids = {headers["Wavemill-Id"] for headers, _ in receiver.calls}
    assert ids == {"j1:terminal"}


async def test_nobody_is_called_for_longer_than_a_day(
    deps: Callable[..., Deps], jobs: SqliteJobStore, receiver: Receiver
) -> None:
    await ended_job(jobs, receiver.url)
    receiver.answers = [503]

    await call_webhooks(deps(NOW + GIVE_UP_AFTER))

    stored = await jobs.job("j1")
    assert stored.due_at is None
    assert stored.webhook is not None
    assert stored.webhook.last_error == "the server answered 503"


async def test_a_redelivery_calls_again_though_it_was_delivered(
    deps: Callable[..., Deps], jobs: SqliteJobStore, receiver: Receiver
) -> None:
    await ended_job(jobs, receiver.url)
    await call_webhooks(deps())

    assert await jobs.apply((await jobs.job("j1")).redeliver(NOW + 5))
    assert await call_webhooks(deps(NOW + 6)) == 1
    assert len(receiver.calls) == 2


@pytest.mark.parametrize("url", ["http://127.0.0.1:{port}/hook", "http://localhost:{port}/hook"])
async def test_a_private_address_is_never_called_unless_allowed(
    deps: Callable[..., Deps], jobs: SqliteJobStore, receiver: Receiver, url: str
) -> None:
    await ended_job(jobs, url.format(port=receiver.port))

    assert await call_webhooks(deps(private=False)) == 0

    assert receiver.calls == []
    stored = await jobs.job("j1")
    assert stored.webhook is not None
    assert stored.webhook.last_error == "webhookUrl must lead to a public address"
    assert stored.status is JobStatus.CANCELLED
