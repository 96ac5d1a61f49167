"""Tally: how much was used of what, by whom. Pure."""

from collections.abc import Iterator, Mapping
from typing import Self

import msgspec
from msgspec import Struct, structs

Name = tuple[str, str, str]  # who, service, operation


class Use(Struct, frozen=True):
    """Requests, the units of DynamoDB that they cost, and bytes to and from S3."""

    requests: float = 0
    write_units: float = 0
    index_units: float = 0
    read_units: float = 0
    bytes_in: float = 0
    bytes_out: float = 0

    def __add__(self, other: Self) -> Self:
        mine, its = structs.astuple(self), structs.astuple(other)
        return type(self)(*(one + two for one, two in zip(mine, its, strict=True)))

    def __sub__(self, other: Self) -> Self:
        return self + other.scaled(-1)

    def scaled(self, factor: float) -> Self:
        """So many times this."""
        return type(self)(*(one * factor for one in structs.astuple(self)))

    def times_units(self, factor: float) -> Self:
        """The same requests at a multiple of the units."""
        return structs.replace(
            self,
            write_units=self.write_units * factor,
            index_units=self.index_units * factor,
        )

    @property
    def all_write_units(self) -> float:
        """What is billed as writes: of tables and of indexes."""
        return self.write_units + self.index_units


class Tally:
    """Uses by who, service and operation."""

    def __init__(self, uses: Mapping[Name, Use] | None = None) -> None:
        self._uses = dict(uses or {})

    def add(self, name: Name, use: Use) -> None:
        """Count a use."""
        self._uses[name] = self._uses.get(name, Use()) + use

    def since(self, earlier: "Tally") -> "Tally":
        """What was counted since."""
        changed = {name: use - earlier._uses.get(name, Use()) for name, use in self}
        return Tally({name: use for name, use in changed.items() if use.requests})

    def scaled(self, factor: float) -> "Tally":
        """So many times this."""
        return Tally({name: use.scaled(factor) for name, use in self})

    def total(self, service: str = "") -> Use:
        """All uses of a service, or of several that begin so."""
        uses = (use for (_, of, _), use in self if of.startswith(service))
        return sum(uses, Use())

    def __iter__(self) -> Iterator[tuple[Name, Use]]:
        return iter(sorted(self._uses.items()))

    def to_json(self) -> bytes:
        """All of it, as rows."""
        return msgspec.json.encode([(*name, use) for name, use in self])

    @classmethod
    def from_json(cls, text: bytes) -> "Tally":
        """Read what `to_json` wrote."""
        rows = msgspec.json.decode(text, type=list[tuple[str, str, str, Use]])
        return cls({(who, service, name): use for who, service, name, use in rows})
