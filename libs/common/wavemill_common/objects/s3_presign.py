"""Presigned URLs: what a browser may fetch or send for a few minutes without our credentials."""

from typing import Any

from wavemill_common.objects import PostForm
from wavemill_common.objects.keys import check_key
from wavemill_common.objects.s3_faults import s3_faults

MAX_LIFE = 300.0  # seconds; a URL that leaks is soon worthless


class S3Presigner:
    """Signs URLs and forms with our credentials; S3 is asked nothing."""

    def __init__(self, client: Any, bucket: str) -> None:
        self._client = client
        self._bucket = bucket

    async def presigned_get(self, key: str, *, seconds: float, disposition: str, mime: str) -> str:
        """Sign the reading of an object."""
        return await self._sign(
            "get_object",
            seconds,
            Key=check_key(key),
            ResponseContentDisposition=disposition,
            ResponseContentType=mime,
            ResponseCacheControl="private, no-store",
        )

    async def presigned_part(
        self, key: str, upload_id: str, number: int, *, seconds: float, size: int | None
    ) -> str:
        """Sign the sending of a part, of `size` bytes and no others where that is known."""
        length = {} if size is None else {"ContentLength": size}
        return await self._sign(
            "upload_part",
            seconds,
            Key=check_key(key),
            UploadId=upload_id,
            PartNumber=number,
            **length,
        )

    async def presigned_post(self, key: str, *, seconds: float, max_size: int) -> PostForm:
        """Sign a form that sends a whole object of at most `max_size` bytes."""
        with s3_faults("put_object", self._bucket, key):
            form = await self._client.generate_presigned_post(
                Bucket=self._bucket,
                Key=check_key(key),
                Fields={"success_action_status": "201"},
                Conditions=[
                    {"success_action_status": "201"},
                    ["content-length-range", 1, max_size],
                ],
                ExpiresIn=_life(seconds),
            )
        return PostForm(url=str(form["url"]), fields=dict(form["fields"]))

    async def _sign(self, operation: str, seconds: float, **parameters: Any) -> str:
        with s3_faults(operation, self._bucket, parameters["Key"]):
            url: str = await self._client.generate_presigned_url(
                operation,
                Params={"Bucket": self._bucket, **parameters},
                ExpiresIn=_life(seconds),
            )
        return url


def _life(seconds: float) -> int:
    return max(1, int(min(seconds, MAX_LIFE)))
