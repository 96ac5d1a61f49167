"""Sandbox: the layers that hold here, and how a child puts itself behind them."""

import os
from collections.abc import Iterator
from contextlib import contextmanager
from functools import lru_cache

from msgspec import Struct

from wavemill_converter.launch.wall import Filter, Wall
from wavemill_converter.sandbox import landlock
from wavemill_converter.sandbox.landlock import Right
from wavemill_converter.sandbox.layers import Layer
from wavemill_converter.sandbox.limits import limits_for
from wavemill_converter.sandbox.program import Program
from wavemill_converter.sandbox.seccomp import filter_of, filter_program
from wavemill_converter.sandbox.syscalls import own_machine

NOBODY = 65534  # user and group
_DEVICES = (("/dev/null", Right.READ | Right.WRITE), ("/dev/urandom", Right.READ))


class Access(Struct, frozen=True, kw_only=True):
    """What one run may use beside its program: paths, a TCP port, inherited descriptors.

    It may last `seconds` and write `results` files of up to `file_bytes` each.
    """

    seconds: float
    reads: tuple[str, ...] = ()
    writes: tuple[str, ...] = ()
    port: int | None = None
    descriptors: tuple[int, ...] = ()
    file_bytes: int | None = 0
    results: int = 1


class Sandbox(Struct, frozen=True):
    """How a program is contained."""

    program: Program
    layers: frozenset[Layer]

    @property
    def names(self) -> tuple[str, ...]:
        """The layers in their order."""
        return tuple(layer.value for layer in Layer if layer in self.layers)

    @property
    def user(self) -> int | None:
        """The user that the child becomes; None where it stays what we are."""
        return NOBODY if Layer.UNPRIVILEGED in self.layers and os.geteuid() == 0 else None

    @contextmanager
    def prepared(self, access: Access) -> Iterator[Wall]:
        """Make that by which a forked child contains itself; it must not outlive this."""
        ruleset = self._ruleset(access)
        limits = limits_for(access.seconds, access.file_bytes, access.results)
        wall = Wall(
            access.descriptors,
            self.user,
            ruleset,
            limits if Layer.LIMITS in self.layers else [],
            self._filter(),
        )
        try:
            yield wall
        finally:
            if ruleset is not None:
                os.close(ruleset)

    def lend(self, descriptor: int) -> None:
        """Give a file to the user that the child becomes, who opens it once more by /proc."""
        if self.user is not None:
            os.fchown(descriptor, self.user, self.user)

    def _ruleset(self, access: Access) -> int | None:
        if self.layers.isdisjoint({Layer.FILES, Layer.NETWORK}):
            return None
        readable = (*self.program.reads, *access.reads)
        rules = [
            *((path, Right.EXECUTE | Right.READ) for path in self.program.executes),
            *((path, Right.READ | Right.LIST) for path in readable),
            *((path, Right.READ | Right.WRITE | Right.TRUNCATE) for path in access.writes),
            *_DEVICES,
        ]
        ports = () if access.port is None else (access.port,)
        return landlock.ruleset(
            rules if Layer.FILES in self.layers else None,
            ports if Layer.NETWORK in self.layers else None,
            abi=landlock.version(),
        )

    def _filter(self) -> Filter | None:
        machine = own_machine()
        if Layer.SECCOMP not in self.layers or machine is None:
            return None
        return _filter_for(machine)


@lru_cache  # it never changes, and to write it takes 3 ms
def _filter_for(machine: str) -> Filter:
    return filter_of(filter_program(machine))
