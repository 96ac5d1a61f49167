"""Every input in every format: streamed, by way of files, by hand, and in other programs' eyes."""

import asyncio
import gc
import shutil
from pathlib import Path

import pytest

from support.audio import described
from support.fidelity import real
from support.fidelity.bench import Bench, same_bytes
from support.fidelity.inputs import NAMES, Inputs
from support.fidelity.judges import JUDGES, seconds_of, start_of
from support.fidelity.ledger import Ledger, Reading
from support.fidelity.references import COMMANDS, make_reference
from wavemill_common.catalogue import FORMATS

AT_ONCE = 3
TOLERANCE, SHARE = 0.05, 0.001  # seconds; of the duration
# Samples at both ends that a container counts as sound, because it cannot say better.
FRAMES = {
    "mp3": 3 * 1152,
    "m4a": 2 * 1024,
    "m4b": 2 * 1024,
    "aac": 3 * 1024,
    "wma": 2 * 2048,
    "caf": 4096,
    "ac3": 2 * 1536,
    "mp2": 2 * 1152,
    "amr": 2 * 160,
}
# CI: each input in two formats, so that all formats have their turn.
SAMPLE = {
    name: [list(FORMATS)[(2 * index + shift) % len(FORMATS)] for shift in (0, 1)]
    for index, name in enumerate(NAMES)
}


@pytest.mark.parametrize("name", NAMES)
async def test_a_sample_of_formats_is_the_same_by_every_path(
    bench: Bench, inputs: Inputs, ledger: Ledger, name: str
) -> None:
    await assert_all_right(bench, ledger, inputs.path(name), name, SAMPLE[name])


@pytest.mark.slow
@pytest.mark.parametrize("name", NAMES)
async def test_every_format_is_the_same_by_every_path(
    bench: Bench, inputs: Inputs, ledger: Ledger, name: str
) -> None:
    rest = [target for target in FORMATS if (name, target) not in ledger.pairs]
    await assert_all_right(bench, ledger, inputs.path(name), name, rest)


@pytest.mark.slow
@pytest.mark.parametrize("name", real.NAMES)
async def test_what_other_programs_wrote_is_converted_the_same_by_every_path(
    bench: Bench, ledger: Ledger, name: str
) -> None:
    folder = await asyncio.to_thread(real.clips)
    if isinstance(folder, str):
        ledger.skipped["npm's audio-lena"] = folder
        pytest.skip(folder)
    await assert_all_right(bench, ledger, folder / name, name, list(FORMATS))


@pytest.mark.parametrize(("name", "target"), COMMANDS)
async def test_the_result_is_what_a_command_written_by_hand_makes(
    bench: Bench, inputs: Inputs, ledger: Ledger, tmp_path: Path, name: str, target: str
) -> None:
    pair = await bench.pair(inputs.path(name), target)
    reference = make_reference(inputs.path(name), COMMANDS[name, target], tmp_path / "reference")
    alike = pair.identical and same_bytes(pair.streamed, reference)
    ledger.references[name, target] = alike
    assert alike


async def assert_all_right(
    bench: Bench, ledger: Ledger, source: Path, name: str, targets: list[str]
) -> None:
    """Convert into all these formats by every path; note and assert what comes out."""
    seconds = await asyncio.to_thread(seconds_of, source)
    start = await asyncio.to_thread(start_of, source)
    slots = asyncio.Semaphore(AT_ONCE)
    wrong: list[str] = []

    async def one(target: str) -> None:
        async with slots:
            pair = await bench.pair(source, target)
            identical = pair.identical
            ledger.pairs[name, target] = identical
            readings = await asyncio.to_thread(judged, pair.streamed, target, seconds, start)
            shutil.rmtree(pair.streamed.parent)
            ledger.readings.extend(readings)
            wrong.extend(f"{target} by {one.judge}: {one}" for one in readings if not one.agrees)
            if not identical:
                wrong.append(f"{target} differs")

    async with asyncio.TaskGroup() as group:
        for target in targets:
            group.create_task(one(target))
    gc.collect()  # a connection that was not closed is told of here, in its test
    assert wrong == []


def judged(path: Path, target: str, seconds: float, start: float) -> list[Reading]:
    """Ask every judge for the duration of a result.

    Sound that begins at `start` lasts as long as it does, or up to its end: containers with times
    keep the silence before it, others cannot.
    """
    rate, _ = described(path)
    slack = max(TOLERANCE, seconds * SHARE) + FRAMES.get(target, 0) / rate
    readings = []
    for name, judge in JUDGES.items():
        found = judge(path)
        off = None if found is None else min(found - seconds, found - seconds - start, key=abs)
        readings.append(Reading(target, name, off, off is None or abs(off) <= slack))
    return readings
