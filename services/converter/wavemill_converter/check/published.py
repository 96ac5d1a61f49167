"""Published: judge a result where its owner would get it from, before it is committed."""

from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager

from wavemill_common.jobs import Output
from wavemill_common.objects import ObjectInfo, ObjectStore
from wavemill_converter.check.verify import expect, verify
from wavemill_converter.loudness.ebur128 import Measured
from wavemill_converter.loudness.measure import measure
from wavemill_converter.opened import opened
from wavemill_converter.plan.plan import ConversionPlan
from wavemill_converter.plan.results import Result
from wavemill_converter.store.integrity import read_back
from wavemill_converter.tools import Tools
from wavemill_converter.transcode.outcome import Transcoded
from wavemill_converter.transcode.peaks import Tap


async def check_published(
    tools: Tools,
    stored: ObjectInfo,
    sent: Sequence[tuple[int, str]],
    plan: ConversionPlan,
    transcoded: Transcoded,
    tap: Tap | None = None,
) -> str:
    """Return the SHA-256 (hex) of a published result that is right; delete one that is not.

    `tap` hears it where it is decoded.

    Raises:
        OutputInvalid: it does not hold what it should.
        StorageUnavailable: the store does not give back what it was given.
    """
    try:
        sha256 = await read_back(tools.objects, stored, sent)
        if tools.decodes or plan.copied:
            expected = expect(plan, transcoded)
            async with opened(tools, stored) as result:
                await verify(tools.ffmpeg, result.input, expected, tools.timeouts.total, tap)
    except BaseException:
        await tools.objects.delete([stored.key])
        raise
    return sha256


async def measure_published(tools: Tools, stored: ObjectInfo, result: Result) -> Measured | None:
    """Measure how loud a published result has become, where that was asked for."""
    if result.loudness is None:
        return None
    demuxer = result.plan.codec.demuxer
    async with opened(tools, stored) as published:
        return await measure(tools.ffmpeg, published.input, demuxer, seconds=tools.timeouts.total)


@asynccontextmanager
async def unless_all_is_well(
    objects: ObjectStore, outputs: Sequence[Output]
) -> AsyncIterator[None]:
    """Delete what was published already when a later result of the same job fails."""
    try:
        yield
    except BaseException:
        await objects.delete([output.key for output in outputs])
        raise
