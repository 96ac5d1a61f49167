"""PartLayout: which parts a result goes up in, and which of them wait for the end. Pure."""

from msgspec import Struct

from wavemill_common.settings import MIB
from wavemill_converter.plan.plan import ConversionPlan

MIN_PART = 5 * MIB  # S3 takes no smaller part, but for the last
MAX_PARTS = 9_000  # S3 allows 10,000; the rest is reserve
HEAD_RESERVE = 64 * 1024  # bytes for headers beside tags and covers
COVER_BYTES = 4 * MIB  # what a cover is expected to need; a larger one trips the check
INDEX_LAG = 16 * MIB  # an index at the end is patched: 4 bytes per AAC frame, 8 MiB in 13 hours
CAP_SLACK = 16 * MIB  # what may wait beyond head and lag before ffmpeg is stopped
_INDEX_AT_END = frozenset({"ipod", "aiff"})


class PartLayout(Struct, frozen=True, kw_only=True):
    """How a growing file is cut into parts. Sizes in bytes.

    The first `head` parts are held to the end, because headers are written again. A part may go
    once the file has grown `lag` beyond its end, and no more than `cap` may be held at once.
    """

    part: int
    head: int
    lag: int
    slack: int = CAP_SLACK

    @property
    def head_end(self) -> int:
        """Where the held head ends."""
        return self.head * self.part

    @property
    def cap(self) -> int:
        """How many bytes may be held in memory before the writer is stopped."""
        return self.head_end + self.lag + 2 * self.part + self.slack

    def bounds(self, index: int) -> tuple[int, int]:
        """Where part `index` (from 0) begins and ends in a full file."""
        return index * self.part, (index + 1) * self.part

    def missing(self, index: int, size: int) -> int:
        """How many bytes a growing file of `size` lacks until part `index` will change no more."""
        return max(0, self.bounds(index)[1] + self.lag - size)


def part_bytes(max_output: int) -> int:
    """The size of a part: whole MiB, because memory is given back in whole pages only.

    What stays of a page that a part shares with the next looks as if it was written again.
    """
    return max(MIN_PART, -(-max_output // (MAX_PARTS * MIB)) * MIB)


def plan_layout(
    plan: ConversionPlan, tag_bytes: int, max_output: int, beside: int = 1
) -> PartLayout:
    """Choose the layout for one of `beside` results, which may have `max_output` bytes each."""
    part = part_bytes(max_output)
    held = HEAD_RESERVE + tag_bytes + len(plan.covers) * COVER_BYTES
    lag = INDEX_LAG if plan.codec.muxer in _INDEX_AT_END else 0
    slack = CAP_SLACK // beside
    return PartLayout(part=part, head=max(1, -(-held // part)), lag=lag, slack=slack)
