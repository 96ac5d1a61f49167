"""fallback_file_conversion: the path by scratch files, right for every input and every format."""

from pathlib import Path

from wavemill_common.jobs import Job
from wavemill_common.progress.snapshot import Stage
from wavemill_common.retry import retried
from wavemill_converter.artwork import with_picture
from wavemill_converter.check import check_result
from wavemill_converter.contained import local_input
from wavemill_converter.conversion import (
    Converted,
    Report,
    Tools,
    describe_output,
    find_input,
    key_for,
    plan_job,
    progress_reporter,
)
from wavemill_converter.probe import probe
from wavemill_converter.publish import fetch, publish
from wavemill_converter.published import check_published
from wavemill_converter.readback import read_result
from wavemill_converter.transcode import transcode


async def fallback_file_conversion(
    job: Job, tools: Tools, scratch: Path, report: Report
) -> Converted:
    """Convert a job's input by way of files in `scratch`, which the caller cleans.

    Raises:
        ConversionError: the input cannot be converted, or ffmpeg failed.
        Unavailable: a store failed; another attempt may succeed.
    """
    source, result = scratch / "source", scratch / "result"
    report(Stage.PROBING)
    await find_input(tools.objects, job)
    await retried(fetch, tools.objects, job.input_key, source)
    probed = await probe(tools.ffmpeg, source, tools.limits)
    plan = plan_job(job, probed, tools.limits)
    with local_input(tools.ffmpeg, source) as opened:
        plan = await with_picture(tools.ffmpeg, tools.objects, opened, plan)
    transcoded = await transcode(
        tools.ffmpeg,
        source,
        result,
        plan,
        tools.timeouts,
        progress_reporter(report, plan),
        max_bytes=tools.limits.max_output_bytes,
    )
    remarks = check_result(transcoded, probed, result)
    source.unlink()
    report(Stage.UPLOADING, estimated_time_remaining=0)
    stored, sha256 = await retried(publish, tools.objects, key_for(job), result)
    report(Stage.VERIFYING)
    await check_published(tools, stored, [(stored.size, sha256)], plan, transcoded)
    output = describe_output(job, stored, sha256)
    return await read_result(tools, job, stored, output, probed, (*plan.remarks, *remarks))
