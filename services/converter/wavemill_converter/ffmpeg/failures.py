"""What it means when ffmpeg fails: by its code, and by what it printed."""

import errno
import re
import signal
from collections.abc import Iterable
from typing import Final

from wavemill_common.errors import (
    AppError,
    ConversionError,
    FfmpegCrashed,
    FfmpegCrashedAgain,
    FfmpegFailed,
    FfmpegKilled,
    FfmpegMissing,
    FfmpegTimeout,
    LimitExceeded,
    NotAudio,
    ScratchFull,
)
from wavemill_common.jobs import JobError
from wavemill_converter.ffmpeg.lines import Log

SUPPORTED: Final = "mp3, m4a, wav, flac, ogg, opus, aac, wma, aiff, or a video with an audio track"
_DETAIL_LINES: Final = 20
_NO_SPACE: Final = ("No space left on device", "Disk quota exceeded")
_NO_ROOM: Final = frozenset({errno.ENOSPC, errno.EDQUOT})
_CRASHES: Final = frozenset(
    {signal.SIGSEGV, signal.SIGABRT, signal.SIGBUS, signal.SIGILL, signal.SIGFPE}
)
_STOPPED: Final = "received signal"
_CPU_USED_UP: Final = (f"received signal {int(signal.SIGXCPU)}.", "system signals, hard exiting")
_NO_MEMORY: Final = ("Cannot allocate memory", "pthread_create")
_NO_MEMORY_CODE: Final = 256 - errno.ENOMEM
_OPENED: Final = "Input #0"
_UNDECODABLE: Final = 69  # what ffmpeg 6 and newer end with when most of the input was garbage
_UNOPENED: Final = {
    "Format not on whitelist": "this kind of file is not accepted",
    "moov atom not found": "this file is incomplete: its index is missing",
    "Invalid data found when processing input": "this file is not readable as audio",
    "Failed to read frame size": "this file is not readable as audio",
    "End of file": "this file ends before any audio",
}
_SILENT: Final = {
    "matches no streams": "this file has no audio in it",
    "does not contain any stream": "this file has no audio in it",
    "no decoder found": "the audio in this file cannot be decoded",
    "Decoder (codec": "the audio in this file cannot be decoded",
    "Output file is empty": "no audio could be decoded from this file",
}
PHRASES: Final = (*_NO_SPACE, *_CPU_USED_UP, *_NO_MEMORY, _STOPPED, _OPENED, *_UNOPENED, *_SILENT)
_OUR_PLACES: Final = re.compile(r"http://127\.0\.0\.1:\d+/[\w-]+|(?:file:)?(?:/[^\s:'\"]+)+/")


def failure_of(
    code: int, log: Log, written: int = 0, max_bytes: int | None = None
) -> ConversionError:
    """Name the failure of an ffmpeg that ended with this code after writing `written` bytes."""
    detail = detail_of(log.tail)
    if log.seen.intersection(_NO_SPACE):
        return ScratchFull("the converter has no disk space left", detail=detail)
    met = _met_limit(code, log, max_bytes, detail)
    if met:
        return met
    if code < 0:
        return _ended_by(-code, detail)
    if _STOPPED in log.seen:
        return FfmpegKilled("ffmpeg was stopped from outside", detail=detail)
    meaning = None if written else _fault_of_source(code, log)
    if meaning:
        return NotAudio(f"{meaning}; send {SUPPORTED}", detail=detail)
    return FfmpegFailed(f"ffmpeg failed with code {code}", detail=detail)


def _ended_by(number: int, detail: str) -> ConversionError:
    name = _signal_name(number)
    if number in _CRASHES:
        return FfmpegCrashed(f"ffmpeg crashed ({name})", detail=detail)
    return FfmpegKilled(f"ffmpeg was killed from outside ({name})", detail=detail)


def _met_limit(code: int, log: Log, max_bytes: int | None, detail: str) -> ConversionError | None:
    """Name a limit of ours that ended it. The same file would meet it again: no new attempt."""
    if code == -signal.SIGXFSZ:
        return grown_beyond(max_bytes or 0, detail=detail)
    if code == -signal.SIGXCPU or log.seen.intersection(_CPU_USED_UP):
        return FfmpegTimeout("the conversion took more computing time than allowed", detail=detail)
    if code == -signal.SIGSYS:
        return FfmpegFailed("ffmpeg tried what it must not, and was stopped", detail=detail)
    if code == _NO_MEMORY_CODE or log.seen.intersection(_NO_MEMORY):
        return LimitExceeded(
            "this file takes more memory to convert than allowed",
            limitName="memory",
            detail=detail,
        )
    return None


def grown_beyond(limit: int, size: int | None = None, detail: str = "") -> LimitExceeded:
    """A result that is larger than allowed, found while it was made."""
    return LimitExceeded(
        f"the result grew beyond {limit} bytes; choose a smaller format or quality",
        limitName="outputBytes",
        limit=limit,
        value=limit + 1 if size is None else size,
        detail=detail,
    )


def judged_by_last(failure: AppError, last: JobError | None) -> AppError:
    """Name a crash anew if the attempt before it ended in the same: then it is no accident."""
    if not isinstance(failure, FfmpegCrashed) or last is None:
        return failure
    if (last.code, last.message) != (failure.code, failure.message):
        return failure
    return FfmpegCrashedAgain(
        f"{failure.message} twice in a row on this file; choose another format, or another file",
        **failure.members,
    )


def failure_of_system(error: OSError, ffmpeg: str) -> ConversionError | None:
    """Name what the system refused an attempt; None if that is nothing that may be expected."""
    if error.errno in _NO_ROOM:
        return ScratchFull("the converter has no disk space left")
    if error.filename == ffmpeg:
        return FfmpegMissing(f"{ffmpeg} is no longer there; install ffmpeg 5 or newer")
    return None


def _fault_of_source(code: int, log: Log) -> str | None:
    """Say what is wrong with the source; None if something else is.

    "Invalid data" once the input is open can be an encoder's complaint: then it is our fault.
    """
    telling = _SILENT if _OPENED in log.seen else _UNOPENED
    if code == _UNDECODABLE:
        return _SILENT["Output file is empty"]
    return next((meaning for phrase, meaning in telling.items() if phrase in log.seen), None)


def detail_of(lines: Iterable[str]) -> str:
    """Return the last lines of a log without our paths and addresses."""
    last = list(lines)[-_DETAIL_LINES:]
    return _OUR_PLACES.sub("", "\n".join(last))


def _signal_name(number: int) -> str:
    try:
        return signal.Signals(number).name
    except ValueError:
        return f"signal {number}"
