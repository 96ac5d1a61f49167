"""What a manifest says about where a whole's bytes lie."""

import os

import pytest
from hypothesis import given
from hypothesis import strategies as st

from wavemill_common.errors import StorageUnavailable
from wavemill_common.objects import ObjectInfo
from wavemill_common.objects.s3_manifest import (
    Manifest,
    Source,
    decode,
    encode,
    is_worthwhile,
    manifest_of,
    whole_size,
)
from wavemill_common.objects.s3_multiparts import MIN_PART

PLACES = st.integers(0, 60)


def objects(*sizes: int) -> list[ObjectInfo]:
    return [ObjectInfo(f"part-{number}", size, 0.0, "e") for number, size in enumerate(sizes)]


@given(st.lists(st.integers(0, 9), max_size=6), PLACES, st.none() | PLACES)
def test_the_spans_of_a_range_are_its_bytes(sizes: list[int], start: int, end: int | None) -> None:
    bodies = {f"part-{number}": os.urandom(size) for number, size in enumerate(sizes)}
    manifest = manifest_of(objects(*sizes))
    spans = list(manifest.spans(start, end))
    found = b"".join(bodies[span.source.key][span.start : span.end] for span in spans)
    assert found == b"".join(bodies.values())[start:end]
    assert manifest.size == sum(sizes)
    assert all(span.start < span.end for span in spans)


def test_a_manifest_is_read_as_it_was_written() -> None:
    manifest = Manifest((Source("uploads/chunks/k7/part-0", 8, "abc"), Source("b", 1, "d-2")))
    assert decode("key", encode(manifest)) == manifest


@pytest.mark.parametrize("stored", [b"", b"RIFF", b"{}", b'{"sources":[["a",1]]}'])
def test_what_is_no_manifest_is_said_to_be_damaged(stored: bytes) -> None:
    with pytest.raises(StorageUnavailable, match=r"uploads/k7\.wav is damaged"):
        decode("uploads/k7.wav", stored)


@pytest.mark.parametrize(
    ("sizes", "worthwhile"),
    [
        ((), False),
        ((2 * MIN_PART,), False),
        ((MIN_PART, 1), True),
        ((MIN_PART, MIN_PART, MIN_PART), True),
        ((MIN_PART - 1, MIN_PART), False),
        ((MIN_PART, MIN_PART - 1, MIN_PART), False),
    ],
)
def test_one_source_and_small_ones_are_copied(sizes: tuple[int, ...], *, worthwhile: bool) -> None:
    assert is_worthwhile(objects(*sizes)) is worthwhile


def test_only_a_mark_makes_a_manifest() -> None:
    assert whole_size({}) is None
    assert whole_size({"Metadata": {"write": "k7"}}) is None
    assert whole_size({"Metadata": {"whole-size": "17"}}) == 17
