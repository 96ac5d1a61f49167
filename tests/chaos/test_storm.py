"""The storm in the form that fits into every test run; `make chaos` has longer ones."""

from pathlib import Path

import pytest

from chaos.figures import summary
from chaos.storm import AWS_PACE, run_storm
from support.kept import InAws
from support.moto_server import running_moto


@pytest.mark.timeout(400)  # the bounds inside are what is asserted; this is for a busy machine
async def test_no_job_is_lost_or_doubled_whatever_dies(tmp_path: Path) -> None:
    storm = await run_storm(tmp_path / "storm", jobs=200, seed=1, scale=0.1)
    print(f"\n{summary(storm)}")  # noqa: T201 - the figures of this test
    assert storm.violations == {}
    assert storm.commits == storm.jobs


@pytest.mark.timeout(400)
async def test_nor_is_one_where_s3_and_dynamodb_keep_everything(tmp_path: Path) -> None:
    with running_moto() as url:
        storm = await run_storm(
            tmp_path / "storm", jobs=20, seed=2, scale=0.1, kept=InAws(url), pace=AWS_PACE
        )
    print(f"\n{summary(storm)}")  # noqa: T201 - the figures of this test
    assert storm.violations == {}
    assert storm.commits == storm.jobs
