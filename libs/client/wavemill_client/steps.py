"""Steps: what is told of an undertaking on its way."""

from collections.abc import Callable
from typing import Literal

from msgspec import Struct

from wavemill_client.values import Progress


class Step(Struct, frozen=True, kw_only=True):
    """How far it is. `done` and `total` are bytes; of a conversion, they are percent.

    `job` is the newest state of the job while it converts.
    """

    doing: Literal["uploading", "converting", "downloading"]
    done: int
    total: int
    job: Progress | None = None


OnProgress = Callable[[Step], None]


def nobody(_: Step) -> None:
    """Nobody listens."""
