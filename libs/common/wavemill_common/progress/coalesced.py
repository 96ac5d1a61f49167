"""CoalescedReads: whoever asks for progress in the same moment shares one round trip to Redis.

A read begins after all who share it have asked, so nobody is told less than by a read of their own.
"""

import asyncio
from collections.abc import Collection

from wavemill_common.progress.reader import ReadsProgress
from wavemill_common.progress.snapshot import Progress

Found = dict[str, tuple[Progress, float]]


class CoalescedReads:
    """Reads for many at once. `run` must be running, in a task of its owner's."""

    def __init__(self, progress: ReadsProgress) -> None:
        self._progress = progress
        self._asked = asyncio.Event()
        self._waiting: list[tuple[Collection[str], asyncio.Future[Found]]] = []

    async def read(self, job_ids: Collection[str]) -> Found:
        """Read the newest progress of jobs, and perhaps of others' with them, as the store does."""
        answer: asyncio.Future[Found] = asyncio.get_running_loop().create_future()
        self._waiting.append((job_ids, answer))
        self._asked.set()
        return await answer

    async def run(self) -> None:
        """Read what was asked for, each turn of the loop, until cancelled."""
        async with asyncio.TaskGroup() as group:
            while True:
                await self._asked.wait()
                self._asked.clear()
                waiting, self._waiting = self._waiting, []
                group.create_task(self._answer(waiting))

    async def _answer(self, waiting: list[tuple[Collection[str], asyncio.Future[Found]]]) -> None:
        wanted = dict.fromkeys(job_id for job_ids, _ in waiting for job_id in job_ids)
        try:
            found = await self._progress.read(wanted)
        except Exception as error:  # noqa: BLE001 - whatever it is, all who asked are told
            for _, answer in waiting:
                if not answer.done():
                    answer.set_exception(error)
            return
        for job_ids, answer in waiting:
            if not answer.done():  # who asked may have left
                answer.set_result({one: found[one] for one in job_ids if one in found})
