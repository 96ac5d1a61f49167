"""A job whose converter died comes before what is new, or a busy queue would never get to it."""

from pathlib import Path

from chaos.mutants import BACKLOG, play


async def test_an_orphan_does_not_wait_for_the_backlog(tmp_path: Path) -> None:
    verdict = await play(BACKLOG, tmp_path)
    assert verdict.violations == {}
