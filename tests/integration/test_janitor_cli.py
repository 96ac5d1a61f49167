"""The janitor's commands against a real Valkey, SQLite and disk: what they tell and change.

Most run in this process, which is quicker; those that are about processes run the real command.
"""

import asyncio
import io
import json
import os
import pty
import subprocess
import sys
import time
from collections.abc import AsyncIterator, Iterator, Mapping, Sequence
from contextlib import AsyncExitStack, redirect_stderr, redirect_stdout, suppress
from pathlib import Path
from typing import Any

import pytest
import structlog
from msgspec import structs

from support.ports import free_port
from support.redis import TestRedis, raw_client
from wavemill_common.api_keys import id_of
from wavemill_common.catalogue import FORMATS
from wavemill_common.errors import Poison, UploadNotFound
from wavemill_common.jobs import Job, JobError, JobStatus, Lane, Output, Webhook
from wavemill_common.objects.disk import DiskObjectStore
from wavemill_common.queue import scripts
from wavemill_common.queue.consumer import Consumer
from wavemill_common.queue.converters import ConverterRegistry, ConverterStatus
from wavemill_common.queue.jobs import JobQueue
from wavemill_common.records.sqlite import SqliteJobStore
from wavemill_common.uploads import Upload, UploadState
from wavemill_janitor.cli import main

HOUR = 3600.0
FAILED = JobError(code="ffmpeg_failed", message="it broke")
RESULT = b"a result"


class Answer:
    """What a command printed, and how it ended."""

    def __init__(self, code: int, out: str, err: str) -> None:
        self.code, self.out, self.err = code, out, err
        assert "Traceback" not in out + err

    @property
    def json(self) -> Any:
        return json.loads(self.out)

    @property
    def outcomes(self) -> dict[str, str]:
        return {item["id"]: item["outcome"] for item in self.json["items"]}


class Site:
    """A data directory and a Redis, with what is in them."""

    def __init__(
        self, folder: Path, url: str, raw: Any, store: SqliteJobStore, objects: DiskObjectStore
    ) -> None:
        self.folder, self.url, self.raw, self.jobs, self.objects = folder, url, raw, store, objects
        self.queue = JobQueue(raw)
        self.now = time.time()

    async def janitor(self, *words: str, **variables: str) -> Answer:
        """Run a command within this process, in a thread and a loop of its own."""
        environ = {"DATA_DIR": str(self.folder), "REDIS_URL": self.url} | variables
        return await asyncio.to_thread(run_here, words, environ)

    async def command(self, *words: str) -> Answer:
        """Run the installed command, as an operator does."""
        environ = {**os.environ, "DATA_DIR": str(self.folder), "REDIS_URL": self.url}
        command = [str(Path(sys.executable).parent / "wavemill-janitor"), *words]
        done = await asyncio.to_thread(
            subprocess.run, command, env=environ, capture_output=True, text=True, timeout=60
        )
        return Answer(done.returncode, done.stdout, done.stderr)

    async def job(self, job_id: str, *, upload: bool = True, **fields: Any) -> Job:
        """Store a job, and the upload that it needs."""
        if upload:
            await self.upload(f"file-{job_id}")
        job = Job(
            job_id=job_id,
            file_id=f"file-{job_id}",
            file_name="Lied.wav",
            input_key=f"uploads/file-{job_id}.wav",
            format="mp3",
            quality="high",
            created_at=self.now - 60,
            updated_at=self.now,
            expires_at=self.now + 24 * HOUR,
            due_at=self.now + 10,
        )
        return await self.jobs.put_job(structs.replace(job, **fields))

    async def upload(self, file_id: str, **fields: Any) -> Upload:
        """Store a complete upload."""
        upload = Upload(
            file_id=file_id,
            file_name="Lied.wav",
            size=5,
            chunk_size=8,
            storage_key=f"uploads/{file_id}.wav",
            created_at=self.now - 60,
            expires_at=self.now + HOUR,
            state=UploadState.COMPLETE,
        )
        upload = structs.replace(upload, **fields)
        await self.jobs.put_upload(upload)
        return upload

    async def store(self, key: str, data: bytes = RESULT, *, age: float = 2 * HOUR) -> str:
        """Store an object that is so many seconds old."""
        await self.objects.put(key, once(data))
        os.utime(self.folder / "objects" / key, (self.now - age, self.now - age))
        return key

    async def keys(self) -> set[str]:
        """The keys of all objects."""
        return {one.key async for one in self.objects.scan("")}

    async def everything(self) -> Any:
        """All that is stored anywhere, to be compared."""
        records = (
            sorted([one async for one in self.jobs.all_jobs()], key=lambda one: one.job_id),
            sorted([one async for one in self.jobs.all_uploads()], key=lambda one: one.file_id),
        )
        redis = {key: await self.raw.dump(key) for key in sorted(await self.raw.keys())}
        return records, await self.keys(), redis


def run_here(words: Sequence[str], environ: Mapping[str, str]) -> Answer:
    out, err = io.StringIO(), io.StringIO()
    with pytest.MonkeyPatch.context() as patch, redirect_stdout(out), redirect_stderr(err):
        for name, value in environ.items():
            patch.setenv(name, value)
        with pytest.raises(SystemExit) as end:
            main(list(words))
    assert isinstance(end.value.code, int)
    return Answer(end.value.code, out.getvalue(), err.getvalue())


def on_terminal(command: Sequence[str], environ: Mapping[str, str]) -> str:
    """Run a command on a terminal of its own; all that it wrote there."""
    mine, its = pty.openpty()
    with subprocess.Popen(command, env=environ, stdout=its, stderr=its, stdin=its) as process:
        os.close(its)
        written = b""
        with suppress(OSError):  # the terminal is gone once nobody has it open
            while block := os.read(mine, 65536):
                written += block
        os.close(mine)
        assert process.wait(30) == 0, written
    return written.decode()


async def once(data: bytes) -> AsyncIterator[bytes]:
    yield data


@pytest.fixture
async def site(tmp_path: Path, redis_server: TestRedis) -> AsyncIterator[Site]:
    folder = tmp_path / "data"
    async with AsyncExitStack() as stack:
        raw = await stack.enter_async_context(raw_client(redis_server.url))
        store = await stack.enter_async_context(SqliteJobStore.open(folder / "records.sqlite3"))
        yield Site(folder, redis_server.url, raw, store, DiskObjectStore(folder / "objects"))


@pytest.fixture(autouse=True)
def _own_logging() -> Iterator[None]:
    yield
    structlog.reset_defaults()


async def failed_job(site: Site, job_id: str = "lost", **fields: Any) -> Job:
    defaults: dict[str, Any] = {
        "status": JobStatus.FAILED,
        "attempt": 2,
        "error": FAILED,
        "due_at": None,
    }
    return await site.job(job_id, **(defaults | fields))


def an_output(job_id: str) -> Output:
    return Output(
        key=f"conversions/{job_id}/1-0-abcdef12.mp3",
        format="mp3",
        file_name="Lied.mp3",
        mime="audio/mpeg",
        size=len(RESULT),
        sha256="a" * 64,
    )


# --- lists ---


async def test_jobs_are_listed_the_newest_first_and_as_filtered(site: Site) -> None:
    await site.job("young", created_at=site.now - 10)
    await site.job("old", created_at=site.now - 5000, format="wav")
    await failed_job(site, "broken", created_at=site.now - 100, owner="me")

    async def listed(*words: str) -> list[str]:
        answer = await site.janitor("jobs", "list", "--json", *words)
        assert answer.code == 0, answer.err
        return [row["jobId"] for row in answer.json["jobs"]]

    assert await listed() == ["young", "broken", "old"]
    assert await listed("--status", "created") == ["young", "old"]
    assert await listed("--status", "created,failed", "--owner", "me") == ["broken"]
    assert await listed("--format", "wav", "--format", "flac") == ["old"]
    assert await listed("--older-than", "90s", "--newer-than", "1h") == ["broken"]
    limited = (await site.janitor("jobs", "list", "--limit", "2", "--json")).json
    assert (limited["count"], limited["truncated"]) == (2, True)


async def test_a_list_without_a_terminal_is_plain_aligned_text(site: Site) -> None:
    await failed_job(site, file_name="evil\x1b[2J.wav")
    answer = await site.janitor("jobs", "list")
    head, row, last = answer.out.splitlines()
    assert head.split() == ["JOB", "ID", "STATUS", "AGE", "FORMAT", "ATTEMPT", "ERROR", "FILE"]
    assert row.split()[:2] == ["lost", "failed"]
    assert last == "1 jobs"
    assert "\x1b" not in answer.out


async def test_a_job_is_shown_whole_but_for_its_secrets(site: Site) -> None:
    hook = Webhook(url="https://user:word@example.org/hook?token=secret")
    job = await site.job("one", webhook=hook)
    await site.queue.prepare()
    await site.queue.enqueue("one", job.lane)

    answer = await site.janitor("jobs", "show", "one", "--json")

    assert answer.code == 0
    shown = answer.json
    assert shown["job"]["jobId"] == "one"
    assert shown["job"]["webhook"]["url"] == "https://example.org/hook?\u2026"
    assert shown["upload"]["fileId"] == "file-one"
    assert shown["queue"] == {"queued": True, "position": 1}
    text = (await site.janitor("jobs", "show", "one")).out
    assert "secret" not in text + answer.out
    assert "word" not in text + answer.out


async def test_an_unknown_job_is_a_failure_in_words_and_in_json(site: Site) -> None:
    answer = await site.janitor("jobs", "show", "nobody", "--json")
    assert answer.code == 1
    assert answer.json == {"error": {"code": "failed", "message": "there is no job nobody"}}
    assert "there is no job nobody" in answer.err


async def test_uploads_are_listed_with_what_has_arrived(site: Site) -> None:
    await site.upload("whole")
    half = await site.upload("half", state=UploadState.OPEN, size=20, created_at=site.now - 5000)
    for index in (0, 2):
        await site.jobs.add_chunk(half, index, "a" * 64)
    rows = (await site.janitor("uploads", "list", "--json")).json["uploads"]
    assert [(row["fileId"], row["received"], row["totalChunks"]) for row in rows] == [
        ("whole", "", 1),
        ("half", "0,2", 3),
    ]
    rows = (await site.janitor("uploads", "list", "--state", "open", "--json")).json["uploads"]
    assert [row["fileId"] for row in rows] == ["half"]
    assert "half" in (await site.janitor("uploads", "list", "--older-than", "1h")).out


# --- dry runs ---


async def test_nothing_that_changes_things_does_so_without_apply(site: Site) -> None:
    await site.queue.prepare()
    await site.job("waiting")
    await failed_job(site, webhook=Webhook(url="https://example.org/"))
    output = an_output("done")
    await site.job("done", status=JobStatus.COMPLETED, due_at=None, outputs=(output,))
    await site.upload("open", state=UploadState.OPEN)
    await site.store(output.key)
    await site.store("conversions/nobody/1-0-abcdef12.mp3")
    await site.queue.bury("lost", "poison", 2)
    before = await site.everything()

    for words, planned, code in (
        ("jobs requeue lost waiting", 2, 0),
        ("jobs requeue --status failed,created", 2, 0),
        ("jobs cancel --status created", 1, 0),
        ("jobs expire done", 1, 0),
        ("uploads abort --state open", 1, 0),
        ("queue replay --all", 1, 0),
        ("webhooks redeliver --failed", 1, 0),
        ("storage orphans --delete", 1, 3),
    ):
        answer = await site.janitor(*words.split(), "--json")
        assert answer.code == code, (words, answer.err)
        assert answer.json["applied"] is False
        assert answer.json["counts"]["planned"] == planned, (words, answer.json)
    text = await site.janitor("jobs", "cancel", "--status", "created")
    assert "This was a dry run: nothing was changed. Add --apply to do it." in text.out
    assert "waiting" in text.out

    assert await site.everything() == before


# --- jobs: changes ---


async def test_a_live_job_that_the_queue_has_lost_is_queued_again_once(site: Site) -> None:
    await site.queue.prepare()
    await site.job("forgotten")
    answer = await site.janitor("jobs", "requeue", "forgotten", "--apply", "--json")
    assert (answer.code, answer.outcomes) == (0, {"forgotten": "done"})
    assert await site.queue.queued(["forgotten"]) == {"forgotten"}
    again = await site.janitor("jobs", "requeue", "forgotten", "--apply", "--json")
    assert (again.code, again.outcomes) == (0, {"forgotten": "skipped"})


async def test_a_failed_job_runs_again_and_keeps_its_upload(site: Site) -> None:
    await site.queue.prepare()
    await failed_job(site)
    await site.queue.bury("lost", "poison", 2)

    answer = await site.janitor("jobs", "requeue", "--status", "failed", "--apply", "--json")

    assert (answer.code, answer.outcomes) == (0, {"lost": "done"})
    job = await site.jobs.job("lost")
    assert (job.status, job.attempt, job.error) == (JobStatus.CREATED, 3, None)
    assert await site.queue.queued(["lost"]) == {"lost"}
    assert await site.queue.dead(10) == []
    upload = await site.jobs.upload("file-lost")
    assert upload.job_ids == ("lost",)
    assert upload.expires_at > job.expires_at


async def test_of_several_jobs_each_is_told_and_those_that_can_are_run_again(site: Site) -> None:
    await site.queue.prepare()
    await failed_job(site, "fine")
    await failed_job(site, "bereft", upload=False)
    await site.job("done", status=JobStatus.COMPLETED, due_at=None)
    await site.job("busy", status=JobStatus.PROCESSING, due_at=site.now + HOUR)
    await site.job("resting", not_before=site.now + HOUR)

    names = ("fine", "bereft", "done", "busy", "resting", "nobody")
    answer = await site.janitor("jobs", "requeue", *names, "--apply", "--json")

    assert answer.code == 1
    assert answer.outcomes == {
        "fine": "done",
        "bereft": "failed",
        "done": "skipped",
        "busy": "skipped",
        "resting": "skipped",
        "nobody": "failed",
    }
    assert answer.json["counts"] == {"planned": 0, "done": 1, "skipped": 3, "failed": 2}
    reasons = {item["id"]: item["reason"] for item in answer.json["items"]}
    assert "uploaded again" in reasons["bereft"]
    assert reasons["nobody"] == "there is no such job"


async def test_a_cancelled_job_leaves_the_queue_and_shows_its_end(site: Site) -> None:
    await site.queue.prepare()
    job = await site.job("waiting")
    await site.queue.enqueue("waiting", job.lane)
    answer = await site.janitor("jobs", "cancel", "waiting", "--apply", "--json")
    assert (answer.code, answer.outcomes) == (0, {"waiting": "done"})
    assert (await site.jobs.job("waiting")).status is JobStatus.CANCELLED
    assert await site.queue.queued(["waiting"]) == set()
    shown = json.loads(await site.raw.get("progress:waiting"))
    assert (shown["status"], shown["progress"]) == ("cancelled", -1)


async def test_a_limit_bounds_what_a_filter_changes(site: Site) -> None:
    for number in range(4):
        await site.job(f"job-{number}")
    words = ("jobs", "cancel", "--status", "created", "--limit", "3", "--apply", "--json")
    assert (await site.janitor(*words)).json["counts"]["done"] == 3
    assert len([one async for one in site.jobs.live_jobs()]) == 1


async def test_an_expired_job_has_no_files_and_answers_that_it_is_gone(site: Site) -> None:
    output = an_output("done")
    await site.job("done", status=JobStatus.COMPLETED, due_at=None, outputs=(output,))
    await site.store(output.key)
    await site.job("running", status=JobStatus.PROCESSING)
    answer = await site.janitor("jobs", "expire", "done", "running", "--apply", "--json")
    assert (answer.code, answer.outcomes) == (0, {"done": "done", "running": "done"})
    assert (await site.jobs.job("done")).tombstone
    assert await site.keys() == set()
    ended = await site.jobs.job("running")
    assert ended.error is not None
    assert (ended.status, ended.error.code) == (JobStatus.FAILED, "expired")


async def test_cancelling_works_while_redis_is_down_and_says_so(site: Site) -> None:
    await site.job("waiting")
    nowhere = f"redis://127.0.0.1:{free_port()}/0"
    answer = await site.janitor("jobs", "cancel", "waiting", "--apply", REDIS_URL=nowhere)
    assert answer.code == 0, answer.err
    assert "redis not told" in answer.err
    assert (await site.jobs.job("waiting")).status is JobStatus.CANCELLED


async def test_an_outage_half_way_is_told_for_each_item_and_ends_with_4(site: Site) -> None:
    await site.queue.prepare()
    for name in ("one", "two"):
        await site.job(name)
    await site.raw.config_set("maxmemory", 1)  # whatever would write is refused
    try:
        words = ("jobs", "requeue", "one", "two", "nobody", "--apply", "--json")
        answer = await site.janitor(*words)
    finally:
        await site.raw.config_set("maxmemory", 0)
    assert answer.code == 4
    assert answer.outcomes == {"one": "failed", "two": "failed", "nobody": "failed"}
    reasons = [item["reason"] for item in answer.json["items"]]
    assert "Redis is down" in reasons[0]
    assert reasons[1:] == ["not tried: a dependency is down", "there is no such job"]


# --- uploads ---


async def test_an_aborted_upload_is_gone_with_all_its_bytes(site: Site) -> None:
    upload = await site.upload("half", state=UploadState.OPEN, size=20)
    await site.jobs.add_chunk(upload, 0, "a" * 64)
    await site.store(upload.chunk_key(0))
    answer = await site.janitor("uploads", "abort", "half", "--apply", "--json")
    assert (answer.code, answer.outcomes) == (0, {"half": "done"})
    assert await site.keys() == set()
    with pytest.raises(UploadNotFound):
        await site.jobs.upload("half")


async def test_an_upload_that_a_live_job_needs_stays(site: Site) -> None:
    await site.job("waiting", upload=False)
    await site.upload("file-waiting", job_ids=("waiting",))
    before = await site.everything()
    words = ("uploads", "abort", "file-waiting", "nobody", "--apply", "--json")
    answer = await site.janitor(*words)
    assert (answer.code, answer.outcomes) == (1, {"file-waiting": "failed", "nobody": "failed"})
    assert "waiting; cancel" in answer.json["items"][0]["reason"]
    assert await site.everything() == before


# --- queue ---


async def test_the_queue_is_told_lane_by_lane_with_who_holds_what(site: Site) -> None:
    await site.queue.prepare()
    for job_id in ("first", "second"):
        await site.queue.enqueue(job_id, Lane.STANDARD)
    await site.queue.enqueue("quick", Lane.INTERACTIVE)
    await site.queue.delay("later", Lane.BULK, 60)
    await site.queue.set_epoch(await site.queue.life())
    consumer = Consumer(site.raw, site.queue, "host-1-me")
    (lease,) = await consumer.claim(1)
    status = ConverterStatus(
        name="host-1-me", ffmpeg_version="7.1", formats=("mp3",), slots=2, running=1
    )
    await ConverterRegistry(site.raw).announce(status)

    stats = await site.janitor("queue", "stats", "--json")
    told = stats.json["queue"]
    assert {one["lane"]: (one["waiting"], one["pending"]) for one in told["lanes"]} == {
        "interactive": (0, 1),
        "standard": (2, 0),
        "bulk": (0, 0),
    }
    assert (told["delayed"], told["dead"]) == (1, 0)
    assert told["epoch"] == await site.queue.life()
    assert [(one["name"], one["pending"]) for one in told["consumers"]] == [("host-1-me", 1)]
    assert [one["name"] for one in stats.json["converters"]] == ["host-1-me"]

    peek = (await site.janitor("queue", "peek", "--limit", "1", "--json")).json["entries"]
    assert [(one["jobId"], one["consumer"], one["deliveries"]) for one in peek] == [
        (lease.job_id, "host-1-me", 1),
        ("first", None, 0),
    ]
    assert peek[0]["idle"] >= 0
    for words in (("queue", "stats"), ("queue", "peek")):
        answer = await site.janitor(*words)
        assert answer.code == 0
        assert "host-1-me" in answer.out


async def test_an_empty_redis_is_no_error_to_look_at(site: Site) -> None:
    stats = (await site.janitor("queue", "stats", "--json")).json["queue"]
    assert stats["epoch"] is None
    assert not any(lane["hasGroup"] for lane in stats["lanes"])
    assert (await site.janitor("queue", "peek", "--json")).json == {"entries": [], "count": 0}
    assert (await site.raw.keys()) == []


async def test_dead_letters_are_findings_and_can_be_replayed(site: Site) -> None:
    assert (await site.janitor("queue", "dead", "--json")).code == 0
    await site.queue.prepare()
    poison = JobError.of(Poison("it crashes"))
    await failed_job(site, "poisoned", error=poison)
    await failed_job(site, "other", error=poison)
    await site.queue.bury("poisoned", "poison", 3)
    await site.queue.bury("other", "ffmpeg_failed", 1)
    await site.queue.bury("gone", "poison", 1)

    dead = await site.janitor("queue", "dead", "--json")
    assert dead.code == 3
    letters = {one["jobId"]: (one["code"], one["attempt"]) for one in dead.json["dead"]}
    assert letters["poisoned"] == ("poison", 3)
    assert len(letters) == 3

    words = ("queue", "replay", "--code", "poison", "--apply", "--json")
    replayed = await site.janitor(*words)
    assert (replayed.code, replayed.outcomes) == (0, {"poisoned": "done", "gone": "done"})
    assert (await site.jobs.job("poisoned")).status is JobStatus.CREATED
    assert [one.job_id for one in await site.queue.dead(10)] == ["other"]
    assert (await site.janitor("queue", "replay", "nobody", "--json")).code == 1


async def test_a_lost_live_job_that_is_replayed_loses_its_letter_too(site: Site) -> None:
    await site.queue.prepare()
    await site.job("forgotten")
    await site.queue.bury("forgotten", "poison", 1)
    answer = await site.janitor("queue", "replay", "--all", "--apply", "--json")
    assert (answer.code, answer.outcomes) == (0, {"forgotten": "done"})
    assert await site.queue.queued(["forgotten"]) == {"forgotten"}
    assert await site.queue.dead(1) == []


async def test_a_job_buried_twice_has_one_letter_and_the_oldest_fall_off(
    site: Site, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("wavemill_common.queue.jobs.DEAD_LIMIT", 3)
    for number in range(5):
        await site.queue.bury(f"job-{number}", "poison", number)
    await site.queue.bury("job-3", "poison", 7)
    letters = await site.queue.dead(10)
    assert [(one.job_id, one.attempt) for one in letters] == [
        ("job-3", 7),
        ("job-4", 4),
        ("job-2", 2),
    ]
    assert await site.raw.hlen(scripts.DEAD_DETAILS) == 3
    assert await site.queue.undead("job-3")
    assert not await site.queue.undead("job-3")


# --- storage ---


async def test_only_old_objects_that_no_record_names_are_orphans(site: Site) -> None:
    output = an_output("done")
    await site.job("done", status=JobStatus.COMPLETED, due_at=None, outputs=(output,))
    await site.job("running", upload=False, status=JobStatus.PROCESSING, attempt=2)
    opened = await site.upload("open", state=UploadState.OPEN)
    whole = await site.upload("whole")
    for key in (
        output.key,
        opened.chunk_key(0),
        opened.storage_key,  # composed, but not yet recorded as complete
        whole.storage_key,
        "conversions/running/2-0-abcdef12.mp3",
        "uploads/file-running.wav",  # its upload's record is gone, but a live job reads it
        "uploads/chunks/file-running/part-0",  # and this may be a piece of it
    ):
        await site.store(key)
    await site.store("uploads/young.wav", age=60)
    orphans = {
        await site.store("uploads/nobody.wav"),
        await site.store("uploads/chunks/nobody/part-3"),
        await site.store(whole.chunk_key(0)),
        await site.store("conversions/done/9-0-abcdef12.mp3"),
        await site.store("conversions/running/1-0-abcdef12.mp3"),
        await site.store("conversions/nobody/1-0-abcdef12.mp3"),
    }
    foreign = await site.store("uploads/notes/readme.txt")

    found = await site.janitor("storage", "orphans", "--json")
    assert found.code == 3
    assert {one["key"] for one in found.json["orphans"]} == orphans | {foreign}
    assert found.json["bytes"] == 7 * len(RESULT)
    assert "uploads/nobody.wav" in (await site.janitor("storage", "orphans")).out

    before = await site.keys()
    deleted = await site.janitor("storage", "orphans", "--delete", "--apply", "--json")
    assert deleted.code == 0, deleted.err
    assert deleted.json["counts"] == {"planned": 0, "done": 6, "skipped": 1, "failed": 0}
    assert await site.keys() == before - orphans


async def test_a_multipart_upload_that_nobody_finished_is_an_orphan_after_a_day(
    site: Site,
) -> None:
    young = await site.objects.start_multipart("uploads/young.wav")
    old = await site.objects.start_multipart("uploads/old.wav")
    about = site.folder / "objects" / ".multipart" / old / "upload.json"
    os.utime(about, (site.now - 90_000, site.now - 90_000))
    found = (await site.janitor("storage", "orphans", "--json")).json["orphans"]
    assert [(one["key"], one["kind"]) for one in found] == [("uploads/old.wav", "multipart")]
    await site.janitor("storage", "orphans", "--delete", "--apply")
    left = [one.upload_id async for one in site.objects.scan_multiparts("")]
    assert left == [young]


async def test_usage_is_told_by_prefix_and_state(site: Site) -> None:
    output = an_output("done")
    await site.job("done", status=JobStatus.COMPLETED, due_at=None, outputs=(output,))
    await site.store(output.key, b"12345")
    await site.store("uploads/file-done.wav", b"123")
    await site.store("uploads/chunks/nobody/part-0", b"1")
    answer = await site.janitor("storage", "usage", "--json")
    assert answer.code == 0
    rows = {(one["prefix"], one["state"]): one for one in answer.json["usage"]}
    assert {place: (row["objects"], row["bytes"]) for place, row in rows.items()} == {
        ("conversions/", "completed"): (1, 5),
        ("uploads/", "complete"): (1, 3),
        ("uploads/chunks/", "nobody"): (1, 1),
    }
    assert (answer.json["objects"], answer.json["bytes"]) == (3, 9)
    assert "3 objects, 9 B" in (await site.janitor("storage", "usage")).out


# --- webhooks ---


async def test_given_up_webhooks_are_called_again_as_if_for_the_first_time(site: Site) -> None:
    hook = Webhook(url="https://example.org/?token=secret", attempts=9, last_error="it said 500")
    await failed_job(site, "given-up", webhook=hook)
    await failed_job(site, "pending", webhook=hook, due_at=site.now + 100)
    told = structs.replace(hook, delivered_at=site.now)
    await failed_job(site, "told", webhook=told)
    await failed_job(site, "silent")

    plan = await site.janitor("webhooks", "redeliver", "--undelivered", "--json")
    assert set(plan.outcomes) == {"given-up", "pending"}
    assert "secret" not in plan.out
    answer = await site.janitor("webhooks", "redeliver", "--failed", "--apply", "--json")
    assert (answer.code, answer.outcomes) == (0, {"given-up": "done"})
    job = await site.jobs.job("given-up")
    assert job.webhook is not None
    assert job.webhook.attempts == 0
    assert job.due_at is not None
    assert job.due_at <= time.time()
    words = ("webhooks", "redeliver", "told", "silent", "--apply", "--json")
    named = await site.janitor(*words)
    assert named.outcomes == {"told": "done", "silent": "skipped"}


# --- doctor and sweep ---


async def healthy(site: Site) -> None:
    await site.queue.prepare()
    await site.queue.set_epoch(await site.queue.life())
    status = ConverterStatus(
        name="me", ffmpeg_version="7.1", formats=tuple(FORMATS), slots=2, running=0
    )
    await ConverterRegistry(site.raw).announce(status)


async def test_doctor_is_content_with_a_healthy_site_and_leaves_nothing(site: Site) -> None:
    await healthy(site)
    answer = await site.janitor("doctor", "--json")
    assert answer.code == 0, answer.out
    assert answer.json["healthy"] is True
    assert {check["level"] for check in answer.json["checks"]} == {"ok"}
    assert await site.keys() == set()
    text = await site.janitor("doctor")
    assert text.out.splitlines()[-1] == "All is well."
    assert "\u2713" in text.out


async def test_doctor_finds_what_is_wrong_and_says_what_to_do(site: Site) -> None:
    await site.raw.set("stray", "1")
    await site.job("stuck", due_at=site.now - HOUR, created_at=site.now - HOUR)
    await failed_job(site, webhook=Webhook(url="https://example.org/"))
    await site.queue.bury("lost", "poison", 1)
    await site.store("conversions/nobody/1-0-abcdef12.mp3")
    answer = await site.janitor("doctor", "--json")
    assert answer.code == 3
    found = {one["name"]: one for one in answer.json["checks"] if one["level"] == "finding"}
    assert set(found) == {
        "redis keys",
        "queue groups",
        "queue epoch",
        "dead letters",
        "converters",
        "stuck jobs",
        "oldest waiting job",
        "webhooks",
        "orphans",
    }
    assert all(one["advice"] for one in found.values())
    assert "'stray'" in found["redis keys"]["message"]


async def test_doctor_names_a_redis_that_is_down_and_still_looks_at_the_rest(site: Site) -> None:
    url = f"redis://:hidden@127.0.0.1:{free_port()}/0"
    answer = await site.janitor("doctor", "--json", REDIS_URL=url)
    assert answer.code == 4
    checks = {one["name"]: one for one in answer.json["checks"]}
    assert checks["redis"]["level"] == "down"
    assert "wavemill up" in checks["redis"]["advice"]
    assert checks["job store"]["level"] == "ok"
    assert "hidden" not in answer.out + answer.err


async def test_a_redis_that_hangs_is_down_too(site: Site, own_redis: TestRedis) -> None:
    own_redis.pause()
    try:
        answer = await site.janitor("queue", "stats", REDIS_URL=own_redis.url)
    finally:
        own_redis.resume()
    assert answer.code == 4
    assert "Redis is down" in answer.err


async def test_a_sweep_tells_what_it_did(site: Site) -> None:
    await site.job("forgotten", due_at=site.now - 60)
    answer = await site.janitor("sweep", "--json")
    assert answer.code == 0
    assert answer.json["rebuild_queue"] == 1
    assert await site.queue.queued(["forgotten"]) == {"forgotten"}


# --- how commands end ---


async def test_the_real_command_ends_with_each_exit_code(site: Site) -> None:
    await site.queue.bury("lost", "poison", 1)
    assert (await site.command("jobs", "list")).code == 0
    assert (await site.command("jobs", "show", "nobody")).code == 1
    assert (await site.command("jobs", "list", "--status", "dead")).code == 2
    assert (await site.command("queue", "dead", "--json")).code == 3
    (site.folder / "records.sqlite3").rename(site.folder / "elsewhere")
    down = await site.command("jobs", "list", "--json")
    assert down.code == 4
    assert down.json["error"]["code"] == "dependency_down"


@pytest.mark.parametrize(
    "words",
    [
        "",
        "jobs",
        "jobs fly",
        "jobs list --status dead",
        "jobs list --older-than 5x",
        "jobs list --limit 0",
        "jobs list --app",
        "jobs cancel",
        "jobs cancel --apply",
        "jobs cancel one --status created",
        "uploads abort --apply",
        "queue replay",
        "webhooks redeliver",
        "webhooks redeliver one --failed",
    ],
)
async def test_a_command_line_that_makes_no_sense_is_refused(site: Site, words: str) -> None:
    answer = await site.janitor(*words.split())
    assert answer.code == 2
    assert answer.out == ""
    assert answer.err


async def test_a_terminal_gets_drawn_tables_whole_ids_and_progress(site: Site) -> None:
    job_id = "k" * 32
    await failed_job(site, job_id, file_name="a [bold]name[/bold] \x1b[2J.wav")
    environ = {**os.environ, "DATA_DIR": str(site.folder), "COLUMNS": "60", "TERM": "xterm"}
    command = [sys.executable, "-m", "wavemill_janitor", "jobs", "list"]
    shown = await asyncio.to_thread(on_terminal, command, environ)
    assert job_id in shown
    assert "\u2500" in shown
    assert "looking at jobs" in shown
    assert "\x1b[2J" not in shown


async def test_a_bad_setting_is_usage_and_named(site: Site) -> None:
    answer = await site.janitor("jobs", "list", PORT="x")
    assert answer.code == 2
    assert "PORT='x': must be a whole number" in answer.err
    assert (await site.janitor("doctor", PORT="x")).code == 2


@pytest.mark.parametrize(
    "words", ["queue stats", "queue dead", "queue peek", "queue replay --all", "sweep"]
)
async def test_what_needs_redis_says_that_it_is_down_and_what_to_do(site: Site, words: str) -> None:
    answer = await site.janitor(*words.split(), REDIS_URL=f"redis://127.0.0.1:{free_port()}/0")
    assert answer.code == 4
    assert "Redis is down" in answer.err
    assert "REDIS_URL" in answer.err


async def test_lists_work_while_redis_is_down(site: Site) -> None:
    await site.job("one")
    nowhere = f"redis://127.0.0.1:{free_port()}/0"
    for words in ("jobs list", "jobs show one", "uploads list", "storage usage"):
        assert (await site.janitor(*words.split(), REDIS_URL=nowhere)).code == 0


async def test_a_mistyped_data_directory_is_not_made(site: Site, tmp_path: Path) -> None:
    wrong = tmp_path / "wrong"
    for words in ("jobs list", "storage usage", "sweep", "doctor", "jobs cancel one"):
        answer = await site.janitor(*words.split(), DATA_DIR=str(wrong))
        assert answer.code == 4
        assert "DATA_DIR" in answer.err + answer.out
    assert not wrong.exists()


async def test_a_damaged_job_store_is_down_and_named(site: Site, tmp_path: Path) -> None:
    damaged = tmp_path / "damaged"
    damaged.mkdir()
    (damaged / "records.sqlite3").write_bytes(b"no database at all, but some text" * 100)
    answer = await site.janitor("jobs", "list", "--json", DATA_DIR=str(damaged))
    assert answer.code == 4
    assert "is not a database" in answer.json["error"]["message"]


async def test_redis_is_found_beside_the_data_where_wavemill_runs_its_own(site: Site) -> None:
    (site.folder / "redis.url").write_text(site.url)
    assert (await site.janitor("queue", "stats", REDIS_URL="")).code == 0
    (site.folder / "redis.url").unlink()
    answer = await site.janitor("queue", "stats", REDIS_URL="")
    assert answer.code == 4
    assert "wavemill up" in answer.err


async def test_a_reader_that_has_seen_enough_is_no_failure(site: Site) -> None:
    await site.job("one")
    environ = {**os.environ, "DATA_DIR": str(site.folder), "REDIS_URL": site.url}
    command = f"{sys.executable} -m wavemill_janitor jobs list --json | true; echo $PIPESTATUS"
    done = await asyncio.to_thread(
        subprocess.run, ["bash", "-c", command], env=environ, capture_output=True, text=True
    )
    assert done.stdout.strip() == "0"
    assert done.stderr == ""


async def test_a_failure_that_nobody_foresaw_shows_no_traceback(
    site: Site, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    async def broken(*_: object) -> int:
        raise RuntimeError("a mistake of ours")

    monkeypatch.setattr("wavemill_janitor.cli.parser.jobs.list_jobs", broken)
    monkeypatch.setenv("DATA_DIR", str(site.folder))

    def run() -> object:
        with pytest.raises(SystemExit) as end:
            main(["jobs", "list"])
        return end.value.code

    assert await asyncio.to_thread(run) == 1
    shown = capsys.readouterr().err
    assert shown == "wavemill-janitor: unexpected RuntimeError: a mistake of ours\n"


async def test_a_record_that_cannot_be_read_hides_no_others(site: Site) -> None:
    await site.job("one")
    await site.job("two")

    def damage(path: Path) -> None:
        import sqlite3

        with sqlite3.connect(path) as db:
            db.execute("UPDATE jobs SET record = '{' WHERE job_id = 'one'")
        db.close()

    await asyncio.to_thread(damage, site.folder / "records.sqlite3")
    answer = await site.janitor("jobs", "list", "--json")
    assert answer.code == 0
    assert [row["jobId"] for row in answer.json["jobs"]] == ["two"]
    assert "record unreadable (id=one" in answer.err


# --- API keys ---


async def test_a_key_is_told_once_and_kept_as_a_hash(site: Site) -> None:
    made = await site.janitor("keys", "create", "--name", "Léna's script")
    key = made.out.strip()
    assert made.code == 0
    assert "kept nowhere" in made.err
    assert key not in made.err
    stored = await site.jobs.key(id_of(key) or "")
    assert stored is not None
    assert stored.fits(key)
    assert (stored.name, stored.expires_at, stored.rate_limit) == ("Léna's script", None, None)
    assert key.rpartition("_")[2] not in (site.folder / "records.sqlite3").read_bytes().decode(
        errors="ignore"
    )
    listed = await site.janitor("keys", "list", "--json")
    assert key not in listed.out
    assert [row["name"] for row in listed.json["keys"]] == ["Léna's script"]


async def test_a_key_may_have_an_end_and_limits_of_its_own(site: Site) -> None:
    words = ("--expires", "7d", "--rate-limit", "60/minute", "--max-open-uploads", "3")
    made = (await site.janitor("keys", "create", "--name", "guest", *words, "--json")).json
    assert set(made) == {"keyId", "name", "key", "expiresAt"}
    stored = await site.jobs.key(made["keyId"])
    assert stored is not None
    assert stored.expires_at == pytest.approx(time.time() + 7 * 24 * HOUR, abs=60)
    assert (stored.rate_limit, stored.max_open_uploads) == ("60/minute", 3)


async def test_a_revoked_key_stays_in_the_list_and_is_revoked_only_once(site: Site) -> None:
    made = (await site.janitor("keys", "create", "--name", "lost", "--json")).json
    revoked = await site.janitor("keys", "revoke", made["keyId"], "--json")
    assert (revoked.code, revoked.outcomes) == (0, {made["keyId"]: "done"})
    [row] = (await site.janitor("keys", "list", "--json")).json["keys"]
    assert row["state"] == "revoked"
    again = await site.janitor("keys", "revoke", made["keyId"], "--json")
    assert (again.code, again.outcomes) == (0, {made["keyId"]: "skipped"})
    assert (await site.janitor("keys", "list", "--json")).json["keys"] == [row]


async def test_a_key_that_there_is_not_cannot_be_revoked(site: Site) -> None:
    answer = await site.janitor("keys", "revoke", "0123456789ab", "--json")
    assert (answer.code, answer.outcomes) == (1, {"0123456789ab": "failed"})


@pytest.mark.parametrize("name", ["", "  ", "x" * 101, "two\nlines"])
async def test_a_key_needs_a_name_that_a_list_can_show(site: Site, name: str) -> None:
    assert (await site.janitor("keys", "create", "--name", name)).code == 2
    assert (await site.janitor("keys", "list", "--json")).json == {"keys": [], "count": 0}
