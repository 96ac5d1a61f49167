"""docs/scaling.md tells what was measured and simulated, and nothing else."""

import re

import pytest

from bench.costs import tables as costs
from bench.costs.__main__ import DOCS, PAGE, read_costs
from bench.costs.bill import Habits, read_prices
from bench.page import filled, number, table
from bench.simulation import results as simulation
from bench.simulation.__main__ import read_results


def test_the_tables_of_costs_are_those_of_what_was_measured() -> None:
    told = costs.tables(read_costs(), read_prices(), Habits())
    assert filled(PAGE.read_text(), told) == PAGE.read_text(), "run bench.costs --reckon"


def test_the_tables_of_waits_are_those_of_what_was_simulated() -> None:
    told = simulation.tables(read_results())
    assert filled(PAGE.read_text(), told) == PAGE.read_text(), "run make simulate"


def test_what_was_simulated_took_the_times_that_were_measured() -> None:
    assert read_results().kinds == simulation.kinds_of(read_costs()), "run make simulate"


def test_every_place_of_the_page_has_its_table() -> None:
    text = PAGE.read_text()
    for name in re.findall(r"<!-- ([a-z-]+) -->", text):
        assert f"<!-- {name} -->\n|" in text


def test_the_plots_of_the_page_are_there() -> None:
    for name in re.findall(r"\]\((images/[^)]+)\)", PAGE.read_text()):
        assert (DOCS / name).is_file()


def test_a_table_without_a_place_is_refused() -> None:
    with pytest.raises(LookupError, match="speed"):
        filled("nothing", {"speed": "| |"})


def test_only_the_text_between_its_marks_is_changed() -> None:
    page = "a\n<!-- t -->\nold\n<!-- /t -->\nb\n"
    assert filled(page, {"t": table(["x", "y"], [["1", "2"]])}) == (
        "a\n<!-- t -->\n| x | y |\n| --- | --: |\n| 1 | 2 |\n<!-- /t -->\nb\n"
    )


def test_numbers_have_three_digits_that_count() -> None:
    assert [number(one) for one in (0, 0.01234, 12.345, 123.4, 12345.6)] == [
        "0", "0.0123", "12.3", "123", "12,346",
    ]  # fmt: skip
