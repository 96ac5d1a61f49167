"""Peaks of a job's source and results, where it asked for them, and where they are kept.

They are one object of the attempt beside its results, named in the record with them. In the record
itself they would be 1.2 KB a result: with 200 results, of a book by its chapters, 240 KB of the
400 KB that DynamoDB allows, read and paid for whenever anybody looks at the job. As an object
under the job's prefix they are deleted with the job, and are an orphan as any result is.
"""

from collections.abc import AsyncIterator, Iterator
from contextlib import contextmanager

import msgspec

from wavemill_common.jobs import Job
from wavemill_common.objects import ObjectStore
from wavemill_common.peaks import JobPeaks, Peaks
from wavemill_common.retry import retried
from wavemill_converter.ffmpeg.memory import is_supported
from wavemill_converter.plan.results import Result
from wavemill_converter.probe.source import Probed
from wavemill_converter.store.publish import peaks_key
from wavemill_converter.transcode.outcome import Transcoded
from wavemill_converter.transcode.peaks import Tap, longest_of, tapped


class PeaksOfJob:
    """Collects the peaks of one attempt. `hears_results`: its results are decoded once more."""

    def __init__(self, job: Job, probed: Probed, *, hears_results: bool) -> None:
        self._listens = job.peaks and is_supported()
        self._hears_results = hears_results
        self._probed = probed
        self._key = peaks_key(job.job_id, job.attempt, job.claim_id or "")
        self._source: Peaks | None = None
        self._results: dict[int, Peaks] = {}

    @contextmanager
    def source(self) -> Iterator[Tap | None]:
        """Hear the source in a run that decodes it, if it was not heard already."""
        if not self._listens or self._source is not None:
            yield None
            return
        probed, rate = self._probed, self._probed.sample_rate
        longest = longest_of(probed.size, probed.media.codec or "", rate)
        with tapped(self._key, probed.media.duration, rate, longest) as tap:
            yield tap
            self._source = tap.read()

    @contextmanager
    def result(self, result: Result, transcoded: Transcoded) -> Iterator[Tap | None]:
        """Hear a result while it is decoded to be verified; None where it is not."""
        if not (self._listens and self._hears_results):
            yield None
            return
        with tapped(self._key, transcoded.out_time, result.plan.decoded_rate) as tap:
            yield tap
            self._results[result.number] = tap.read()

    async def store(self, objects: ObjectStore, results: int) -> str | None:
        """Keep the peaks of the source and so many results; return their key, None if unasked.

        Raises:
            Unavailable: the store failed; another attempt may succeed.
        """
        if not self._listens:
            return None
        heard = tuple(self._results.get(number) for number in range(results))
        data = msgspec.json.encode(JobPeaks(source=self._source, outputs=heard))
        await retried(_put, objects, self._key, data)
        return self._key


async def _put(objects: ObjectStore, key: str, data: bytes) -> None:
    async def once() -> AsyncIterator[bytes]:
        yield data

    await objects.put(key, once())
