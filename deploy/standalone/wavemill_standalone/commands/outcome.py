"""Outcome: what became of one file, as a value, a line for people, and JSON for programs."""

import json
from pathlib import Path
from typing import Any, Literal

import msgspec
from msgspec import Struct

from wavemill_client import Converted, JobError, JobFailed, Output, Refused, WavemillError
from wavemill_janitor.output import clean, format_bytes


class Made(Struct, frozen=True, kw_only=True, rename="camel"):
    """One file that was made."""

    file: str
    size: int
    sha256: str
    duration: float | None
    warnings: tuple[dict[str, str], ...]


class Outcome(Struct, frozen=True, kw_only=True, rename="camel"):
    """What became of one source; `seconds` is how long it took."""

    source: str
    status: Literal["completed", "failed", "skipped", "cancelled"]
    seconds: float = 0.0
    job_id: str | None = None
    files: tuple[Made, ...] = ()
    error: dict[str, Any] | None = None

    def as_json(self) -> str:
        """One line; ASCII, so no terminal minds."""
        return json.dumps(msgspec.to_builtins(self))

    def lines(self) -> list[str]:
        """Lines for people."""
        if self.status == "completed":
            lines = [f"{self.source} -> {one.file} ({_size(one)})" for one in self.files]
            lines += [
                f"  note: {warning['message']}" for one in self.files for warning in one.warnings
            ]
        else:
            lines = [f"{self.source}: {self.status}"]
            if self.error is not None:
                lines = [f"{lines[0]}: {self.error['message']}"]
        return [clean(line) for line in lines]


def completed(source: Path, done: Converted, seconds: float) -> Outcome:
    """It was made."""
    files = (_made(path, output) for path, output in zip(done.files, done.outputs, strict=True))
    return Outcome(
        source=str(source),
        status="completed",
        seconds=round(seconds, 3),
        job_id=done.job.job_id,
        files=tuple(files),
    )


def failed(source: Path, error: WavemillError | OSError, seconds: float) -> Outcome:
    """It was not, and why."""
    return Outcome(
        source=str(source),
        status="failed",
        seconds=round(seconds, 3),
        job_id=error.job_id if isinstance(error, JobFailed) else None,
        error=_why(error),
    )


def _why(error: WavemillError | OSError) -> dict[str, Any]:
    if isinstance(error, JobFailed):
        return {name: one for name, one in _builtins(error.error).items() if one is not None}
    if isinstance(error, WavemillError):
        why: dict[str, Any] = {"code": error.code, "message": error.message}
        if isinstance(error, Refused):
            why |= {"status": error.status, "requestId": error.request_id}
        return why
    code = "file_exists" if isinstance(error, FileExistsError) else "file_error"
    return {"code": code, "message": str(error) if error.errno is None else _strerror(error)}


def _builtins(error: JobError) -> dict[str, Any]:
    built: dict[str, Any] = msgspec.to_builtins(error)
    return built


def _strerror(error: OSError) -> str:
    return f"{error.strerror}: {error.filename}" if error.filename else str(error.strerror)


def _made(path: Path, output: Output) -> Made:
    return Made(
        file=str(path),
        size=output.size,
        sha256=output.sha256,
        duration=output.media.duration if output.media else None,
        warnings=tuple({"code": one.code, "message": one.message} for one in output.warnings),
    )


def _size(one: Made) -> str:
    length = "" if one.duration is None else f", {one.duration:.1f} s"
    return format_bytes(one.size) + length
