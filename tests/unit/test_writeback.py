"""Which bytes of a growing file are on their way to the disk."""

import os
from pathlib import Path
from typing import Any

import pytest

from wavemill_common.objects import writeback
from wavemill_common.objects.files import write_pieces
from wavemill_common.objects.writeback import STEP, begin_writeback

KIB = 1024


class Asked:
    """What the C library was asked for."""

    def __init__(self) -> None:
        self.ranges: list[tuple[int, int]] = []

    def sync_file_range(self, _: int, offset: Any, size: Any, flags: Any) -> int:
        assert flags.value == 2
        self.ranges.append((offset.value, offset.value + size.value))
        return 0


@pytest.fixture
def asked(monkeypatch: pytest.MonkeyPatch) -> Asked:
    libc = Asked()
    monkeypatch.setattr(writeback, "_libc", libc)
    monkeypatch.setattr(writeback, "_is_known", True)
    return libc


@pytest.mark.parametrize("piece", [STEP // 4, STEP // 4 + 1, STEP, 3 * STEP])
def test_each_step_is_begun_once_it_is_full(asked: Asked, tmp_path: Path, piece: int) -> None:
    fd, at = os.open(tmp_path / "file", os.O_CREAT | os.O_RDWR), 0
    while at < 6 * STEP:
        at += write_pieces(fd, [bytes(piece)], at)
        begun = max((end for _, end in asked.ranges), default=0)
        assert begun == at // STEP * STEP
    os.close(fd)
    starts = [start for start, _ in asked.ranges]
    assert starts == [0, *(end for _, end in asked.ranges[:-1])]


def test_what_fills_no_step_is_left_to_the_sync(asked: Asked) -> None:
    begin_writeback(3, 5, STEP - 1)
    begin_writeback(3, STEP + 1, STEP + 64 * KIB)
    assert asked.ranges == []


def test_a_system_without_the_call_is_asked_for_nothing(
    asked: Asked, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(writeback, "_is_known", False)
    begin_writeback(3, 0, 4 * STEP)
    assert asked.ranges == []


def test_what_the_system_refuses_is_written_all_the_same() -> None:
    """Nothing can begin to write a pipe: what came through it is there nevertheless."""
    reading, writing = os.pipe()
    begin_writeback(writing, 0, 4 * STEP)
    os.write(writing, b"here")
    assert os.read(reading, 9) == b"here"
    os.close(reading)
    os.close(writing)
