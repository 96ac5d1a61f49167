"""A typed asyncio client of wavemill, that bears bad lines.

It needs aiohttp and msgspec, and nothing of the server. `WavemillClient` is where to begin.
"""

from wavemill_client.client import WavemillClient
from wavemill_client.conversion import Converted
from wavemill_client.errors import (
    Conflict,
    DeadlineExceeded,
    Expired,
    InvalidRequest,
    JobFailed,
    NotAllowed,
    NotFound,
    NotReady,
    NotWavemill,
    Refused,
    ResultDamaged,
    ServerUnreachable,
    SourceChanged,
    TooLarge,
    TooMany,
    TooSlow,
    Unavailable,
    WavemillError,
)
from wavemill_client.options import ChapterMark, Loudness, Options
from wavemill_client.retry import Retry
from wavemill_client.steps import OnProgress, Step
from wavemill_client.values import (
    Accepted,
    Estimate,
    Expected,
    Format,
    Job,
    JobError,
    Media,
    Offer,
    Output,
    Progress,
    Upload,
    Warn,
)

__all__ = [
    "Accepted",
    "ChapterMark",
    "Conflict",
    "Converted",
    "DeadlineExceeded",
    "Estimate",
    "Expected",
    "Expired",
    "Format",
    "InvalidRequest",
    "Job",
    "JobError",
    "JobFailed",
    "Loudness",
    "Media",
    "NotAllowed",
    "NotFound",
    "NotReady",
    "NotWavemill",
    "Offer",
    "OnProgress",
    "Options",
    "Output",
    "Progress",
    "Refused",
    "ResultDamaged",
    "Retry",
    "ServerUnreachable",
    "SourceChanged",
    "Step",
    "TooLarge",
    "TooMany",
    "TooSlow",
    "Unavailable",
    "Upload",
    "Warn",
    "WavemillClient",
    "WavemillError",
]
