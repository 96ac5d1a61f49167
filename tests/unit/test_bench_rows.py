"""The arithmetic of the benches: medians of pairs, goals, and the table that tells them."""

import pytest

from bench.rows import Goal, Judged, Outcome, Row
from bench.table import table


def a_row(**changes: object) -> Row:
    plain: dict[str, object] = {"name": "throughput", "against": "aiohttp", "unit": "MB/s"}
    return Row(**{**plain, "ours": [90.0, 40.0, 95.0], "limit": [100.0, 100.0, 100.0], **changes})  # type: ignore[arg-type]


def test_a_ratio_is_the_median_of_the_pairs_and_not_the_pair_of_medians() -> None:
    row = a_row(ours=[1.0, 10.0, 100.0], limit=[1.0, 100.0, 10.0])
    assert row.figure == 1.0
    assert row.spread == (0.1, 10.0)


@pytest.mark.parametrize(
    ("goal", "figure", "met"),
    [
        (Goal(least=0.8), 0.9, True),
        (Goal(most=0.8), 0.9, False),
        (Goal(least=95, judged=Judged.OURS), 90.0, False),
        (Goal(most=0, judged=Judged.MORE), -10.0, True),
        (None, 0.9, None),
    ],
)
def test_a_goal_judges_a_ratio_or_our_own_figure_or_what_is_more(
    *, goal: Goal | None, figure: float, met: bool | None
) -> None:
    row = a_row(goal=goal)
    assert row.figure == figure
    assert row.is_met is met


def test_without_a_limit_our_own_figure_is_what_is_told() -> None:
    assert a_row(limit=[]).figure == 90.0


def test_a_table_tells_figures_goals_and_what_was_left_out() -> None:
    rows = [a_row(goal=Goal(least=0.95)), a_row(goal=Goal(most=5, judged=Judged.MORE))]
    told = table(
        [
            Outcome(name="upload", about="a file", rows=rows),
            Outcome(name="tus", about="", left_out="there is no npm here"),
        ]
    )
    assert "90 MB/s  aiohttp  100 MB/s  0.9" in told
    assert "≥ 0.95" in told
    assert "NOT MET" in told
    assert "-10 MB/s" in told
    assert "left out: there is no npm here" in told
