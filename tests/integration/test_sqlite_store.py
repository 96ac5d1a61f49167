"""What the SQLite adapter promises beyond the shared suite: processes, crashes, shared commits."""

import asyncio
import shutil
import sqlite3
import subprocess
import sys
import threading
from collections.abc import AsyncIterator, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import ExitStack, closing, contextmanager
from pathlib import Path
from typing import Any

import pytest
from faults import mounted, unprivileged
from msgspec import structs

from wavemill_common.errors import (
    Conflict,
    InsufficientStorage,
    JobStoreUnavailable,
    UploadNotFound,
)
from wavemill_common.jobs import Job
from wavemill_common.records import job_rows, schema, upload_rows
from wavemill_common.records.codec import encode
from wavemill_common.records.commits import Committer
from wavemill_common.records.sqlite import SqliteJobStore
from wavemill_common.uploads import Upload

PROCESSES = 8

# Each child opens the store, says so, waits for a line, and then acts.
CHILD = """
import asyncio, os, sys
from pathlib import Path
from wavemill_common.jobs import Job
from wavemill_common.records.sqlite import SqliteJobStore

def a_job(job_id):
    return Job(job_id=job_id, file_id="f", file_name="a.wav", input_key="uploads/f.wav",
               format="mp3", quality="high", created_at=1.0, updated_at=1.0, expires_at=9.0,
               due_at=2.0)

async def put_many(store, worker, count):
    for number in range(count):
        await store.put_job(a_job(f"{os.getpid()}-{worker}-{number}"))
        print(f"{os.getpid()}-{worker}-{number}", flush=True)

async def main():
    async with SqliteJobStore.open(Path(sys.argv[1])) as store:
        print("ready", flush=True)
        sys.stdin.readline()
        %s

asyncio.run(main())
"""
PUT_FIFTY = CHILD % "await asyncio.gather(*(put_many(store, worker, 10) for worker in range(5)))"
PUT_ENDLESSLY = CHILD % "await asyncio.gather(*(put_many(store, n, 10**6) for n in range(4)))"
CLAIM = CHILD % ("print(await store.apply(a_job('job').start(str(os.getpid()), 1.0, 120.0)))")


@pytest.fixture
def path(tmp_path: Path) -> Path:
    return tmp_path / "data" / "records.db"


@pytest.fixture
async def store(path: Path) -> AsyncIterator[SqliteJobStore]:
    async with SqliteJobStore.open(path) as opened:
        yield opened


def a_job(job_id: str) -> Job:
    return Job(
        job_id=job_id,
        file_id="file",
        file_name="a.wav",
        input_key="uploads/file.wav",
        format="mp3",
        quality="high",
        created_at=1.0,
        updated_at=1.0,
        expires_at=9.0,
        due_at=2.0,
    )


async def live(store: SqliteJobStore) -> set[str]:
    return {job.job_id async for job in store.live_jobs()}


def an_upload() -> Upload:
    return Upload(
        file_id="file",
        file_name="a.wav",
        size=20,
        chunk_size=8,
        storage_key="uploads/file.wav",
        created_at=1.0,
        expires_at=9.0,
    )


@contextmanager
def child(code: str, path: Path) -> Iterator[subprocess.Popen[str]]:
    process = subprocess.Popen(
        [sys.executable, "-c", code, str(path)],
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        text=True,
    )
    try:
        yield process
    finally:
        process.kill()
        process.communicate()


def told_by_all(code: str, path: Path, count: int) -> list[str]:
    """Let `count` processes act at once; return all lines that they print."""
    with ExitStack() as stack:
        processes = [stack.enter_context(child(code, path)) for _ in range(count)]
        for process in processes:
            assert process.stdout
            assert process.stdout.readline() == "ready\n"
        for process in processes:
            assert process.stdin
            process.stdin.write("go\n")
            process.stdin.flush()
        return [line for process in processes for line in process.communicate()[0].split()]


# --- several processes, crashes ---


async def test_processes_that_open_a_new_file_at_once_all_write_to_it(path: Path) -> None:
    told = await asyncio.to_thread(told_by_all, PUT_FIFTY, path, PROCESSES)
    assert len(told) == PROCESSES * 50
    async with SqliteJobStore.open(path) as store:
        assert await live(store) == set(told)


def test_a_new_file_is_made_by_whoever_comes_first_and_fails_no_other(tmp_path: Path) -> None:
    def open_together(path: Path, start: threading.Barrier) -> None:
        start.wait()
        schema.connect(path).close()

    for number in range(40):  # SQLite alone fails about every fifth time
        path, start = tmp_path / f"{number}.db", threading.Barrier(4)
        with ThreadPoolExecutor(4) as threads:
            opened = [threads.submit(open_together, path, start) for _ in range(4)]

        assert [one.exception() for one in opened] == [None] * 4


async def test_of_eight_processes_that_claim_a_job_exactly_one_wins(
    store: SqliteJobStore, path: Path
) -> None:
    await store.put_job(a_job("job"))
    told = await asyncio.to_thread(told_by_all, CLAIM, path, PROCESSES)
    assert sorted(told) == ["False"] * (PROCESSES - 1) + ["True"]
    assert (await store.job("job")).attempt == 1


@pytest.mark.parametrize("acknowledged", [1, 20, 111])
async def test_what_was_acknowledged_before_a_kill_is_there(path: Path, acknowledged: int) -> None:
    with child(PUT_ENDLESSLY, path) as process:
        assert process.stdin
        assert process.stdout
        process.stdin.write("go\n")
        process.stdin.flush()
        assert process.stdout.readline() == "ready\n"
        told = [process.stdout.readline().strip() for _ in range(acknowledged)]
        process.kill()
        told += process.stdout.read().split("\n")[:-1]
    async with SqliteJobStore.open(path) as store:
        assert set(told) <= await live(store)
        await store.check()


async def test_every_commit_is_synced(path: Path) -> None:
    with closing(await asyncio.to_thread(_opened, path)) as connection:
        assert connection.execute("PRAGMA journal_mode").fetchone() == ("wal",)
        assert connection.execute("PRAGMA synchronous").fetchone() == (2,)  # FULL


def _opened(path: Path) -> sqlite3.Connection:
    path.parent.mkdir(exist_ok=True)
    return schema.connect(path)


# --- shared commits ---


class Traced:
    """A committer whose statements are seen, and whose thread can be held."""

    def __init__(self, path: Path) -> None:
        self.statements: list[str] = []
        connection = _opened(path)
        connection.set_trace_callback(self.statements.append)
        self.committer = Committer(path, connection)
        self._go = threading.Event()
        self._held = threading.Event()

    async def hold(self) -> "asyncio.Task[None]":
        task = asyncio.ensure_future(self.committer.write(self._wait))
        await asyncio.to_thread(self._held.wait)
        return task

    def let_go(self) -> None:
        self._go.set()

    def _wait(self, _: sqlite3.Connection) -> None:
        self._held.set()
        self._go.wait()

    @property
    def commits(self) -> int:
        return self.statements.count("COMMIT")


@pytest.fixture
def traced(path: Path) -> Iterator[Traced]:
    made = Traced(path)
    yield made
    made.let_go()
    made.committer.close()


def count_jobs(connection: sqlite3.Connection) -> int:
    return int(connection.execute("SELECT count(*) FROM jobs").fetchone()[0])


async def begin_puts(traced: Traced, names: list[str]) -> "list[asyncio.Task[Job]]":
    writes = [
        asyncio.ensure_future(
            traced.committer.write(lambda db, name=name: job_rows.insert(db, a_job(name)))  # type: ignore[misc]
        )
        for name in names
    ]
    await asyncio.sleep(0)  # each has put itself into the queue by now
    return writes


async def test_writes_that_wait_share_one_commit(traced: Traced) -> None:
    held = await traced.hold()
    writes = await begin_puts(traced, [f"job-{number}" for number in range(20)])
    traced.let_go()
    await asyncio.gather(held, *writes)
    assert traced.commits == 2  # of the one that was held, and of all others
    assert await traced.committer.write(count_jobs) == 20


async def test_a_write_that_fails_undoes_itself_and_no_other(traced: Traced) -> None:
    def failing(connection: sqlite3.Connection) -> None:
        job_rows.insert(connection, a_job("undone"))
        raise Conflict("no")

    def wrong(connection: sqlite3.Connection) -> None:
        job_rows.insert(connection, a_job("undone"))
        connection.execute("INSERT INTO jobs (job_id) VALUES ('incomplete')")

    held = await traced.hold()
    first = await begin_puts(traced, ["first"])
    bad = [asyncio.ensure_future(traced.committer.write(work)) for work in (failing, wrong)]
    last = await begin_puts(traced, ["last"])
    traced.let_go()
    await asyncio.gather(held, *first, *last)
    with pytest.raises(Conflict):
        await bad[0]
    with pytest.raises(JobStoreUnavailable):
        await bad[1]
    assert traced.commits == 2
    assert await traced.committer.write(count_jobs) == 2


async def test_when_the_transaction_is_lost_every_write_in_it_has_failed(traced: Traced) -> None:
    def losing(connection: sqlite3.Connection) -> None:
        connection.execute("ROLLBACK")  # what SQLite itself does when the disk is full
        raise sqlite3.OperationalError("disk I/O error")

    held = await traced.hold()
    first = await begin_puts(traced, ["first"])
    bad = asyncio.ensure_future(traced.committer.write(losing))
    last = await begin_puts(traced, ["last"])
    traced.let_go()
    await held
    outcomes = await asyncio.gather(*first, bad, *last, return_exceptions=True)
    assert [type(outcome) for outcome in outcomes] == [JobStoreUnavailable] * 3
    assert await traced.committer.write(count_jobs) == 0


async def test_a_write_cancelled_while_it_waits_never_runs(traced: Traced) -> None:
    held = await traced.hold()
    cancelled, kept = await begin_puts(traced, ["cancelled", "kept"])
    cancelled.cancel()
    with pytest.raises(asyncio.CancelledError):
        await cancelled
    traced.let_go()
    await asyncio.gather(held, kept)
    assert await traced.committer.write(count_jobs) == 1


async def test_what_waits_is_committed_before_the_store_closes(path: Path) -> None:
    async with SqliteJobStore.open(path) as store:
        puts = [asyncio.ensure_future(store.put_job(a_job(str(n)))) for n in range(50)]
        await asyncio.sleep(0)
    await asyncio.gather(*puts)
    async with SqliteJobStore.open(path) as store:
        assert len(await live(store)) == 50


# --- reads ---


async def test_a_read_does_not_wait_for_a_writer(store: SqliteJobStore, path: Path) -> None:
    await store.put_job(a_job("job"))
    with closing(sqlite3.connect(path, isolation_level=None)) as other:
        other.execute("BEGIN IMMEDIATE")
        assert (await store.job("job")).job_id == "job"
        assert await live(store) == {"job"}


async def test_a_scan_holds_no_transaction_while_its_consumer_works(
    store: SqliteJobStore, path: Path
) -> None:
    await asyncio.gather(*(store.put_job(a_job(str(number))) for number in range(300)))
    scan = store.live_jobs()
    await anext(scan)
    await store.put_job(a_job("later"))
    with closing(sqlite3.connect(path)) as other:
        busy = other.execute("PRAGMA wal_checkpoint(TRUNCATE)").fetchone()[0]
    assert busy == 0  # an open reader would have kept the log
    assert len([job async for job in scan]) >= 299


@pytest.mark.parametrize(
    ("query", "index"),
    [
        (job_rows.DUE, "jobs_due"),
        (job_rows.LIVE, "jobs_live"),
        (job_rows.EXPIRED, "jobs_expire"),
        (upload_rows.EXPIRED, "uploads_expire"),
    ],
)
async def test_a_sweep_reads_its_index_and_sorts_nothing(
    store: SqliteJobStore, path: Path, query: str, index: str
) -> None:
    await store.check()
    values = {"before": 1.0, "time": 0.0, "id": "", "limit": 1}
    with closing(sqlite3.connect(path)) as other:
        plan = str(other.execute(f"EXPLAIN QUERY PLAN {query}", values).fetchall())
    assert index in plan
    assert "TEMP B-TREE" not in plan


async def test_an_unreadable_record_is_reported_and_hides_no_other(
    store: SqliteJobStore, path: Path
) -> None:
    for name in "abc":
        await store.put_job(a_job(name))
    with closing(sqlite3.connect(path)) as other, other:
        other.execute("UPDATE jobs SET record = '{' WHERE job_id = 'b'")
    assert await live(store) == {"a", "c"}
    with pytest.raises(JobStoreUnavailable, match="cannot be read"):
        await store.job("b")


# --- what can be wrong with the file ---


async def test_a_chunk_of_an_aborted_upload_is_not_recorded(store: SqliteJobStore) -> None:
    upload = an_upload()
    await store.put_upload(upload)
    await store.save_upload(upload.aborted())
    with pytest.raises(UploadNotFound):
        await store.add_chunk(upload, 0, "digest")
    assert await store.chunks(upload) == {}


async def test_an_abort_right_after_a_chunk_was_recorded_is_seen(
    store: SqliteJobStore, monkeypatch: pytest.MonkeyPatch
) -> None:
    upload = an_upload()
    await store.put_upload(upload)
    write = store._write

    async def then_aborted(work: Any) -> Any:
        monkeypatch.setattr(store, "_write", write)
        await write(work)
        assert await store.save_upload(upload.aborted())

    monkeypatch.setattr(store, "_write", then_aborted)
    with pytest.raises(UploadNotFound):
        await store.add_chunk(upload, 0, "digest")
    assert await store.chunks(upload) == {0: "digest"}  # until the upload is removed


async def test_a_locked_file_is_unavailable_after_the_timeout(
    path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(schema, "BUSY_TIMEOUT", 0.05)
    async with SqliteJobStore.open(path) as store:
        with closing(sqlite3.connect(path, isolation_level=None)) as other:
            other.execute("BEGIN IMMEDIATE")
            with pytest.raises(JobStoreUnavailable, match=r"records\.db is locked"):
                await store.put_job(a_job("job"))
            with pytest.raises(JobStoreUnavailable):
                await store.check()
            other.execute("ROLLBACK")
        await store.put_job(a_job("job"))


async def test_a_file_of_a_newer_version_is_refused(path: Path) -> None:
    with closing(await asyncio.to_thread(_opened, path)) as connection:
        connection.execute("PRAGMA user_version = 99")
    with pytest.raises(JobStoreUnavailable, match=r"records\.db was written by a newer wavemill"):
        async with SqliteJobStore.open(path):
            pass


async def test_a_file_of_the_first_version_is_brought_up_with_all_that_is_in_it(
    path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    first = schema.MIGRATIONS[:1]
    with monkeypatch.context() as before:
        before.setattr(schema, "MIGRATIONS", first)
        with closing(await asyncio.to_thread(_opened, path)) as connection:
            for number, job_id in enumerate(("old", "new")):
                job = structs.replace(a_job(job_id), owner="key:me", created_at=number + 1.5)
                connection.execute(
                    "INSERT INTO jobs VALUES (?, ?, ?, ?, ?, ?, ?, ?)",
                    (
                        job_id,
                        "created",
                        0,
                        None,
                        job.due_at,
                        job.expires_at,
                        job.owner,
                        encode(job),
                    ),
                )
    async with SqliteJobStore.open(path) as store:
        found = [job async for job in store.owned_jobs("key:me", None)]
        assert [(job.job_id, job.created_at) for job in found] == [("new", 2.5), ("old", 1.5)]


async def test_a_file_that_is_no_database_is_refused_and_left_as_it_is(path: Path) -> None:
    path.parent.mkdir()
    path.write_bytes(b"something else entirely" * 100)
    with pytest.raises(JobStoreUnavailable, match=r"records\.db is not a database"):
        async with SqliteJobStore.open(path):
            pass
    assert path.read_bytes() == b"something else entirely" * 100


async def test_a_damaged_file_is_named(path: Path) -> None:
    async with SqliteJobStore.open(path) as store:
        await asyncio.gather(*(store.put_job(a_job(str(number))) for number in range(300)))
    with path.open("r+b") as file:
        file.seek(4096)
        file.write(b"\xff" * (path.stat().st_size - 4096))
    with pytest.raises(JobStoreUnavailable, match=r"records\.db is damaged"):
        async with SqliteJobStore.open(path) as store:
            await live(store)


async def test_a_file_that_may_not_be_written_is_named(path: Path, tmp_path: Path) -> None:
    async with SqliteJobStore.open(path):
        pass
    path.chmod(0o444)
    path.parent.chmod(0o555)
    with unprivileged(tmp_path), pytest.raises(JobStoreUnavailable, match=r"records\.db"):
        async with SqliteJobStore.open(path) as store:
            await store.check()


async def test_a_full_disk_is_insufficient_storage_and_heals(tmp_path: Path) -> None:
    with mounted(tmp_path / "small", 2 * 1024 * 1024) as place:
        async with SqliteJobStore.open(place / "records.db") as store:
            await store.put_job(a_job("kept"))
            filler = place / "filler"
            filler.write_bytes(b"x" * (shutil.disk_usage(place).free - 64 * 1024))
            with pytest.raises(InsufficientStorage):
                await asyncio.gather(*(store.put_job(a_job(str(n))) for n in range(1000)))
            assert (await store.job("kept")).job_id == "kept"
            filler.unlink()
            await store.put_job(a_job("after"))
            assert {"kept", "after"} <= await live(store)


async def test_a_closed_store_says_so(path: Path) -> None:
    async with SqliteJobStore.open(path) as store:
        await store.close()
        with pytest.raises(JobStoreUnavailable, match="closed"):
            await store.job("job")
        with pytest.raises(JobStoreUnavailable, match="closed"):
            await store.put_job(a_job("job"))
