"""How the work is done: sizes, times and limits."""

from dataclasses import dataclass
from enum import StrEnum

from wavemill_common.settings import parsers
from wavemill_common.settings.fields import hidden, setting
from wavemill_common.settings.timings import Timings

MIB = 1024 * 1024
HOUR = 3600.0
MIN_CHUNK_BYTES = 5 * MIB  # S3 takes no smaller part, but for the last
MAX_CHUNK_BYTES = 64 * MIB
DRAIN_GRACE = 30.0  # seconds; what container platforms give a task to stop in


class LogLevel(StrEnum):
    """What is logged at least."""

    DEBUG = "debug"
    INFO = "info"
    WARNING = "warning"
    ERROR = "error"


class Verification(StrEnum):
    """How a result is checked before it is committed."""

    STRUCTURE = "structure"
    DECODE = "decode"


class SandboxMode(StrEnum):
    """What happens where ffmpeg cannot be contained entirely: nothing, a warning, no start."""

    OFF = "off"
    PREFER = "prefer"
    REQUIRE = "require"


@dataclass(frozen=True, kw_only=True)
class Work:
    """Sizes in bytes, times in seconds."""

    ffmpeg: str = setting(
        "WAVEMILL_FFMPEG", "", "The ffmpeg to use; empty: the bundled one, else PATH", parsers.plain
    )
    max_upload_bytes: int = setting(
        "WAVEMILL_MAX_UPLOAD_BYTES",
        2048 * MIB,
        "The largest file taken in",
        parsers.whole(1, 1 << 50),
    )
    chunk_bytes: int = setting(
        "WAVEMILL_CHUNK_BYTES",
        8 * MIB,
        "The chunk size where the client names none",
        parsers.whole(MIN_CHUNK_BYTES, MAX_CHUNK_BYTES),
    )
    upload_ttl: float = setting(
        "WAVEMILL_UPLOAD_TTL", 24 * HOUR, "How long an upload is kept", parsers.number(1, 1e9)
    )
    job_ttl: float = setting(
        "WAVEMILL_JOB_TTL",
        24 * HOUR,
        "How long a job may last, then how long its result is kept",
        parsers.number(1, 1e9),
    )
    converter_slots: int = setting(
        "WAVEMILL_CONVERTER_SLOTS", 2, "Jobs that one converter runs at once", parsers.whole(1, 256)
    )
    segments: bool = setting(
        "WAVEMILL_SEGMENTS",
        default=True,
        meaning="1: a long conversion to FLAC uses idle slots beside its own",
        parse=parsers.flag,
    )
    job_timeout: float = setting(
        "WAVEMILL_JOB_TIMEOUT", 6 * HOUR, "How long one conversion may run", parsers.number(1, 1e6)
    )
    stall_timeout: float = setting(
        "WAVEMILL_STALL_TIMEOUT",
        120.0,
        "How long ffmpeg may make no progress",
        parsers.number(0.1, 1e6),
    )
    max_duration: float = setting(
        "WAVEMILL_MAX_DURATION", 24 * HOUR, "The longest audio taken", parsers.number(1, 1e7)
    )
    max_output_bytes: int = setting(
        "WAVEMILL_MAX_OUTPUT_BYTES",
        16384 * MIB,
        "The largest result made",
        parsers.whole(1, 1 << 50),
    )
    verify: Verification = setting(
        "WAVEMILL_VERIFY",
        Verification.DECODE,
        "How results are checked: decode (all of it), or structure (what ffmpeg reported)",
        parsers.member(Verification),
    )
    sandbox: SandboxMode = setting(
        "WAVEMILL_SANDBOX",
        SandboxMode.PREFER,
        "Containment of ffmpeg: off, prefer (what works here), or require (all of it, or no start)",
        parsers.member(SandboxMode),
    )
    max_strikes: int = setting(
        "WAVEMILL_MAX_STRIKES", 3, "Crashes after which a job is given up", parsers.whole(1, 100)
    )
    lease_ttl: float = setting(
        "WAVEMILL_LEASE_TTL",
        15.0,
        "How long a silent converter keeps a job",
        parsers.number(0.5, 3600),
    )
    drain_grace: float = setting(
        "WAVEMILL_DRAIN_GRACE",
        0.0,
        "How long a stopping converter may work on; then its jobs are handed back",
        parsers.number(0, 86_400),
        local=DRAIN_GRACE,
        docker=DRAIN_GRACE,
        cloud=DRAIN_GRACE,
    )
    webhook_secret: str = setting(
        "WAVEMILL_WEBHOOK_SECRET",
        "",
        "Signs webhooks; empty: WAVEMILL_SECRET does",
        parsers.plain,
        show=hidden,
    )
    webhook_private: bool = setting(
        "WAVEMILL_WEBHOOK_PRIVATE",
        default=False,
        meaning="1: webhooks may go to private and loopback addresses",
        parse=parsers.flag,
    )
    time_scale: float = setting(
        "WAVEMILL_TIME_SCALE",
        1.0,
        "Factor on all times of the protocol, for tests",
        parsers.number(0.01, 100),
    )
    secret: str = setting(
        "WAVEMILL_SECRET",
        "",
        "Signs ids and links, the same for all services; empty: made once in DATA_DIR",
        parsers.plain,
        show=hidden,
    )
    api_keys_required: bool = setting(
        "WAVEMILL_API_KEYS_REQUIRED",
        default=False,
        meaning="1: every call of the interface needs an API key (`wavemill-janitor keys create`)",
        parse=parsers.flag,
    )
    log_level: LogLevel = setting(
        "WAVEMILL_LOG_LEVEL",
        LogLevel.INFO,
        "debug, info, warning or error",
        parsers.member(LogLevel),
    )

    @property
    def timings(self) -> Timings:
        """The times of the protocol, scaled."""
        return Timings.of(self.lease_ttl, self.time_scale)
