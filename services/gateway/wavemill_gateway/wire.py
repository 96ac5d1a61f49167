"""Wire: what is no well-formed HTTP gets a problem too, and one line in the log."""

import re
from http import HTTPStatus
from uuid import uuid4

import structlog
from aiohttp import web
from aiohttp.web_protocol import RequestHandler

from wavemill_common.errors import RequestError
from wavemill_gateway.problems import problem_of

log = structlog.get_logger(__name__)

UNPARSED = "it cannot be parsed"
_QUERY = re.compile(r"\?\S*")


class WireHandler(RequestHandler):
    """A connection of aiohttp's that speaks our language also where no handler is reached."""

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
        request_id, what = uuid4().hex, without_query((message or UNPARSED).splitlines()[0][:200])
        log.info("request_malformed", reason=what, id=request_id)
        error = RequestError(f"this is no well-formed HTTP request: {what}")
        response = problem_of(error, request_id)
        response.headers["X-Request-Id"] = request_id
        response.force_close()
        return response


def without_query(text: str) -> str:
    """Leave out of a line what may be a URL's query: a link's token must get into no log. Pure."""
    return _QUERY.sub("?…", text)
