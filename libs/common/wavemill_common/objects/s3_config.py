"""S3Config: which bucket, how to reach it, and the client settings that were measured to work."""

import ipaddress
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any, Literal
from urllib.parse import urlsplit

from wavemill_common.user_agent import USER_AGENT

Addressing = Literal["path", "virtual", "auto"]
Checksums = Literal["when_required", "when_supported"]


@dataclass(frozen=True, kw_only=True)
class S3Config:
    """Where objects lie. Without keys the machine's or the task's role gives them.

    `checksums="when_supported"` sends a CRC32 with all that `put` stores, so that the store
    refuses what arrives damaged; several S3-compatible stores don't know it. `public_endpoint_url`
    is where browsers reach the store, if they know it by another name than we do.
    """

    bucket: str
    region: str = "us-east-1"
    endpoint_url: str | None = None  # None: AWS itself
    public_endpoint_url: str | None = None
    addressing: Addressing = "auto"
    checksums: Checksums = "when_required"
    access_key: str | None = None
    secret_key: str | None = field(default=None, repr=False)
    session_token: str | None = field(default=None, repr=False)
    connect_timeout: float = 5.0  # seconds
    answer_timeout: float = 10.0  # seconds, where a store has no work before it answers
    # Seconds between two pieces of a body or an answer: 256 KiB leave at once, and up to 4 MiB wait
    # in the system when the last has left, so 1 Mbit/s is enough.
    read_timeout: float = 30.0
    pool: int = 100  # connections; a download that streams holds one of them

    def session_options(self) -> Mapping[str, Any]:
        """What an AWS session is made of."""
        return {
            "aws_access_key_id": self.access_key,
            "aws_secret_access_key": self.secret_key,
            "aws_session_token": self.session_token,
            "region_name": self.region,
        }

    def client_options(self) -> Mapping[str, Any]:
        """What botocore's own Config is made of.

        One policy retries, and it is ours (retry.py). Without `s3v4` presigned URLs come out in
        the old signature. Botocore's own checksums come as trailers that many stores don't take;
        ours (see `Checksums`) are plain headers. Signing a body costs more than sending it: where
        TLS or the machine itself guards the way it is left out.
        """
        s3: dict[str, Any] = {"addressing_style": self.addressing}
        if self._way_is_safe():
            s3["payload_signing_enabled"] = False
        return {
            "user_agent": USER_AGENT,
            "signature_version": "s3v4",
            "s3": s3,
            "retries": {"total_max_attempts": 1},
            "connect_timeout": self.connect_timeout,
            "read_timeout": self.read_timeout,
            "max_pool_connections": self.pool,
            "request_checksum_calculation": "when_required",
            "response_checksum_validation": "when_required",
        }

    def _way_is_safe(self) -> bool:
        if self.endpoint_url is None:
            return True
        parts = urlsplit(self.endpoint_url)
        return parts.scheme == "https" or _is_loopback(parts.hostname or "")


def _is_loopback(host: str) -> bool:
    try:
        return ipaddress.ip_address(host).is_loopback
    except ValueError:
        return host == "localhost"
