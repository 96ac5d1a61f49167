"""What it means when ffmpeg fails: by its code, and by what it printed."""

import errno
import re
import signal
from collections.abc import Iterable
from typing import Final

from wavemill_common.errors import (
    ConversionError,
    FfmpegFailed,
    FfmpegKilled,
    FfmpegMissing,
    NotAudio,
    ScratchFull,
)
from wavemill_converter.lines import Log

SUPPORTED: Final = "mp3, m4a, wav, flac, ogg, opus, aac, wma, aiff, or a video with an audio track"
_DETAIL_LINES: Final = 20
_NO_SPACE: Final = ("No space left on device", "Disk quota exceeded")
_NO_ROOM: Final = frozenset({errno.ENOSPC, errno.EDQUOT})
_STOPPED: Final = "received signal"
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
PHRASES: Final = (*_NO_SPACE, _STOPPED, _OPENED, *_UNOPENED, *_SILENT)
_SCRATCH_PATH: Final = re.compile(r"(?:file:)?(?:/[^\s:'\"]+)+/")


def failure_of(code: int, log: Log, written: int = 0) -> ConversionError:
    """Name the failure of an ffmpeg that ended with this code after writing `written` bytes."""
    detail = detail_of(log.tail)
    if log.seen.intersection(_NO_SPACE):
        return ScratchFull("the converter has no disk space left", detail=detail)
    if code < 0:
        name = _signal_name(-code)
        return FfmpegKilled(f"ffmpeg was killed from outside ({name})", detail=detail)
    if _STOPPED in log.seen:
        return FfmpegKilled("ffmpeg was stopped from outside", detail=detail)
    meaning = None if written else _fault_of_source(code, log)
    if meaning:
        return NotAudio(f"{meaning}; send {SUPPORTED}", detail=detail)
    return FfmpegFailed(f"ffmpeg failed with code {code}", detail=detail)


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
    """Return the last lines of a log without our paths."""
    last = list(lines)[-_DETAIL_LINES:]
    return _SCRATCH_PATH.sub("", "\n".join(last))


def _signal_name(number: int) -> str:
    try:
        return signal.Signals(number).name
    except ValueError:
        return f"signal {number}"
