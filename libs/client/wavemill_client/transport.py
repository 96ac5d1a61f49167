"""Transport: requests go out, answers come back as values or as errors of ours, tried again."""

import asyncio
import os
from collections.abc import AsyncIterator, Callable, Iterator, Mapping
from contextlib import asynccontextmanager, contextmanager
from typing import Any, Protocol, TypeVar

import aiohttp
import msgspec

from wavemill_client.errors import NotWavemill, Refused, ServerUnreachable, refusal
from wavemill_client.retry import Retry, retried

T = TypeVar("T")

STALL = 60.0  # seconds in which nothing moves: the connection is dead
CONNECT_TIMEOUT = 15.0  # seconds
MAX_ANSWER = 16 * 1024 * 1024  # bytes of JSON; records with covers in them stay far below
_ERRORS = 400
_TIMES = aiohttp.ClientTimeout(total=None, connect=CONNECT_TIMEOUT, sock_read=STALL)


class Body(Protocol):
    """What a request sends: written anew for every try."""

    headers: dict[str, str]  # its type and its length

    def write(self, moved: Callable[[int], None]) -> AsyncIterator[bytes]:
        """Its bytes; `moved` is told how many of them have gone out so far."""
        ...


class Json:
    """A small body."""

    def __init__(self, value: object) -> None:
        self._bytes = msgspec.json.encode(value)
        size = str(len(self._bytes))
        self.headers = {"Content-Type": "application/json", "Content-Length": size}

    async def write(self, moved: Callable[[int], None]) -> AsyncIterator[bytes]:
        """All of it at once."""
        yield self._bytes
        moved(len(self._bytes))


class Transport:
    """Speaks to one server. A path is below the server's address, whatever that ends with."""

    def __init__(self, session: aiohttp.ClientSession, url: str, retry: Retry) -> None:
        self._session = session
        self._url = url.rstrip("/")
        self.retry = retry

    async def call(
        self,
        method: str,
        path: str,
        into: type[T],
        *,
        params: Mapping[str, str] | None = None,
        body: Body | None = None,
        headers: Mapping[str, str] | None = None,
        unless: tuple[type[Refused], ...] = (),
    ) -> T:
        """Send a request that may be repeated; read its answer as `into`.

        An error `unless` is raised at once, though waiting might help.

        Raises:
            Refused, ServerUnreachable, NotWavemill: after as many tries as were worth it.
        """

        async def attempt() -> T | Refused:
            try:
                return await self._call_once(method, path, into, params, body, headers)
            except unless as error:
                return error

        answer = await retried(self.retry, attempt)
        if isinstance(answer, Refused):
            raise answer
        return answer

    async def _call_once(
        self,
        method: str,
        path: str,
        into: type[T],
        params: Mapping[str, str] | None,
        body: Body | None,
        headers: Mapping[str, str] | None,
    ) -> T:
        sent = {**(headers or {}), **(body.headers if body else {})}
        try:
            async with asyncio.timeout(STALL) as limit:

                def moved(_: int) -> None:
                    limit.reschedule(asyncio.get_running_loop().time() + STALL)

                data = body.write(moved) if body else None
                async with self.stream(method, path, params, sent, data) as response:
                    raw = await read_all(response)
        except TimeoutError:
            raise ServerUnreachable(f"nothing came from {self._url} for {STALL:.0f} s") from None
        return self.decode(raw, into)

    def decode(self, raw: bytes, into: type[T]) -> T:
        """Read an answer's JSON; one without a body is null.

        Raises:
            NotWavemill: it is something else.
        """
        try:
            return msgspec.json.decode(raw or b"null", type=into)
        except msgspec.MsgspecError as error:
            raise NotWavemill(f"{self._url} does not answer as wavemill does: {error}") from None

    @asynccontextmanager
    async def stream(
        self,
        method: str,
        path: str,
        params: Mapping[str, str] | None = None,
        headers: Mapping[str, str] | None = None,
        data: AsyncIterator[bytes] | None = None,
    ) -> AsyncIterator[aiohttp.ClientResponse]:
        """Send a request once, and let its answer be read in pieces.

        Raises:
            Refused, ServerUnreachable, NotWavemill: also from the block that reads.
        """
        with self._explained():
            async with self._session.request(
                method,
                self._url + path,
                params=params,
                headers=headers,
                data=data,
                timeout=_TIMES,
            ) as response:
                if response.status >= _ERRORS:
                    raise refusal(response.status, await read_all(response), response.headers)
                yield response

    @contextmanager
    def _explained(self) -> Iterator[None]:
        """Turn what the HTTP library raises into errors of ours."""
        try:
            yield
        except (aiohttp.InvalidURL, aiohttp.NonHttpUrlClientError):
            raise NotWavemill(
                f"{self._url!r} is no address of a server; it looks like http://127.0.0.1:8080"
            ) from None
        except (aiohttp.ClientResponseError, aiohttp.ClientConnectorCertificateError) as error:
            raise NotWavemill(f"{self._url} does not answer as wavemill does: {error}") from error
        except (aiohttp.ClientError, ConnectionError) as error:
            raise ServerUnreachable(
                f"cannot reach wavemill at {self._url}: {_reason(error)}"
            ) from error


async def read_all(response: aiohttp.ClientResponse) -> bytes:
    """The whole of a small answer."""
    body = bytearray()
    async for block in response.content.iter_any():
        body += block
        if len(body) > MAX_ANSWER:
            raise NotWavemill("an answer is far longer than any of wavemill's")
    return bytes(body)


def _reason(error: Exception) -> str:
    """Why a connection failed, in the words of the operating system where it knows."""
    number = getattr(error, "errno", None)
    if isinstance(number, int) and number > 0:
        return os.strerror(number)
    return str(error) or type(error).__name__


def query(**values: Any) -> dict[str, str]:
    """Write query parameters; what is None is left out."""
    return {name: str(value) for name, value in values.items() if value is not None}
