"""A job store that fails for a moment costs some time, and no attempt."""

from pathlib import Path

import aiohttp

from chaos.witness import witness_of
from support.audio import make_noise
from support.client import Client
from support.cluster import Cluster


async def test_a_start_or_commit_whose_reply_is_lost_is_neither_a_crash_nor_a_second_one(
    tmp_path: Path,
) -> None:
    cluster = Cluster(tmp_path / "cluster", patches="lose_replies")
    try:
        await cluster.start_async()
        witness = witness_of(cluster)
        witness.watch()
        async with aiohttp.ClientSession() as session:
            client = Client(session, cluster.gateways[0].url)
            file_id = (await client.upload(make_noise(tmp_path / "a.wav", 1)))["fileId"]
            jobs = [await client.convert(file_id, "mp3") for _ in range(3)]
            ends = [await client.wait(job_id) for job_id in jobs]
    finally:
        cluster.close()
    assert [(end["status"], end["attempt"]) for end in ends] == [("completed", 1)] * 3
    assert len(witness.starts()) == len(witness.commits()) == 3
    assert not any(job["quarantined"] for job in witness.records().values())
    assert "entry_left" not in cluster.converters[0].log
