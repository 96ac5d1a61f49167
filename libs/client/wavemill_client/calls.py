"""Calls: one method for each call of the interface that is no transfer of bytes."""

from collections.abc import Mapping, Sequence
from typing import Any, TypeAlias
from uuid import uuid4

from wavemill_client.errors import Expired, NotFound
from wavemill_client.options import Options, on_the_wire
from wavemill_client.transport import Json, Transport, query
from wavemill_client.values import Accepted, Estimate, Job, Offer, Progress, Upload

OptionsLike: TypeAlias = Options | Mapping[str, Any] | None


class Calls:
    """What can be asked of a server. Every method may raise `WavemillError`."""

    def __init__(self, transport: Transport) -> None:
        self.transport = transport

    async def formats(self) -> Offer:
        """What the server converts to, and its limits."""
        return await self.transport.call("GET", "/api/formats", Offer)

    async def show_upload(self, file_id: str) -> Upload:
        """What of an upload has arrived."""
        return await self.transport.call("GET", f"/api/uploads/{file_id}", Upload)

    async def delete_upload(self, file_id: str) -> None:
        """Remove an upload, with all that has arrived of it.

        Raises:
            Conflict: a job still needs it.
        """
        try:
            await self.transport.call("DELETE", f"/api/uploads/{file_id}", object)
        except (NotFound, Expired):
            return

    async def create_job(
        self,
        file_id: str,
        format: str | None = None,  # noqa: A002 - its name in the interface
        *,
        quality: str | None = None,
        options: OptionsLike = None,
        outputs: Sequence[Mapping[str, Any]] | None = None,
        preview: bool = False,
        webhook_url: str | None = None,
        idempotency_key: str | None = None,
    ) -> Accepted:
        """Start a job on a complete upload: into one `format`, or into several `outputs`.

        It is started once, however often the connection breaks: the call has a key of its own.

        Raises:
            InvalidRequest: it asks for what there is not; the message names what there is.
            NotFound, Conflict: there is no such upload, or it is not complete.
        """
        asked = _asked(file_id, format, quality, options, outputs, preview=preview)
        if webhook_url is not None:
            asked["webhookUrl"] = webhook_url
        return await self.transport.call(
            "POST",
            "/api/convert-audio",
            Accepted,
            body=Json(asked),
            headers={"Idempotency-Key": idempotency_key or uuid4().hex},
        )

    async def estimate(
        self,
        file_id: str,
        format: str | None = None,  # noqa: A002 - its name in the interface
        *,
        quality: str | None = None,
        options: OptionsLike = None,
        outputs: Sequence[Mapping[str, Any]] | None = None,
        preview: bool = False,
    ) -> Estimate:
        """Tell what a conversion would give, with the refusals that it would meet."""
        asked = _asked(file_id, format, quality, options, outputs, preview=preview)
        return await self.transport.call("POST", "/api/estimate", Estimate, body=Json(asked))

    async def progress(self, job_id: str) -> Progress:
        """The newest state of a job."""
        return await self.transport.call(
            "GET", "/api/progress", Progress, params=query(jobId=job_id)
        )

    async def job(self, job_id: str) -> Job:
        """The whole record of a job."""
        return await self.transport.call("GET", f"/api/jobs/{job_id}", Job)

    async def cancel(self, job_id: str) -> None:
        """End a job that has not ended; one that has is left as it is.

        Should it end in the moment in which it is cancelled, it is removed.
        """
        try:
            if not (await self.progress(job_id)).is_terminal:
                await self.transport.call("DELETE", f"/api/jobs/{job_id}", object)
        except (NotFound, Expired):
            return

    async def delete_job(self, job_id: str) -> None:
        """Remove a job with its results; one that runs is cancelled first."""
        gone = False
        while not gone:
            try:
                gone = await self.transport.call("DELETE", f"/api/jobs/{job_id}", object) is None
            except (NotFound, Expired):
                return

    async def retry(self, job_id: str) -> Accepted:
        """Run a failed or cancelled job again.

        Raises:
            Conflict: it has completed.
        """
        return await self.transport.call("POST", f"/api/jobs/{job_id}/retry", Accepted)


def _asked(
    file_id: str,
    target: str | None,
    quality: str | None,
    options: OptionsLike,
    outputs: Sequence[Mapping[str, Any]] | None,
    *,
    preview: bool,
) -> dict[str, Any]:
    """The body of a conversion, and of an estimate."""
    asked: dict[str, Any] = {"fileId": file_id}
    if target is not None:
        asked["format"] = target
    if quality is not None:
        asked["quality"] = quality
    if written := on_the_wire(options):
        asked["options"] = written
    if outputs is not None:
        asked["outputs"] = [dict(one) for one in outputs]
    if preview:
        asked["preview"] = True
    return asked
