"""fallback_file_conversion: the path by scratch files, right for every input and every format."""

from collections.abc import Sequence
from contextlib import ExitStack
from functools import partial
from pathlib import Path

from wavemill_common.jobs import Job, Output
from wavemill_common.progress.snapshot import Stage
from wavemill_common.retry import retried
from wavemill_converter.check.check import check_result
from wavemill_converter.check.published import (
    check_published,
    measure_published,
    unless_all_is_well,
)
from wavemill_converter.check.readback import read_result
from wavemill_converter.convert.conversion import (
    Converted,
    Report,
    converted,
    find_input,
    longest,
    prepare,
    progress_reporter,
)
from wavemill_converter.convert.copying import copies_of, copying_first
from wavemill_converter.convert.peaks import PeaksOfJob
from wavemill_converter.ffmpeg.contained import local_destination, local_input
from wavemill_converter.plan.results import Result, clock_of, runs
from wavemill_converter.probe.probe import probe
from wavemill_converter.store.publish import fetch, publish
from wavemill_converter.tools import Tools
from wavemill_converter.transcode.outcome import Transcoded
from wavemill_converter.transcode.peaks import Tap
from wavemill_converter.transcode.transcode import OnProgress, transcode_between


async def fallback_file_conversion(
    job: Job, tools: Tools, scratch: Path, report: Report, *, may_copy: bool = True
) -> Converted:
    """Convert a job's input by way of files in `scratch`, which the caller cleans.

    `may_copy` False has every result encoded.

    Raises:
        ConversionError: the input cannot be converted, or ffmpeg failed.
        Unavailable: a store failed; another attempt may succeed.
    """
    convert = partial(_convert, job, tools, scratch, report)
    return await (copying_first(convert) if may_copy else convert(may_copy=False))


async def _convert(
    job: Job, tools: Tools, scratch: Path, report: Report, *, may_copy: bool
) -> Converted:
    source = scratch / "source"
    report(Stage.PROBING)
    await find_input(tools.sources, job)
    await retried(fetch, tools.sources, job.input_key, source)
    probed = await probe(tools.ffmpeg, source, tools.limits)
    with local_input(tools.ffmpeg, source) as opened:
        results = await prepare(job, tools, opened, probed, report, may_copy=may_copy)
    batches, outputs = runs(results), list[Output]()
    peaks = PeaksOfJob(job, probed, hears_results=tools.decodes)
    async with copies_of(results), unless_all_is_well(tools.objects, outputs):
        for number, batch in enumerate(batches):
            on_progress = progress_reporter(report, number, len(batches), longest(batch))
            with peaks.source() as tap:
                done = await _transcode(tools, source, batch, scratch, on_progress, tap)
            if number == len(batches) - 1:
                source.unlink()
            for result, transcoded in zip(batch, done, strict=True):
                outputs.append(await _publish(tools, result, transcoded, scratch, report, peaks))
        return converted(outputs, probed, await peaks.store(tools.objects, len(outputs)))


async def _transcode(
    tools: Tools,
    source: Path,
    batch: Sequence[Result],
    scratch: Path,
    on_progress: OnProgress,
    tap: Tap | None,
) -> tuple[Transcoded, ...]:
    with ExitStack() as stack:
        opened = stack.enter_context(local_input(tools.ffmpeg, source))
        places = [
            stack.enter_context(local_destination(tools.ffmpeg, _path(scratch, result)))
            for result in batch
        ]
        return await transcode_between(
            tools.ffmpeg,
            opened,
            [(result.plan, place) for result, place in zip(batch, places, strict=True)],
            timeouts=tools.timeouts,
            on_progress=on_progress,
            max_bytes=tools.limits.max_output_bytes,
            clock=clock_of(batch),
            tap=tap,
        )


async def _publish(
    tools: Tools,
    result: Result,
    transcoded: Transcoded,
    scratch: Path,
    report: Report,
    peaks: PeaksOfJob,
) -> Output:
    path = _path(scratch, result)
    remarks = check_result(transcoded, result.plan, path)
    report(Stage.UPLOADING, estimated_time_remaining=0)
    stored, mark = await retried(publish, tools.objects, result.key, path)
    path.unlink()
    report(Stage.VERIFYING)
    sent = [(stored.size, mark)]
    with peaks.result(result, transcoded) as tap:
        sha256 = await check_published(tools, stored, sent, result.plan, transcoded, tap)
    measured = await measure_published(tools, stored, result)
    output = result.output(stored, sha256, remarks, measured)
    return await read_result(tools, stored, result, output)


def _path(scratch: Path, result: Result) -> Path:
    return scratch / f"result-{result.number}"
