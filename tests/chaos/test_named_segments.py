"""Named faults of a conversion in segments: all of it dies with its converter."""

import time
from contextlib import suppress
from pathlib import Path

import psutil
import pytest

from chaos.theatre import Report, Theatre
from support.audio import make_noise
from support.server import eventually


@pytest.fixture(scope="module")
def lecture(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Some more than ten minutes of noise: long enough for segments, and to be caught at it."""
    return make_noise(tmp_path_factory.mktemp("lecture") / "lecture.wav", 601)


async def test_segments_die_with_their_converter_and_another_makes_up_for_it(
    theatre: Theatre, lecture: Path, report: Report
) -> None:
    client, converters = theatre.client, theatre.cluster.converters
    job_id = await client.convert((await client.upload(lecture))["fileId"], "flac")
    await eventually(lambda: any(_segments(one.ffmpegs()) for one in converters), 60)
    working = next(one for one in converters if _segments(one.ffmpegs()))
    orphans = working.ffmpegs()

    working.kill()
    await eventually(lambda: not any(one.is_running() for one in orphans), 10)
    await theatre.ended(job_id, time.monotonic())

    body = await client.progress(job_id)
    assert (body["attempt"], theatre.commits(job_id)) == (2, 1)
    assert await theatre.is_whole(job_id)
    drafts = list(theatre.cluster.folder.glob("**/.multipart/*/part-*"))
    assert drafts == []
    report.note("converter-killed-mid-segments", "0 processes, 0 parts left", "none left")


def _segments(processes: list[psutil.Process]) -> bool:
    """Whether two of these are encoding parts of one sound."""
    found = 0
    for one in processes:
        with suppress(psutil.Error):
            found += "-stats_mux_pre" in one.cmdline()
    return found > 1
