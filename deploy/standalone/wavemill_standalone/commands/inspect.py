"""`wavemill inspect`: what wavemill finds in a file."""

import argparse
import os
from pathlib import Path

import msgspec

from wavemill_client import Media, WavemillClient, WavemillError
from wavemill_janitor.output import Output
from wavemill_standalone.commands import exits
from wavemill_standalone.commands.server import run_interruptible, served

_UNITS = {"duration": "s", "sample_rate": "Hz", "bit_depth": "bit", "bitrate": "bit/s"}


def run(parsed: argparse.Namespace) -> int:
    """Show it."""
    if not (parsed.file.is_file() and os.access(parsed.file, os.R_OK)):
        raise exits.UsageError(f"{parsed.file} is no file that can be read")
    return run_interruptible(_inspect(parsed))


async def _inspect(parsed: argparse.Namespace) -> int:
    out = Output(as_json=parsed.json)
    try:
        async with served(parsed) as (client, _):
            media = await _look(client, parsed.file)
    except WavemillError as error:
        if parsed.json:
            failure = {"code": error.code, "message": error.message}
            out.document({"file": str(parsed.file), "error": failure})
        out.note(f"wavemill: {parsed.file}: {error}")
        return exits.FAILED
    if parsed.json:
        out.document({"file": str(parsed.file), "media": msgspec.to_builtins(media)})
    for line in describe(media):
        out.line(line)
    return exits.OK


async def _look(client: WavemillClient, path: Path) -> Media:
    """Have a preview made of the file: a converter looks into it with ffmpeg then."""
    upload = await client.upload(path)
    try:
        accepted = await client.create_job(upload.file_id, "wav", preview=True)
        try:
            await client.wait(accepted.job_id)
            return (await client.job(accepted.job_id)).media or Media()
        finally:
            await client.delete_job(accepted.job_id)
    finally:
        await client.delete_upload(upload.file_id)


def describe(media: Media) -> list[str]:
    """Write for people what was found. Pure."""
    found = msgspec.structs.asdict(media)
    tags, chapters, cover = (found.pop(name) for name in ("tags", "chapters", "cover"))
    lines = [
        f"{name.replace('_', ' '):12} {value} {_UNITS.get(name, '')}".rstrip()
        for name, value in found.items()
        if value is not None
    ]
    if cover is not None:
        lines.append(f"{'cover':12} {cover.mime}" + (f", {cover.size} bytes" * bool(cover.size)))
    lines += [f"{'tag ' + name:12} {value}" for name, value in (tags or {}).items()]
    lines += [
        f"{'chapter':12} {one.start:g} to {one.end:g} s: {one.title}" for one in chapters or ()
    ]
    return lines
