"""Tokens: one hour's permission to one thing of one job, for links that can carry no header.

A token is `expiry.keyId.mac`, the mac an HMAC-SHA256 over its purpose, its job, the id of the key
that it was given to, and when it expires (seconds since 1970). Nothing is stored.
"""

import base64
import hmac
import re
from collections.abc import Callable, Iterable
from enum import StrEnum

from aiohttp import web
from msgspec import Struct

from wavemill_common.errors import InvalidToken, TokenExpired

GOOD_FOR = 3600.0  # seconds
MAC_BYTES = 24
_FORM = re.compile(r"([0-9]{1,12})\.([0-9a-f]{12})\.[A-Za-z0-9_-]{32}")
_NEW_ONE = "GET /api/jobs/{jobId} with the API key gives a new one"


class Purpose(StrEnum):
    """What a token opens."""

    EVENTS = "events"
    DOWNLOAD = "download"


class Grant(Struct, frozen=True):
    """What a good token says: which job it opens, and by whose leave."""

    job_id: str
    key_id: str


class Tokens:
    """Signs and reads tokens."""

    def __init__(self, secret: bytes, now: Callable[[], float]) -> None:
        self._secret = secret
        self._now = now

    def sign(self, purpose: Purpose, job_id: str, key_id: str) -> str:
        """Make a token."""
        return self._written(purpose, job_id, key_id, int(self._now() + GOOD_FOR))

    def read(self, purpose: Purpose, job_ids: Iterable[str], text: str) -> Grant:
        """Find the one of these jobs that the token is for.

        Raises:
            InvalidToken: it is for none of them, or for something else.
            TokenExpired: its hour is over.
        """
        found = _FORM.fullmatch(text)
        if found is None:
            raise invalid_token()
        expiry, key_id = int(found[1]), found[2]
        for job_id in job_ids:
            ours = self._written(purpose, job_id, key_id, expiry)
            if hmac.compare_digest(ours, text):
                if expiry <= self._now():
                    raise token_expired()
                return Grant(job_id, key_id)
        raise invalid_token()

    def _written(self, purpose: Purpose, job_id: str, key_id: str, expiry: int) -> str:
        message = f"wavemill token\n{purpose}\n{job_id}\n{key_id}\n{expiry}".encode()
        mac = hmac.digest(self._secret, message, "sha256")[:MAC_BYTES]
        return f"{expiry}.{key_id}.{base64.urlsafe_b64encode(mac).decode()}"


TOKENS = web.AppKey("tokens", Tokens)


def invalid_token() -> InvalidToken:
    """The refusal of what is no token for this."""
    return InvalidToken(f"this token does not open this; {_NEW_ONE}")


def token_expired() -> TokenExpired:
    """The refusal of a token whose time is over."""
    return TokenExpired(f"this link has expired; {_NEW_ONE}")
