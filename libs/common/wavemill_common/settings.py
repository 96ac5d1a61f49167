"""Settings: what may be set from outside, once, at the start. A bad value names what would work.

Every setting is a field made by `_setting()`, which holds its variable, its meaning and its
parser together; `from_environ` and the documentation both read the fields.
"""

import dataclasses
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from enum import StrEnum
from pathlib import Path
from typing import Any, Self

MIB = 1024 * 1024
HOUR = 3600.0
MAX_DIGITS = 18  # of a whole number; Python refuses to read some thousands
MIN_CHUNK_BYTES = 5 * MIB  # S3 takes no smaller part, but for the last
MAX_CHUNK_BYTES = 64 * MIB
REDIS_SCHEMES = ("redis://", "rediss://", "unix://")
LOG_LEVELS = ("debug", "info", "warning", "error")


class SettingError(ValueError):
    """A setting has a value that does not work; the message says which would."""


class Verification(StrEnum):
    """How a result is checked before it is committed."""

    STRUCTURE = "structure"
    DECODE = "decode"


class SandboxMode(StrEnum):
    """What happens where ffmpeg cannot be contained entirely: nothing, a warning, no start."""

    OFF = "off"
    PREFER = "prefer"
    REQUIRE = "require"


class Environment(StrEnum):
    """Where wavemill runs, which decides the defaults."""

    EMBEDDED = "embedded"


def _whole(low: int, high: int) -> Callable[[str], int]:
    def parse(text: str) -> int:
        digits = text.isascii() and text.isdigit() and len(text) <= MAX_DIGITS
        if not (digits and low <= int(text) <= high):
            raise SettingError(f"must be a whole number from {low} to {high}")
        return int(text)

    return parse


def _number(low: float, high: float) -> Callable[[str], float]:
    def parse(text: str) -> float:
        try:
            value = float(text)
        except ValueError:
            value = float("nan")
        if not low <= value <= high:
            raise SettingError(f"must be a number from {low:g} to {high:g}")
        return value

    return parse


def _environment(text: str) -> Environment:
    try:
        return Environment(text)
    except ValueError:
        raise SettingError(f"must be one of {', '.join(Environment)}") from None


def _verification(text: str) -> Verification:
    try:
        return Verification(text)
    except ValueError:
        raise SettingError(f"must be one of {', '.join(Verification)}") from None


def _sandbox_mode(text: str) -> SandboxMode:
    try:
        return SandboxMode(text)
    except ValueError:
        raise SettingError(f"must be one of {', '.join(SandboxMode)}") from None


def _flag(text: str) -> bool:
    if text not in {"0", "1"}:
        raise SettingError("must be 0 or 1")
    return text == "1"


def _redis_url(text: str) -> str:
    if not text.startswith(REDIS_SCHEMES):
        raise SettingError(f"must begin with {', '.join(REDIS_SCHEMES)}")
    return text


def _log_level(text: str) -> str:
    if text.lower() not in LOG_LEVELS:
        raise SettingError(f"must be one of {', '.join(LOG_LEVELS)}")
    return text.lower()


def _text(text: str) -> str:
    return text


def _setting(variable: str, default: Any, meaning: str, parse: Callable[[str], Any]) -> Any:
    metadata = {"variable": variable, "meaning": meaning, "parse": parse}
    return dataclasses.field(default=default, metadata=metadata)


@dataclass(frozen=True, kw_only=True)
class Settings:
    """What is in force. Sizes in bytes, times in seconds."""

    env: Environment = _setting(
        "WAVEMILL_ENV", Environment.EMBEDDED, "Where wavemill runs", _environment
    )
    host: str = _setting("HOST", "127.0.0.1", "The address that the gateway listens on", _text)
    port: int = _setting("PORT", 8080, "The port that the gateway listens on", _whole(0, 65535))
    data_dir: Path = _setting(
        "DATA_DIR", Path(".data"), "Where everything lies when embedded", Path
    )
    redis_url: str = _setting(
        "REDIS_URL", "", "The Redis or Valkey server; empty: wavemill starts its own", _redis_url
    )
    ffmpeg: str = _setting(
        "WAVEMILL_FFMPEG", "", "The ffmpeg to use; empty: the bundled one, else PATH", _text
    )
    max_upload_bytes: int = _setting(
        "WAVEMILL_MAX_UPLOAD_BYTES", 2048 * MIB, "The largest file taken in", _whole(1, 1 << 50)
    )
    chunk_bytes: int = _setting(
        "WAVEMILL_CHUNK_BYTES",
        8 * MIB,
        "The chunk size where the client names none",
        _whole(MIN_CHUNK_BYTES, MAX_CHUNK_BYTES),
    )
    upload_ttl: float = _setting(
        "WAVEMILL_UPLOAD_TTL", 24 * HOUR, "How long an upload is kept", _number(1, 1e9)
    )
    job_ttl: float = _setting(
        "WAVEMILL_JOB_TTL",
        24 * HOUR,
        "How long a job may last, then how long its result is kept",
        _number(1, 1e9),
    )
    converter_slots: int = _setting(
        "WAVEMILL_CONVERTER_SLOTS", 2, "Jobs that one converter runs at once", _whole(1, 256)
    )
    job_timeout: float = _setting(
        "WAVEMILL_JOB_TIMEOUT", 6 * HOUR, "How long one conversion may run", _number(1, 1e6)
    )
    stall_timeout: float = _setting(
        "WAVEMILL_STALL_TIMEOUT", 120.0, "How long ffmpeg may make no progress", _number(0.1, 1e6)
    )
    max_duration: float = _setting(
        "WAVEMILL_MAX_DURATION", 24 * HOUR, "The longest audio taken", _number(1, 1e7)
    )
    max_output_bytes: int = _setting(
        "WAVEMILL_MAX_OUTPUT_BYTES", 16384 * MIB, "The largest result made", _whole(1, 1 << 50)
    )
    verify: Verification = _setting(
        "WAVEMILL_VERIFY",
        Verification.DECODE,
        "How results are checked: decode (all of it), or structure (what ffmpeg reported)",
        _verification,
    )
    sandbox: SandboxMode = _setting(
        "WAVEMILL_SANDBOX",
        SandboxMode.PREFER,
        "Containment of ffmpeg: off, prefer (what works here), or require (all of it, or no start)",
        _sandbox_mode,
    )
    max_strikes: int = _setting(
        "WAVEMILL_MAX_STRIKES", 3, "Crashes after which a job is given up", _whole(1, 100)
    )
    lease_ttl: float = _setting(
        "WAVEMILL_LEASE_TTL", 15.0, "How long a silent converter keeps a job", _number(0.5, 3600)
    )
    drain_grace: float = _setting(
        "WAVEMILL_DRAIN_GRACE",
        0.0,
        "How long a stopping converter may work on; then its jobs are handed back",
        _number(0, 86_400),
    )
    webhook_secret: str = _setting(
        "WAVEMILL_WEBHOOK_SECRET", "", "Signs webhooks; empty: WAVEMILL_SECRET does", _text
    )
    webhook_private: bool = _setting(
        "WAVEMILL_WEBHOOK_PRIVATE",
        default=False,
        meaning="1: webhooks may go to private and loopback addresses",
        parse=_flag,
    )
    time_scale: float = _setting(
        "WAVEMILL_TIME_SCALE",
        1.0,
        "Factor on all times of the protocol, for tests",
        _number(0.01, 100),
    )
    secret: str = _setting(
        "WAVEMILL_SECRET", "", "Signs ids and links; empty: made once in DATA_DIR", _text
    )
    log_level: str = _setting(
        "WAVEMILL_LOG_LEVEL", "info", "debug, info, warning or error", _log_level
    )

    @classmethod
    def from_environ(cls, environ: Mapping[str, str]) -> Self:
        """Read the settings from environment variables; unset and empty ones keep the default.

        Raises:
            SettingError: a value does not work; the message names the variable and what does.
        """
        values: dict[str, Any] = {}
        for field in dataclasses.fields(cls):
            variable = field.metadata["variable"]
            text = environ.get(variable, "")
            if not text:
                continue
            try:
                values[field.name] = field.metadata["parse"](text)
            except SettingError as error:
                raise SettingError(f"{variable}={text!r}: {error}") from None
        return cls(**values)

    @property
    def timings(self) -> "Timings":
        """The times of the protocol, scaled."""
        return Timings.of(self.lease_ttl, self.time_scale)

    @property
    def objects_dir(self) -> Path:
        """Where the disk store keeps its objects."""
        return self.data_dir / "objects"

    @property
    def records_path(self) -> Path:
        """Where the SQLite store keeps its records."""
        return self.data_dir / "records.sqlite3"

    @property
    def scratch_dir(self) -> Path:
        """Where converters keep what they work on."""
        return self.data_dir / "scratch"


@dataclass(frozen=True, kw_only=True)
class Timings:
    """The times of the job protocol in seconds; docs/adr/0003 tells how they hang together."""

    lease_ttl: float  # an entry idle for longer may be claimed by another converter
    renew_every: float
    record_lease: float  # the database lease, for when Redis has forgotten everything
    record_renew_every: float
    sweep_every: float
    loop_stall: float  # renewal stops when the event loop has not ticked for so long
    due_after: float  # first look at a created job
    janitor_every: float
    epoch_every: float
    promote_every: float
    tidy_every: float
    retry_base: float
    retry_cap: float

    @classmethod
    def of(cls, lease_ttl: float, scale: float) -> Self:
        """All times follow from the lease and one scale."""
        return cls(
            lease_ttl=lease_ttl * scale,
            renew_every=lease_ttl / 5 * scale,
            record_lease=120.0 * scale,
            record_renew_every=30.0 * scale,
            sweep_every=lease_ttl / 3 * scale,
            loop_stall=30.0 * scale,
            due_after=10.0 * scale,
            janitor_every=5.0 * scale,
            epoch_every=1.0 * scale,
            promote_every=1.0 * scale,
            tidy_every=3600.0 * scale,
            retry_base=5.0 * scale,
            retry_cap=300.0 * scale,
        )
