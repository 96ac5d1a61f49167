"""Wire: connections that speak our language where no handler is reached, and wait for nobody.

What is no well-formed HTTP gets a problem and one line in the log; a connection too many is told
so; whoever sends too slowly is cut off.
"""

import asyncio
import re
from http import HTTPStatus
from typing import Any

import structlog
from aiohttp import web
from aiohttp.streams import StreamReader
from aiohttp.web_protocol import RequestHandler

from wavemill_common.errors import RequestError, SlowRequest
from wavemill_gateway.access.door import Door, refusal
from wavemill_gateway.access.headers import add_headers
from wavemill_gateway.access.network import network_of
from wavemill_gateway.access.pace import MIN_RATE, Pace
from wavemill_gateway.measuring import REFUSED
from wavemill_gateway.problems import problem_of
from wavemill_gateway.request_ids import new_request_id

log = structlog.get_logger(__name__)

UNPARSED = "it cannot be parsed"
_QUERY = re.compile(r"\?\S*")
# Bytes that are taken from a socket at once. Each time costs a turn of the event loop and a task's
# step: with asyncio's 256 KiB, an upload takes a fifth more computing.
HEAD_BLOCK, BODY_BLOCK = 256 * 1024, 1024 * 1024
REFUSED_FOR = 2.0  # seconds in which a client that is turned away may read why


class WireHandler(RequestHandler):
    """A connection of aiohttp's, counted and watched."""

    def __init__(self, manager: web.Server, door: Door, **options: Any) -> None:
        super().__init__(manager, **options)
        self._door = door
        self._network: str | None = None  # None: not let in
        self._pace = Pace()
        self._body: StreamReader | None = None
        self._alarm: asyncio.TimerHandle | None = None
        self._too_slow = False

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        """Let a connection in, or turn it away."""
        peer = transport.get_extra_info("peername")
        network = network_of(str(peer[0]) if peer else None)
        if not self._door.enter(network):
            REFUSED.inc()
            _turn_away(transport, self._loop)
            return
        self._network = network
        super().connection_made(transport)
        self._pace.head_begins(self._loop.time())
        self._set_alarm()

    def connection_lost(self, exc: BaseException | None) -> None:
        """Free a connection's place."""
        if self._network is None:
            return
        self._door.leave(self._network)
        self._network = None
        if self._alarm is not None:
            self._alarm.cancel()
        super().connection_lost(exc)

    def data_received(self, data: bytes) -> None:
        """Take in what came, and note how fast."""
        if self._network is None:
            return
        in_body, known = self._is_in_body(), self._request_count
        super().data_received(data)
        if self._request_count != known:
            self._pace.head_ends()
            self._body = self._messages[-1][1] if self._messages else None
            if self._is_in_body():
                self._pace.body_begins(self._loop.time())
            self._take_at_once(BODY_BLOCK if self._is_in_body() else HEAD_BLOCK)
        elif in_body:
            self._pace.body_brings(len(data))
        elif data:
            self._pace.head_begins(self._loop.time())
        self._set_alarm()

    def resume_reading(self, resume_parser: bool = True) -> None:  # noqa: FBT001, FBT002 - aiohttp's
        """Go on after a pause of ours, for which no client is blamed."""
        paused = self._reading_paused  # aiohttp calls this after every read
        super().resume_reading(resume_parser)
        if paused and self._is_in_body():
            self._pace.body_begins(self._loop.time())

    async def finish_response(
        self, request: web.BaseRequest, resp: web.StreamResponse, start_time: float | None
    ) -> tuple[web.StreamResponse, bool]:
        """Send an answer; who was too slow is not waited for after it."""
        finished = await super().finish_response(request, resp, start_time)
        if self._too_slow:
            self.force_close()
        return finished

    def handle_error(
        self,
        request: web.BaseRequest,
        status: int = 500,
        exc: BaseException | None = None,
        message: str | None = None,
    ) -> web.StreamResponse:
        """Answer a request that could not be parsed; the connection is closed after it."""
        if status != HTTPStatus.BAD_REQUEST or request.writer.output_size > 0:
            return super().handle_error(request, status, exc, message)
        request_id = new_request_id()
        what = without_query((message or UNPARSED).splitlines()[0][:200])
        log.info("request_malformed", reason=what, id=request_id)
        error = RequestError(f"this is no well-formed HTTP request: {what}")
        response = problem_of(error, request_id)
        response.headers["X-Request-Id"] = request_id
        add_headers(response)
        response.force_close()
        return response

    def _is_in_body(self) -> bool:
        return self._body is not None and not self._body.is_eof()

    def _take_at_once(self, size: int) -> None:
        transport: Any = self.transport
        if hasattr(transport, "max_size"):  # asyncio's own have it, undocumented
            transport.max_size = size

    def _set_alarm(self) -> None:
        """Look again when something may be late; one timer at a time, none while nothing is."""
        if self._alarm is None and self._pace.looks_again_at is not None:
            self._alarm = self._loop.call_at(self._pace.looks_again_at, self._look)

    def _look(self) -> None:
        self._alarm = None
        if self.transport is None:
            return
        now = self._loop.time()
        if not self._is_in_body():
            self._pace.body_ends()
        elif self._reading_paused or self._buffer_paused:
            self._pace.body_begins(now)
        if self._pace.is_head_late(now):
            log.info("head_too_slow")
            self.force_close()
        elif self._pace.is_body_slow(now):
            self._cut_off()
        else:
            self._set_alarm()

    def _cut_off(self) -> None:
        """Have the handler that reads the body say 408; without one, close."""
        self._too_slow = True
        if self._request_in_progress and self._body is not None:
            self._body.set_exception(
                SlowRequest(
                    f"the body comes at less than {MIN_RATE} bytes a second; send it again, faster"
                )
            )
        else:
            self.force_close()


def _turn_away(transport: asyncio.BaseTransport, loop: asyncio.AbstractEventLoop) -> None:
    """Say why, and leave a moment to read it: closing at once could take the words back."""
    assert isinstance(transport, asyncio.Transport)  # noqa: S101 - TCP
    transport.write(refusal())
    transport.write_eof()
    loop.call_later(REFUSED_FOR, transport.abort)


def without_query(text: str) -> str:
    """Leave out of a line what may be a URL's query: a link's token must get into no log. Pure."""
    return _QUERY.sub("?…", text)
