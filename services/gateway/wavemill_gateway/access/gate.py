"""Gate: who may come in: by API key, by a link's token, or, where no keys are required, anyone."""

from collections.abc import Iterable

from aiohttp import hdrs, web
from msgspec import Struct

from wavemill_common.api_keys import PREFIX, ApiKey
from wavemill_common.errors import RequestError, Unauthorized
from wavemill_gateway.access.keyring import KeyRing
from wavemill_gateway.access.tokens import Grant, Purpose, Tokens, token_expired

GUARDED = ("/api/", "/s3/")
PURPOSES = {
    "/api/events": Purpose.EVENTS,
    "/api/download": Purpose.DOWNLOAD,
    "/api/archive": Purpose.DOWNLOAD,
}
MAX_TOKENS = 200  # as many as jobs in one archive
_SCHEME = "bearer "


class Admission(Struct, frozen=True):
    """By what somebody came in: a key, or tokens, which open these jobs; by neither: as anyone."""

    key: ApiKey | None = None
    granted: frozenset[str] = frozenset()


class Gate:
    """Looks at what a request shows."""

    def __init__(self, keys: KeyRing, tokens: Tokens, *, required: bool) -> None:
        self._keys = keys
        self._tokens = tokens
        self._required = required

    async def admit(self, request: web.Request) -> Admission:
        """Let a request in; the pages, the documents and the health of the server are for all.

        Where no keys are required, one that is shown must still be good: who shows it means that
        key's own things. What is no key of ours is then left to whom it is for, such as a proxy.

        Raises:
            Unauthorized: it shows no good key where one is needed, or one that is not good.
            InvalidToken, TokenExpired: a token that opens nothing (any more).
        """
        if not is_guarded(request):
            return Admission()
        text = bearer(request.headers.get(hdrs.AUTHORIZATION, ""))
        if text is not None and (self._required or text.startswith(PREFIX)):
            return Admission(key=await self._recognised(text))
        tokens = request.query.getall("token", [])
        if tokens and request.method in {hdrs.METH_GET, hdrs.METH_HEAD}:
            purpose = PURPOSES.get(request.path)
            if purpose is not None:
                job_ids = request.query.getall("jobId", [])[:MAX_TOKENS]
                return Admission(granted=await self._granted(purpose, job_ids, tokens))
        # A browser asks with OPTIONS, and without its key, whether it may send the key.
        if self._required and request.method != hdrs.METH_OPTIONS:
            raise unauthorized()
        return Admission()

    async def _recognised(self, text: str) -> ApiKey:
        key = await self._keys.recognise(text)
        if key is None:
            raise unauthorized()
        return key

    async def _granted(
        self, purpose: Purpose, job_ids: Iterable[str], tokens: list[str]
    ) -> frozenset[str]:
        if len(tokens) > MAX_TOKENS:
            raise RequestError(f"there may be at most {MAX_TOKENS} tokens, one for each job")
        ids = list(dict.fromkeys(job_ids))
        grants = [self._tokens.read(purpose, ids, token) for token in tokens]
        await self._check_keys(grants)
        return frozenset(grant.job_id for grant in grants)

    async def _check_keys(self, grants: list[Grant]) -> None:
        """A link is good for no longer than the key that it came from."""
        for key_id in {grant.key_id for grant in grants}:
            if not await self._keys.is_good(key_id):
                raise token_expired()


GATE = web.AppKey("gate", Gate)


def is_guarded(request: web.Request) -> bool:
    """Whether a request is for what keys are about, however its path is written."""
    if request.path.startswith(GUARDED):
        return True
    resource = request.match_info.route.resource
    return resource is not None and resource.canonical.startswith(GUARDED)


def bearer(header: str) -> str | None:
    """What an Authorization header bears; None where it is of another kind. Pure."""
    if header[: len(_SCHEME)].lower() != _SCHEME:
        return None
    return header[len(_SCHEME) :].strip()


def unauthorized() -> Unauthorized:
    """The one answer to a missing, a wrong, an expired and a revoked key."""
    return Unauthorized(
        "this needs a valid API key; send it as `Authorization: Bearer KEY`"
        " (whoever runs this server has keys: `wavemill-janitor keys create`)"
    )
