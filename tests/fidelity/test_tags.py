"""Twenty tags, a cover and eight chapters from every container into every format.

What mutagen and another version's ffprobe find in the source they must find in the result, but for
the reviewed exceptions; and the job's report must say the same as they do.
"""

import asyncio
from collections import Counter

import pytest

from support.fidelity.bench import Bench
from support.fidelity.judges import FFPROBE
from support.fidelity.ledger import Ledger
from support.fidelity.tag_exceptions import CHAPTERS, COVER, TARGETS, excepted, rows
from support.fidelity.tag_readers import Found, read_tags
from support.fidelity.tag_sources import KINDS, TAGS, Sources
from wavemill_common.catalogue import FORMATS
from wavemill_common.report import Fate, Report

AT_ONCE = 2
NEAR = 0.02  # seconds
# CI: each source in one format, so that nearly all formats have their turn.
SAMPLE = {kind: TARGETS[(3 * index + 1) % len(TARGETS)] for index, kind in enumerate(KINDS)}
# ffmpeg reads the start of it only, and so does the report: (source or target, tag).
UNSEEN = {("caf", "lyrics")}

pytestmark = pytest.mark.skipif(FFPROBE is None, reason="there is no ffprobe here")


@pytest.fixture(scope="module")
def sources(tmp_path_factory: pytest.TempPathFactory) -> Sources:
    return Sources(tmp_path_factory.mktemp("sources"))


@pytest.mark.parametrize("kind", KINDS)
async def test_a_sample_of_formats_keeps_what_it_can(
    bench: Bench, sources: Sources, kind: str
) -> None:
    await assert_all_arrives(bench, sources, kind, [SAMPLE[kind]])


@pytest.mark.slow
@pytest.mark.parametrize("kind", KINDS)
async def test_every_format_keeps_what_it_can(
    bench: Bench, sources: Sources, ledger: Ledger, kind: str
) -> None:
    counts = await assert_all_arrives(bench, sources, kind, list(TARGETS))
    ledger.add("tags", source=kind, formats=len(TARGETS), **counts)
    if kind == KINDS[-1]:
        for row in rows():
            ledger.add("exceptions", **row)


async def assert_all_arrives(
    bench: Bench, sources: Sources, kind: str, targets: list[str]
) -> dict[str, str]:
    """Convert into these formats; return how much of what a source has arrived."""
    path = sources.path(kind)
    before = await asyncio.to_thread(read_tags, path)
    slots = asyncio.Semaphore(AT_ONCE)
    arrived, there = Counter[str](), Counter[str]()
    wrong: list[str] = []

    async def one(target: str) -> None:
        async with slots:
            done = await bench.stream(await bench.job(path, target, "tags"))
            after = await asyncio.to_thread(read_tags, bench.result(done))
        lost = missing(before, after)
        had = held(before)
        there.update(kind_of(name) for name in had)
        arrived.update(kind_of(name) for name in had - lost)
        expected = excepted(kind, target) & had
        wrong.extend(f"{target}: {name} is lost" for name in lost - expected)
        wrong.extend(f"{target}: {name} is there, against the table" for name in expected - lost)
        report = done.outputs[0].report
        assert report is not None
        wrong.extend(
            f"{target}: {one}" for one in contradictions(report, had, lost, {kind, target})
        )

    async with asyncio.TaskGroup() as group:
        for target in targets:
            group.create_task(one(target))
    assert wrong == []
    return {
        name: f"{arrived[name]}/{there[name]}" if there[name] else "-"
        for name in ("tags", "covers", "chapters")
    }


def held(found: Found) -> set[str]:
    """Which of the tags, the cover and the chapters a file holds."""
    tags = {name for name, value in TAGS.items() if found.holds(name, value)}
    return tags | ({COVER} if found.covers else set()) | ({CHAPTERS} if found.chapters else set())


def missing(before: Found, after: Found) -> set[str]:
    """What another program finds before and not after, or not the same."""
    lost = {name for name, value in TAGS.items() if not after.holds(name, value)} & held(before)
    if before.covers and after.covers[:1] != before.covers[:1]:
        lost.add(COVER)
    if before.chapters and not alike(before.chapters, after.chapters):
        lost.add(CHAPTERS)
    return lost


def alike(one: list[tuple[float, str]], other: list[tuple[float, str]]) -> bool:
    return len(one) == len(other) and all(
        abs(start - begins) <= NEAR and title == called
        for (start, title), (begins, called) in zip(one, other, strict=True)
    )


def kind_of(name: str) -> str:
    return {COVER: "covers", CHAPTERS: "chapters"}.get(name, "tags")


def contradictions(report: Report, had: set[str], lost: set[str], pair: set[str]) -> list[str]:
    """Where the report says otherwise than the other programs."""
    fates = {tag.name.lower(): tag.fate for tag in report.tags}
    said = {name: fates.get(name.lower()) for name in had - {COVER, CHAPTERS}}
    for name, part in ((COVER, report.cover), (CHAPTERS, report.chapters)):
        if part and name in had:
            said[name] = part.fate
    return [
        f"{name} is said to be {fate}"
        for name, fate in said.items()
        if fate is not None
        and (fate is Fate.KEPT) == (name in lost)
        and not any((one, name) in UNSEEN for one in pair)
    ]


def test_the_catalogue_says_who_keeps_covers_and_chapters() -> None:
    for target in FORMATS.values():
        lost = excepted("mp3", target.id)
        assert (target.cover, target.chapters) == (COVER not in lost, CHAPTERS not in lost)
