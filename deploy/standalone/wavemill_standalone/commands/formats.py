"""`wavemill formats`: what a wavemill converts to."""

import argparse

import msgspec

from wavemill_client import Format
from wavemill_janitor.output import Output
from wavemill_standalone.commands import exits
from wavemill_standalone.commands.server import run_interruptible, served

_COLUMNS = ("format", "name", "file", "qualities", "keeps")


def run(parsed: argparse.Namespace) -> int:
    """List them."""
    return run_interruptible(_list(parsed))


async def _list(parsed: argparse.Namespace) -> int:
    out = Output(as_json=parsed.json)
    async with served(parsed) as (_, offer):
        if parsed.json:
            out.document(msgspec.to_builtins(offer))
        out.table(_COLUMNS, [_row(one) for one in offer.formats])
    return exits.OK


def _row(one: Format) -> tuple[str, ...]:
    kept = (("tags", one.keeps.tags), ("cover", one.keeps.cover), ("chapters", one.keeps.chapters))
    names = " ".join(name for name, is_kept in kept if is_kept)
    return one.id, one.name, f".{one.extension}", qualities(one), names or "-"


def qualities(one: Format) -> str:
    """What the format takes as --quality. Pure."""
    ways = [" ".join(preset.id for preset in one.presets)]
    if one.bitrates:
        ways.append(f"{one.bitrates.low // 1000}k-{one.bitrates.high // 1000}k")
    if one.vbr:
        ways.append(f"{one.vbr.letter}{one.vbr.low}-{one.vbr.letter}{one.vbr.high}")
    return ", ".join(ways)
