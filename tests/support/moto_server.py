"""moto's server, S3 and DynamoDB in memory, as a process: python -m support.moto_server PORT."""

import logging
import os
import signal
import subprocess
import sys
import threading
import time
import urllib.request
from collections.abc import Callable, Iterable, Iterator
from contextlib import contextmanager, suppress
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from moto.moto_server.werkzeug_app import (
    DomainDispatcherApplication,
    MotoRequestHandler,
    create_backend_app,
)
from moto.s3.models import S3Backend
from moto.s3.responses import S3Response
from werkzeug.serving import make_server

from support.ports import free_port
from support.s3 import AGE, mend_moto
from support.server import wait_until
from wavemill_common.tether import tether

TESTS = Path(__file__).parents[1]
START_TIMEOUT, STOP_TIMEOUT = 30.0, 10.0  # seconds

Application = Callable[[dict[str, Any], Any], Iterable[bytes]]


def one_by_one(app: Application) -> Application:
    """DynamoDB orders the writes of an item; moto's threads stumble over each other instead."""
    lock = threading.Lock()

    def handle(environ: dict[str, Any], start_response: Any) -> Iterable[bytes]:
        if not environ.get("HTTP_X_AMZ_TARGET", "").startswith("DynamoDB"):
            return app(environ, start_response)
        with lock:
            return app(environ, start_response)

    return handle


def with_dates(app: Application) -> Application:
    """Tell when a multipart upload was begun: to moto, each was in 2010, and so nobody's.

    A POST to `AGE` makes all that are there older by the seconds in its body.
    """
    begun: dict[str, float] = {}
    start, listed = S3Backend.create_multipart_upload, S3Response.list_multipart_uploads

    def noted(*args: Any, **kwargs: Any) -> Any:
        upload = start(*args, **kwargs)
        begun[upload.id] = time.time()
        return upload

    def dated(response: Any) -> Any:
        serialized = response.serialized

        def with_date(action: Any) -> Any:
            for one in action.result["Uploads"]:
                at = datetime.fromtimestamp(begun[one["UploadId"]], UTC)
                one["Initiated"] = at.strftime("%Y-%m-%dT%H:%M:%S.000Z")
            return serialized(action)

        response.serialized = with_date
        return listed(response)

    S3Backend.create_multipart_upload = noted  # type: ignore[method-assign]
    S3Response.list_multipart_uploads = dated  # type: ignore[assignment, method-assign]

    def handle(environ: dict[str, Any], start_response: Any) -> Iterable[bytes]:
        if environ["PATH_INFO"] != AGE:
            return app(environ, start_response)
        seconds = float(environ["wsgi.input"].read(int(environ["CONTENT_LENGTH"])))
        for upload_id in begun:
            begun[upload_id] -= seconds
        start_response("204 No Content", [])
        return []

    return handle


@contextmanager
def running_moto() -> Iterator[str]:
    """Run a server for the time of a block; its address."""
    port = free_port()
    url = f"http://127.0.0.1:{port}"
    command = [sys.executable, "-m", "support.moto_server", str(port)]
    environ = {**os.environ, "PYTHONPATH": f"{TESTS}:{os.environ.get('PYTHONPATH', '')}"}
    process = subprocess.Popen(command, env=environ, preexec_fn=tether(signal.SIGKILL))
    try:
        wait_until(lambda: _answers(url), START_TIMEOUT)
        yield url
    finally:
        process.terminate()
        process.wait(STOP_TIMEOUT)


def _answers(url: str) -> bool:
    with suppress(OSError), urllib.request.urlopen(f"{url}/moto-api/", timeout=5):  # noqa: S310
        return True
    return False


def main() -> None:
    """Serve until killed."""
    mend_moto()
    logging.getLogger("werkzeug").setLevel(logging.ERROR)
    app = with_dates(one_by_one(DomainDispatcherApplication(create_backend_app)))
    port = int(sys.argv[1])
    make_server(
        "127.0.0.1", port, app, threaded=True, request_handler=MotoRequestHandler
    ).serve_forever()


if __name__ == "__main__":
    main()
