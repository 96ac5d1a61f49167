"""No-op jobs through arq, streaq or taskiq-redis: python queues.py NAME REDIS_URL JOBS.

Prints how many seconds it took to enqueue all, and to have all of them done by one worker with
a hundred slots. It stands alone: wavemill is not installed where this runs.
"""

import asyncio
import json
import sys
import time

SLOTS = 100
done = 0
over = asyncio.Event()


def note(jobs: int) -> None:
    """One more job is done."""
    global done  # noqa: PLW0603 - what a worker calls knows nothing else
    done += 1
    if done == jobs:
        over.set()


async def arq(url: str, jobs: int) -> None:
    """Of arq: a sorted set that is polled, results in keys."""
    from arq import create_pool, func
    from arq.connections import RedisSettings
    from arq.worker import Worker

    async def noop(_: object) -> None:
        note(jobs)

    settings = RedisSettings.from_dsn(url)
    pool = await create_pool(settings)
    await asyncio.gather(*(pool.enqueue_job("noop") for _ in range(jobs)))
    worker = Worker(
        [func(noop, name="noop")],
        redis_settings=settings,
        max_jobs=SLOTS,
        poll_delay=0.01,
        handle_signals=False,
        log_results=False,
    )
    running = asyncio.create_task(worker.async_run())
    await over.wait()
    running.cancel()


async def streaq(url: str, jobs: int) -> None:
    """Of streaq: streams with consumer groups."""
    from streaq import Worker

    worker = Worker(redis_url=url, concurrency=SLOTS, handle_signals=False)

    @worker.task()
    async def noop() -> None:
        note(jobs)

    async with worker:
        await worker.enqueue_many([noop.enqueue() for _ in range(jobs)])
    running = asyncio.create_task(worker.run_async())
    await over.wait()
    running.cancel()


async def taskiq(url: str, jobs: int) -> None:
    """Of taskiq: a stream with a consumer group, acknowledged."""
    from taskiq.api import run_receiver_task
    from taskiq_redis import RedisStreamBroker

    broker = RedisStreamBroker(url)

    @broker.task
    async def noop() -> None:
        note(jobs)

    await broker.startup()
    await asyncio.gather(*(noop.kiq() for _ in range(jobs)))
    running = asyncio.create_task(run_receiver_task(broker, max_async_tasks=SLOTS))
    await over.wait()
    running.cancel()


async def main(name: str, url: str, jobs: int) -> None:
    """Run one of them."""
    began, cpu = time.perf_counter(), time.process_time()
    async with asyncio.timeout(300):
        await {"arq": arq, "streaq": streaq, "taskiq": taskiq}[name](url, jobs)
    print(json.dumps([time.perf_counter() - began, time.process_time() - cpu]), flush=True)


if __name__ == "__main__":
    asyncio.run(main(sys.argv[1], sys.argv[2], int(sys.argv[3])))
