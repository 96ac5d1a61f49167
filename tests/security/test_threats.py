"""Every threat of the table has a test, and every test that it names is there."""

import re
from pathlib import Path

import pytest
from _pytest.mark import ParameterSet

from security.threat_table import belongs, exists, outcome, table
from security.threats import AWAITED, THREATS, Threat

TESTS = Path(__file__).parents[1]


def rows() -> "list[ParameterSet]":
    """The rows; those whose tests are still to come must be seen to fail."""
    missing = pytest.mark.xfail(reason="its tests are on their way", strict=True)
    return [
        pytest.param(one, id=one.name, marks=missing if one.name in AWAITED else ())
        for one in THREATS
    ]


def marked() -> set[str]:
    texts = (path.read_text() for path in TESTS.rglob("test_*.py"))
    return {name for text in texts for name in re.findall(r'mark\.threat\("([^"]+)"', text)}


@pytest.mark.parametrize("threat", rows())
def test_a_threat_has_a_test(threat: Threat) -> None:
    assert threat.name in marked() or any(exists(one) for one in threat.tests)


def test_no_mark_is_of_an_unknown_threat() -> None:
    assert marked() <= {one.name for one in THREATS}


def test_a_test_that_is_not_there_is_no_test() -> None:
    assert exists("tests/security/test_threats.py::test_a_threat_has_a_test")
    assert not exists("tests/security/test_threats.py::test_nothing")
    assert not exists("tests/security/test_nothing.py")


def test_the_table_says_how_each_row_ended() -> None:
    ran = {"a.py::test_x[1]": "passed", "a.py::test_x[2]": "failed", "b.py::test_y": "skipped"}
    assert outcome(["a.py::test_x"], ran) == "1 failed, 1 passed"
    assert outcome(["a.py::test_x", "b.py"], ran) == "1 failed, 1 skipped, 1 passed"
    assert outcome(["c.py"], ran) == "not run"
    assert not belongs("a.py::test_xy", "a.py::test_x")
    lines = table([("a threat", "1 passed", "a wall")])
    assert lines[1].split("  ") == ["a threat", "1 passed", "a wall"]
