"""S3 servers of the tests' own, over the wire: moto for most, ministack where signatures count."""

import functools
import logging
import threading
import urllib.request
from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager, contextmanager, nullcontext
from typing import Any
from uuid import uuid4

import boto3
import botocore.session
from botocore.config import Config
from moto.core.models import DEFAULT_ACCOUNT_ID
from moto.s3.exceptions import NoSuchUpload
from moto.s3.models import S3Backend, s3_backends
from moto.server import ThreadedMotoServer

from wavemill_common.objects.s3_config import S3Config

AGE = "/support/age"  # of `support.moto_server`; no path of AWS's
# What lets a page of any origin send to a bucket, where a signature allows it.
OPEN_TO_PAGES = {
    "CORSRules": [
        {
            "AllowedOrigins": ["*"],
            "AllowedMethods": ["PUT", "POST"],
            "AllowedHeaders": ["*"],
            "ExposeHeaders": ["ETag", "Location"],
        }
    ]
}

# Every test opens clients of its own, and each would read botocore's service models anew.
botocore.session.create_loader = functools.cache(botocore.session.create_loader)


class Moto:
    """Moto's server in a thread of this process. It checks no signatures.

    Other tests may use the same process's moto: so nothing is ever reset, only buckets go.
    """

    def __init__(self) -> None:
        self._server = ThreadedMotoServer("127.0.0.1", 0, verbose=False)
        self.url = ""
        self.client: Any = None

    def start(self) -> None:
        """Start it on a free port."""
        mend_moto()
        logging.getLogger("werkzeug").setLevel(logging.ERROR)  # a line a request costs time
        self._server.start()
        _, port = self._server.get_host_and_port()
        self.url = f"http://127.0.0.1:{port}"
        self.client = raw_client(self.url)

    def close(self) -> None:
        """Stop it."""
        self.client.close()
        self._server.stop()

    @contextmanager
    def bucket(self) -> Iterator[S3Config]:
        """Have an empty bucket for a block."""
        name = f"bucket-{uuid4().hex}"
        self.client.create_bucket(Bucket=name)
        yield config_of(self.url, name)
        s3_backends[DEFAULT_ACCOUNT_ID]["aws"].buckets.pop(name, None)


def config_of(url: str, bucket: str) -> S3Config:
    """How to reach a server's bucket."""
    return S3Config(
        bucket=bucket,
        endpoint_url=url,
        addressing="path",
        access_key="test",
        secret_key="test",  # noqa: S106 - a stand-in's
    )


def raw_client(url: str) -> Any:
    """A plain client, for what only tests do."""
    return boto3.client(
        "s3",
        endpoint_url=url,
        region_name="us-east-1",
        aws_access_key_id="test",
        aws_secret_access_key="test",  # noqa: S106 - a stand-in's
        config=Config(s3={"addressing_style": "path"}, retries={"total_max_attempts": 1}),
    )


def mend_moto() -> None:
    """Moto crashes (500) where S3 answers NoSuchUpload to calls about an upload that has ended.

    And it stumbles over two completions of one upload at once, as of a client that lost patience.
    """
    names = ("upload_part", "upload_part_copy", "abort_multipart_upload")
    for name in (*names, "complete_multipart_upload"):
        original = getattr(S3Backend, name)
        if not hasattr(original, "mended"):
            lock = nullcontext() if name in names else threading.Lock()
            setattr(S3Backend, name, _mended(original, lock))


def _mended(original: Callable[..., Any], lock: AbstractContextManager[Any]) -> Callable[..., Any]:
    def mended(*args: Any, **kwargs: Any) -> Any:
        try:
            with lock:
                return original(*args, **kwargs)
        except KeyError as error:
            raise NoSuchUpload(upload_id=error.args[0]) from None

    mended.mended = True  # type: ignore[attr-defined]
    return mended


def age_multiparts(url: str, seconds: float) -> None:
    """Make every multipart upload that a running server has older by so much."""
    with urllib.request.urlopen(url + AGE, str(seconds).encode(), timeout=10):  # noqa: S310
        pass
