"""Peaks: GET /api/jobs/{jobId}/peaks, a job's source or one of its results as a waveform."""

import hashlib
from typing import Final

import msgspec
from aiohttp import web
from msgspec import Struct

from wavemill_common.errors import Gone, NoPeaks, ObjectNotFound, RequestError
from wavemill_common.media import MediaInfo
from wavemill_common.peaks import FULL, JobPeaks, Peaks
from wavemill_gateway.access.caller import caller_of
from wavemill_gateway.downloads import asked_output
from wavemill_gateway.jobs import job_id_of
from wavemill_gateway.keys import DESK, OBJECTS
from wavemill_gateway.replies import is_known, json_reply

routes = web.RouteTableDef()

_OF: Final = ("source", "output")
_AS: Final = ("floats", "audiowaveform")
_RATE: Final = 48_000  # Hz, where the record tells none
_HIGHEST: Final = 127  # of eight bits with a sign


class Waveform(Struct, frozen=True, kw_only=True):
    """Peaks as wavesurfer.js takes them: one channel of amplitudes from 0 to 1.

    `duration` and `seconds`, which one value stands for, in seconds.
    """

    of: str
    output: int | None
    duration: float
    seconds: float
    peaks: list[float]


class Audiowaveform(Struct, frozen=True, kw_only=True):
    """Peaks as audiowaveform writes and peaks.js reads them: pairs of a lowest and a highest."""

    version: int = 2
    channels: int = 1
    sample_rate: int
    samples_per_pixel: int
    bits: int = 8
    length: int
    data: list[int]


@routes.get("/api/jobs/{jobId}/peaks")
async def show_peaks(request: web.Request) -> web.Response:
    """Tell the peaks of the source, or of a result; 304 where the client has them already."""
    of, form = _choice(request, "of", _OF), _choice(request, "as", _AS)
    job = await request.app[DESK].find(job_id_of(request), caller_of(request))
    if not job.peaks:
        raise NoPeaks('this job was not asked for peaks; convert again with "peaks": true')
    number = asked_output(request, job)
    if job.peaks_key is None:
        raise NoPeaks("the converter of this job could not tell peaks; it needs Linux")
    headers = {"Cache-Control": "private, no-cache", "ETag": _etag(job.peaks_key, of, number, form)}
    if is_known(request, headers["ETag"]):
        return web.Response(status=304, headers=headers)
    stored = await _read(request, job.peaks_key)
    found = stored.source if of == "source" else stored.outputs[number]
    if found is None:
        raise NoPeaks(
            "this result was not decoded once more, so it has no peaks; "
            "WAVEMILL_VERIFY=decode has results decoded"
        )
    media = job.media if of == "source" else job.outputs[number].media
    if form == "audiowaveform":
        return json_reply(audiowaveform(found, media), headers=headers)
    output = number if of == "output" else None
    return json_reply(waveform(found, media, of, output), headers=headers)


def waveform(peaks: Peaks, media: MediaInfo | None, of: str, output: int | None) -> Waveform:
    """Write peaks as amplitudes."""
    known = media.duration if media else None
    return Waveform(
        of=of,
        output=output,
        duration=known or peaks.seconds * len(peaks.values),
        seconds=peaks.seconds,
        peaks=[round(value / FULL, 3) for value in peaks.values],
    )


def audiowaveform(peaks: Peaks, media: MediaInfo | None) -> Audiowaveform:
    """Write peaks as pairs; they are the same up and down, since only amplitudes are known."""
    rate = (media.sample_rate if media else None) or _RATE
    highest = [round(value / FULL * _HIGHEST) for value in peaks.values]
    return Audiowaveform(
        sample_rate=rate,
        samples_per_pixel=round(peaks.seconds * rate),
        length=len(highest),
        data=[one for value in highest for one in (-value, value)],
    )


async def _read(request: web.Request, key: str) -> JobPeaks:
    try:
        data = b"".join([block async for block in request.app[OBJECTS].read(key)])
    except ObjectNotFound:
        raise Gone("the peaks have expired; convert the file again") from None
    return msgspec.json.decode(data, type=JobPeaks)


def _etag(*parts: object) -> str:
    """What never changes under a key of one attempt is known by that key."""
    return f'"{hashlib.sha256(repr(parts).encode()).hexdigest()[:32]}"'


def _choice(request: web.Request, name: str, choices: tuple[str, ...]) -> str:
    """Read which of some values a query names; the first by default.

    Raises:
        RequestError: none of them.
    """
    value = request.query.get(name, choices[0])
    if value not in choices:
        raise RequestError(f"{name} must be {' or '.join(choices)}")
    return value
