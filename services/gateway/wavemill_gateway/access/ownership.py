"""Ownership: what belongs to a key is for that key alone; anyone else is told that it is not there.

What was made without a key belongs to nobody in particular: whoever holds its unguessable id may
use it, also once keys are required, then with any key. All look-ups by id go through this module.
"""

from collections import OrderedDict
from collections.abc import Iterable, Sequence

from wavemill_common.jobs import Job
from wavemill_common.progress.reader import ProgressReader
from wavemill_common.progress.snapshot import Progress
from wavemill_common.records import JobStore
from wavemill_common.records.unknown import no_job, no_upload
from wavemill_common.uploads import Chunk, Upload
from wavemill_gateway.access.caller import OF_KEY, Caller

MOST_KNOWN = 20_000  # jobs; some 4 MB


def may_use(caller: Caller, owner: str) -> bool:
    """Whether what is this owner's is open to a caller."""
    return not owner.startswith(OF_KEY) or owner == caller.account


def may_use_job(caller: Caller, job_id: str, owner: str) -> bool:
    """The same of a job; whoever came in by tokens may use the jobs that they open, no other."""
    return job_id in caller.granted if caller.granted else may_use(caller, owner)


async def own_upload(records: JobStore, caller: Caller, file_id: str) -> Upload:
    """Read an upload.

    Raises:
        UploadNotFound: there is none, or none of this caller's.
    """
    upload = await records.upload(file_id)
    if not may_use(caller, upload.owner):
        raise no_upload(file_id)
    return upload


async def own_chunk(records: JobStore, caller: Caller, file_id: str, index: int) -> Chunk:
    """Read an upload, and what is on record of one of its chunks.

    Raises:
        UploadNotFound: there is none, or none of this caller's.
    """
    chunk = await records.chunk(file_id, index)
    if not may_use(caller, chunk.upload.owner):
        raise no_upload(file_id)
    return chunk


async def own_job(records: JobStore, caller: Caller, job_id: str) -> Job:
    """Read a job.

    Raises:
        JobNotFound: there is none, or none of this caller's.
    """
    job = await records.job(job_id)
    if not may_use_job(caller, job_id, job.owner):
        raise no_job(job_id)
    return job


class OwnProgress:
    """Tells callers the progress of their own jobs.

    Redis does not know whose a job is. Its record does, is asked once, and never changes in this:
    so polling stays one read of Redis.
    """

    def __init__(self, reader: ProgressReader, records: JobStore) -> None:
        self._reader = reader
        self._records = records
        self._owners: OrderedDict[str, str] = OrderedDict()  # job id → owner

    async def one(self, caller: Caller, job_id: str) -> Progress:
        """Read one job's state.

        Raises:
            JobNotFound: there is none, or none of this caller's.
            Gone: it has expired.
        """
        if not await self._own(caller, [job_id]):
            raise no_job(job_id)
        return await self._reader.one(job_id)

    async def many(self, caller: Caller, job_ids: Sequence[str]) -> dict[str, Progress]:
        """Read the state of several jobs; unknown, foreign and expired ones are left out."""
        return await self._reader.many(await self._own(caller, job_ids))

    def note(self, job: Job) -> None:
        """Know whose a job is, from its record."""
        self._owners[job.job_id] = job.owner
        self._owners.move_to_end(job.job_id)
        if len(self._owners) > MOST_KNOWN:
            self._owners.popitem(last=False)

    async def _own(self, caller: Caller, job_ids: Sequence[str]) -> list[str]:
        owners = await self._owners_of(job_ids)
        return [
            job_id
            for job_id in job_ids
            if job_id in owners and may_use_job(caller, job_id, owners[job_id])
        ]

    async def _owners_of(self, job_ids: Iterable[str]) -> dict[str, str]:
        """Those of the jobs that there are."""
        owners = {job_id: self._owners[job_id] for job_id in job_ids if job_id in self._owners}
        unknown = [job_id for job_id in job_ids if job_id not in owners]
        for job in (await self._records.jobs(unknown)).values() if unknown else ():
            owners[job.job_id] = job.owner
            self.note(job)
        return owners
