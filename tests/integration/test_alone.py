"""Tests that measure have the machine to themselves, however many workers there are."""

import fcntl
from pathlib import Path
from threading import Thread

from support.alone import turn
from support.server import wait_until


def is_held(lock: Path) -> bool:
    """Whether somebody has this lock for himself."""
    with lock.open("w") as file:
        try:
            fcntl.flock(file, fcntl.LOCK_SH | fcntl.LOCK_NB)
        except BlockingIOError:
            return True
    return False


def test_ordinary_tests_run_beside_each_other(tmp_path: Path) -> None:
    with turn(tmp_path, alone=False), turn(tmp_path, alone=False):
        assert not is_held(tmp_path / "machine")


def test_one_that_measures_waits_for_others_and_keeps_them_waiting(tmp_path: Path) -> None:
    order: list[str] = []

    def take(name: str, *, alone: bool) -> None:
        with turn(tmp_path, alone=alone):
            assert is_held(tmp_path / "machine") == alone
            order.append(name)

    measuring = Thread(target=take, args=("alone",), kwargs={"alone": True})
    late = Thread(target=take, args=("late",), kwargs={"alone": False})
    with turn(tmp_path, alone=False):
        measuring.start()
        wait_until(lambda: is_held(tmp_path / "gate"), 10)
        late.start()
        assert order == []
    measuring.join()
    late.join()
    assert order == ["alone", "late"]
