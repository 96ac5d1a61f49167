"""Each part of the protocol that is taken out must be missed, or the suite proves nothing."""

from pathlib import Path

import pytest

from chaos.mutants import SCENARIOS, try_both


@pytest.mark.parametrize("name", SCENARIOS)
async def test_what_fails_without_a_part_of_the_protocol_passes_with_it(
    name: str, tmp_path: Path
) -> None:
    whole, mutant = await try_both(name, tmp_path)
    assert whole.violations == {}
    assert mutant.violations, f"nobody missed what {name} takes out"
    print(f"\n{name}: caught by {mutant.violations}")  # noqa: T201 - the figure of this test
