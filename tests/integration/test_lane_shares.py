"""A real queue whose lanes share a consumer's time."""

from pathlib import Path

from support.redis import TestRedis, raw_client
from wavemill_common.jobs import Lane
from wavemill_common.queue.consumer import Consumer
from wavemill_common.queue.jobs import JobQueue


async def test_short_jobs_do_not_wait_behind_all_the_long_ones(tmp_path: Path) -> None:
    now, order = 0.0, list[str]()
    server = TestRedis(tmp_path)
    await server.start_again()
    try:
        async with raw_client(server.url) as client:
            queue = JobQueue(client)
            await queue.prepare()
            for number in range(6):
                for lane in (Lane.BULK, Lane.INTERACTIVE):
                    await queue.enqueue(f"{lane.value}-{number}", lane)
            me = Consumer(client, queue, "me", clock=lambda: now)
            while len(order) < 12:
                (lease,) = await me.claim(1)
                me.begin(lease)
                now += 90.0 if lease.job_id.startswith("bulk") else 1.0
                me.end(lease)
                await queue.finish(lease)
                order.append(lease.job_id.split("-")[0])
    finally:
        server.close()
    assert order[:8].count("interactive") == 6
    assert sorted(order) == ["bulk"] * 6 + ["interactive"] * 6
