"""ApiKey: who may call. The record knows a key by its hash; the key itself only its holder has.

A key is `wm_`, its public id, and 256 random bits: wm_3f9a1c07b2de_kX… The prefix lets scanners
of leaked secrets recognise it, the id is what operators and records name it by.

A plain SHA-256 is the right hash here. Slow and salted ones are for passwords, which can be
guessed; nobody tries 2²⁵⁶ keys, however fast the hash, no two keys are alike, and what every
request asks for must be cheap.
"""

import hashlib
import hmac
import re
import secrets

from msgspec import Struct, structs

PREFIX = "wm_"
ID_BYTES = 6  # 48 bits, 12 characters: enough to tell keys apart
SECRET_BYTES = 32  # 256 random bits, 43 characters
_FORM = re.compile(rf"{PREFIX}([0-9a-f]{{12}})_[A-Za-z0-9_-]{{43}}")


class ApiKey(Struct, frozen=True, kw_only=True, rename="camel"):
    """A key as it is kept. Times in seconds since 1970.

    `rate_limit`, as WAVEMILL_RATE_LIMIT takes it, and `max_open_uploads` are the key's own
    limits; None stands for the server's.
    """

    key_id: str
    name: str
    digest: str  # SHA-256 (hex)
    created_at: float
    expires_at: float | None = None
    revoked_at: float | None = None
    rate_limit: str | None = None
    max_open_uploads: int | None = None

    def is_good(self, now: float) -> bool:
        """Whether it opens anything (any more)."""
        return self.revoked_at is None and (self.expires_at is None or now < self.expires_at)

    def fits(self, key: str) -> bool:
        """Whether this is the record of that very key; takes as long whichever it is."""
        return hmac.compare_digest(self.digest, digest_of(key))

    def revoked(self, now: float) -> "ApiKey":
        """Open nothing from now on; the first revocation counts."""
        return self if self.revoked_at is not None else structs.replace(self, revoked_at=now)


def new_key() -> str:
    """Make a key: to be shown once, and kept nowhere."""
    return f"{PREFIX}{secrets.token_hex(ID_BYTES)}_{secrets.token_urlsafe(SECRET_BYTES)}"


def id_of(key: str) -> str | None:
    """The public id of a key; None where the text is no key at all."""
    found = _FORM.fullmatch(key)
    return found[1] if found else None


def digest_of(key: str) -> str:
    """What is kept of a key."""
    return hashlib.sha256(key.encode()).hexdigest()
