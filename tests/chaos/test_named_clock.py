"""Named faults of the clock: one member is an hour wrong, and every job still ends, once."""

import time
from pathlib import Path

import pytest

from chaos.theatre import SCALE, Report, Theatre
from support.cluster import Member

HOUR = 3600


@pytest.mark.parametrize("hours", [1, -1], ids=["ahead", "behind"])
@pytest.mark.parametrize("service", ["gateway", "converter", "janitor"])
async def test_a_member_whose_clock_is_wrong_loses_and_doubles_nothing(
    theatre: Theatre, long_noise: Path, noise: Path, report: Report, service: str, hours: int
) -> None:
    wrong = members(theatre, service)[0]
    patches = theatre.cluster.environ["CHAOS_PATCHES"]
    restart(wrong, f"{patches} clock={hours * HOUR}")
    try:
        await theatre.ready()
        client = theatre.client
        long, short = [(await client.upload(one))["fileId"] for one in (long_noise, noise)]
        jobs = [await client.convert(file_id, "mp3") for file_id in (long, short, short)]
        await client.wait_for_stage(jobs[0], "converting", "completed")
        began = time.monotonic()
        async with theatre.raw_redis() as raw:
            await raw.flushall()  # what was queued comes back only by what the clocks say
        for job_id in jobs:
            taken = await theatre.ended(job_id, began)
            assert theatre.commits(job_id) == 1
            assert await theatre.is_whole(job_id)
    finally:
        restart(wrong, patches)
    way = "ahead" if hours > 0 else "behind"
    report.seconds(f"clock-of-{service}-1h-{way}", taken, 22.0 * SCALE)


def members(theatre: Theatre, service: str) -> list[Member]:
    """The members of one kind."""
    return [one for one in theatre.cluster.members if one.service == service]


def restart(member: Member, patches: str) -> None:
    """Start a member again with other patches."""
    if member.is_running:
        member.kill()
    member.start(CHAOS_PATCHES=patches)
