"""What a run of tests says at its end beside pytest's own words, each a plugin that collects it.

With several workers (pytest-xdist) it is they who collect; what they found comes together in the
process that writes the summary.
"""

import pickle
from typing import Protocol, TypeVar, cast

import pytest

T = TypeVar("T")


class Worker(Protocol):
    """A worker that has ended, as xdist shows it to `pytest_testnodedown`."""

    config: pytest.Config
    workeroutput: dict[str, bytes]


def tell(config: pytest.Config, name: str, found: object) -> None:
    """Send what this process found to the one that writes the summary, if it is another."""
    output = getattr(config, "workeroutput", None)
    if output is not None:
        output[name] = pickle.dumps(found)


def told(worker: Worker, name: str, nothing: T) -> T:
    """What a worker has sent; `nothing` of one that died before its end."""
    sent = getattr(worker, "workeroutput", {}).get(name)
    return nothing if sent is None else cast("T", pickle.loads(sent))  # noqa: S301 - our own
