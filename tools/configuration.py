"""Write docs/configuration.md from the settings themselves: python tools/configuration.py."""

import dataclasses
from pathlib import Path
from typing import Any

from wavemill_common.settings import Environment, Settings
from wavemill_common.settings.fields import default_of

TARGET = Path(__file__).parent.parent / "docs" / "configuration.md"
HEAD = """# Configuration

Everything is set by environment variables, read once at the start. A value that does not work, or
one that is missing, is named with what would work. Sizes are bytes, times are seconds. These tables
are made by `make docs` from the settings in the code; `wavemill config` shows what is in force.

| variable | default | meaning |
|---|---|---|
"""
ELSEWHERE = """
## Defaults by environment

`WAVEMILL_ENV` decides; every variable may still be set. Embedded and with `WAVEMILL_STORAGE=disk`
everything lies in one directory: that works in a container with a volume, too. In app-runner and
ecs these must be set besides: `S3_BUCKET`, `AWS_REGION` (the platform does), `REDIS_ENDPOINT` and
`WAVEMILL_SECRET`; credentials are the role's.

"""
COLUMNS = (Environment.EMBEDDED, Environment.LOCAL, Environment.DOCKER, Environment.ECS)


def table() -> str:
    """The whole page."""
    fields = dataclasses.fields(Settings)
    rows = [_row(_variable(one), _cell(one.default), one.metadata["meaning"]) for one in fields]
    names = (*COLUMNS[:-1], f"{Environment.APP_RUNNER}, {Environment.ECS}")
    defaults = [
        _row("variable", *names),
        "|---" * (len(names) + 1) + "|",
        *(
            _row(_variable(one), *(_cell(default_of(one, env)) for env in COLUMNS))
            for one in fields
            if one.metadata["defaults"]
        ),
    ]
    return HEAD + "\n".join(rows) + "\n" + ELSEWHERE + "\n".join(defaults) + "\n"


def _variable(field: "dataclasses.Field[Any]") -> str:
    return f"`{field.metadata['variable']}`"


def _cell(value: Any) -> str:
    shown = int(value) if isinstance(value, bool) else value
    return "" if value == "" else f"`{shown}`"


def _row(*cells: str) -> str:
    return f"| {' | '.join(cells)} |"


if __name__ == "__main__":
    TARGET.write_text(table())
