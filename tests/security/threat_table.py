"""The table of threats, as a run of tests has proved it. Pure, but for looking at the tests.

`python -m security.threat_table` prints what to give pytest to prove all rows.
"""

import re
from collections.abc import Iterable, Mapping
from pathlib import Path

from security.threats import THREATS

ROOT = Path(__file__).parents[2]
NOT_RUN = "not run"
ORDER = ("failed", "skipped", "passed")


def exists(test: str) -> bool:
    """Whether there is such a test: a file, and in it the function that is named."""
    path, _, name = test.partition("::")
    file = ROOT / path
    if not file.is_file():
        return False
    return not name or re.search(rf"def {re.escape(name)}\b", file.read_text()) is not None


def belongs(node: str, test: str) -> bool:
    """Whether what pytest ran is this test, or a case of it."""
    return node == test or node.startswith((f"{test}::", f"{test}["))


def outcome(tests: Iterable[str], ran: Mapping[str, str]) -> str:
    """What became of a row: how many of its tests passed, failed, were skipped or did not run."""
    found = [result for node, result in ran.items() if any(belongs(node, one) for one in tests)]
    if not found:
        return NOT_RUN
    counts = [(found.count(one), one) for one in ORDER]
    return ", ".join(f"{count} {one}" for count, one in counts if count)


def table(rows: Iterable[tuple[str, str, str]]) -> list[str]:
    """Lines for a terminal."""
    listed = [("threat", "proof", "defence"), *rows]
    wide, proof = (max(len(row[column]) for row in listed) for column in (0, 1))
    return [f"{name:{wide}}  {result:{proof}}  {defence}" for name, result, defence in listed]


def to_run() -> list[str]:
    """The folder of these tests, and every other test that a row names."""
    named = dict.fromkeys(one for threat in THREATS for one in threat.tests if exists(one))
    return ["tests/security", *(one for one in named if not one.startswith("tests/security"))]


if __name__ == "__main__":
    print(*to_run())  # noqa: T201 - for make
