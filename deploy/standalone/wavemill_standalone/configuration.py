"""`wavemill config`: what is in force, and where each value came from."""

import json
from collections.abc import Mapping

import msgspec

from wavemill_common.settings import Settings
from wavemill_common.settings.report import Value, report
from wavemill_common.settings.rules import problems


def show(environ: Mapping[str, str], *, as_json: bool) -> bool:
    """Print all settings, then what is wrong with them; tell whether nothing is.

    Raises:
        SettingError: a value does not work.
    """
    settings = Settings.read(environ)
    values, wrong = report(settings, environ), problems(settings)
    if as_json:
        document = {"settings": msgspec.to_builtins(values), "problems": wrong}
        print(json.dumps(document, indent=2))
    else:
        _print_table(values)
        for problem in wrong:
            print(f"! {problem}")
    return not wrong


def _print_table(values: list[Value]) -> None:
    name_width = max(len(one.variable) for one in values)
    value_width = max(len(one.value) for one in values)
    for one in values:
        print(f"{one.variable:{name_width}}  {one.value:{value_width}}  {one.source}")
