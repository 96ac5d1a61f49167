"""Convert a hostile file past the gateway, on both paths, and tell how each of them ended."""

from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any

from wavemill_common.errors import AppError
from wavemill_common.jobs import Job
from wavemill_converter.convert.files import fallback_file_conversion
from wavemill_converter.convert.streaming.conversion import streaming_convert_audio
from wavemill_converter.tools import Tools

CLAIM = "claim"


async def convert_both_ways(
    tools: Tools, path: Path, scratch: Path, target: str = "wav"
) -> list[AppError | None]:
    """Stream it, then convert it by way of files in `scratch`; None stands for a result."""
    scratch.mkdir()
    streamed = await stored_job(tools, path, target, "streamed")
    filed = await stored_job(tools, path, target, "filed")
    return [
        await _failure(streaming_convert_audio(streamed, tools, report)),
        await _failure(fallback_file_conversion(filed, tools, scratch, report)),
    ]


def report(*_: Any, **__: Any) -> None:
    """Nobody watches."""


async def stored_job(tools: Tools, path: Path, target: str, claim: str = CLAIM) -> Job:
    """Store a file, and make the job that converts it."""

    async def blocks() -> AsyncIterator[bytes]:
        yield path.read_bytes()

    key = f"uploads/{path.name}-{claim}"
    await tools.objects.put(key, blocks())
    return Job(
        job_id=f"{path.stem}-{target}",
        file_id="f",
        file_name=path.name,
        input_key=key,
        format=target,
        quality="standard",
        created_at=0,
        updated_at=0,
        expires_at=1,
        due_at=None,
        attempt=1,
        claim_id=claim,
    )


async def _failure(work: Any) -> AppError | None:
    try:
        await work
    except AppError as error:
        return error
    return None
