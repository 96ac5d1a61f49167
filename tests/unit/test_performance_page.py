"""docs/performance.md tells what the kept results hold, and nothing else."""

from bench.page import filled
from bench.told import PAGE, kept, kept_life, tables


def test_the_page_tells_what_was_measured() -> None:
    page = PAGE.read_text()
    assert filled(page, tables(kept(), kept_life())) == page
