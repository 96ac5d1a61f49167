"""What can be asked of a result, who can do it, and how a refusal helps."""

import pytest

from wavemill_common.catalogue import FORMATS, find_format
from wavemill_common.errors import InvalidOption
from wavemill_common.formats import Format
from wavemill_common.options import (
    ChapterMark,
    ConvertOptions,
    Loudness,
    check_options,
    previewed,
)

PICTURE = "data:image/png;base64,AAAA"
MARKS = (ChapterMark(start=0, title="One"), ChapterMark(start=5, title="Two"))
EVERYWHERE = ConvertOptions(
    trim_start=1,
    trim_end=9.5,
    fade_in=0.5,
    fade_out=600,
    loudness=Loudness(),
    strip_metadata=True,
    cover="remove",
    chapters="remove",
    split="chapters",
)


@pytest.mark.parametrize("target", FORMATS.values(), ids=list(FORMATS))
def test_what_needs_only_samples_can_be_asked_of_every_format(target: Format) -> None:
    check_options(target, EVERYWHERE)


@pytest.mark.parametrize("target", FORMATS.values(), ids=list(FORMATS))
@pytest.mark.parametrize(
    ("options", "capability"),
    [
        (ConvertOptions(metadata={"title": "x"}), "tags"),
        (ConvertOptions(cover=PICTURE), "cover"),
        (ConvertOptions(chapters=MARKS), "chapters"),
    ],
    ids=["metadata", "cover", "chapters"],
)
def test_what_a_format_cannot_hold_is_refused_with_the_formats_that_can(
    target: Format, options: ConvertOptions, capability: str
) -> None:
    if getattr(target, capability):
        check_options(target, options)
        return
    able = [one.id for one in FORMATS.values() if getattr(one, capability)]
    with pytest.raises(InvalidOption) as caught:
        check_options(target, options)
    assert caught.value.message.endswith(": " + ", ".join(able))


@pytest.mark.parametrize("target", FORMATS.values(), ids=list(FORMATS))
@pytest.mark.parametrize("depth", [8, 16, 24, 32])
def test_a_bit_depth_is_one_of_the_formats_own(target: Format, depth: int) -> None:
    options = ConvertOptions(bit_depth=depth)
    if depth in target.bit_depths:
        check_options(target, options)
        return
    with pytest.raises(InvalidOption, match=r"16|flac"):
        check_options(target, options)


@pytest.mark.parametrize(
    ("options", "hint"),
    [
        (ConvertOptions(trim_start=-1), "trimStart must be from 0"),
        (ConvertOptions(trim_start=float("nan")), "trimStart"),
        (ConvertOptions(trim_start=5, trim_end=5), "after trimStart"),
        (ConvertOptions(trim_end=0), "after trimStart"),
        (ConvertOptions(fade_in=601), "fadeIn must be from 0 to 600"),
        (ConvertOptions(fade_out=float("inf")), "fadeOut"),
        (ConvertOptions(loudness=Loudness(target_lufs=-4)), "-40 to -5"),
        (ConvertOptions(loudness=Loudness(true_peak_db=0.1)), "-9 to 0"),
        (ConvertOptions(metadata={"ti=tle": "x"}), "letters, digits"),
        (ConvertOptions(metadata={"t" * 65: "x"}), "1 to 64"),
        (ConvertOptions(metadata={"title": "a\0"}), "control characters"),
        (ConvertOptions(metadata={str(one): "x" for one in range(101)}), "100 are allowed"),
        (ConvertOptions(metadata={"title": "ü" * 40_000}), "65536 are allowed"),
        (ConvertOptions(cover="https://example.com/a.jpg"), "data:image/jpeg"),
        (ConvertOptions(chapters=MARKS[::-1]), "in order"),
        (ConvertOptions(chapters=(ChapterMark(start=0, title="\x1b[2J"),)), "control characters"),
        (
            ConvertOptions(chapters=tuple(ChapterMark(start=one) for one in range(501))),
            "500 are allowed",
        ),
    ],
)
def test_a_value_that_makes_no_sense_is_refused_with_what_does(
    options: ConvertOptions, hint: str
) -> None:
    with pytest.raises(InvalidOption) as caught:
        check_options(find_format("mp3"), options)
    assert hint in caught.value.message


def test_a_preview_ends_fifteen_seconds_after_its_start_or_sooner() -> None:
    assert previewed(ConvertOptions()).trim_end == 15
    assert previewed(ConvertOptions(trim_start=60)).trim_end == 75
    assert previewed(ConvertOptions(trim_start=60, trim_end=61)).trim_end == 61
