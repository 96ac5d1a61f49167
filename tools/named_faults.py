"""Play every named fault, also at default times, and write what each cost into the docs."""

import json
import os
import subprocess
import sys
import tempfile
from pathlib import Path

ROOT = Path(__file__).parents[1]
PAGE = ROOT / "docs" / "reliability.md"
BEGIN, END = "<!-- named faults: made by `make faults` -->", "<!-- end of named faults -->"
TITLE = "# Reliability\n\n## Named faults\n\n"


def main() -> int:
    """Run the tests; rewrite the table if all passed."""
    with tempfile.TemporaryDirectory() as folder:
        figures = Path(folder) / "figures.json"
        command = [sys.executable, "-m", "pytest", "-q", "-m", "slow or not slow"]
        tests = sorted(str(path) for path in (ROOT / "tests" / "chaos").glob("test_named_*.py"))
        others = ("test_two_of_each.py", "test_recovery_times.py")
        tests += [str(ROOT / "tests" / "chaos" / name) for name in others]
        environ = {**os.environ, "WAVEMILL_FAULTS_FILE": str(figures)}
        code = subprocess.run(
            [*command, *tests, *sys.argv[1:]], env=environ, check=False
        ).returncode
        if code == 0:
            write_table(json.loads(figures.read_text()))
        return code


def write_table(figures: list[dict[str, str]]) -> None:
    """Put the table between its marks, which are made at the page's end if they aren't there."""
    rows = [f"| `{one['fault']}` | {one['figure']} | {one['bound']} |" for one in figures]
    table = "\n".join(["| fault | measured | bound |", "|---|---|---|", *rows])
    page = PAGE.read_text() if PAGE.exists() else TITLE
    if BEGIN not in page:
        page += f"{BEGIN}\n{END}\n"
    before, _, rest = page.partition(BEGIN)
    after = rest.partition(END)[2]
    PAGE.write_text(f"{before}{BEGIN}\n\n{table}\n\n{END}{after}")


if __name__ == "__main__":
    sys.exit(main())
