"""Open the stores that the settings ask for; nobody else knows which they are."""

import os
import secrets
import tempfile
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager, suppress
from pathlib import Path

from wavemill_common.objects import ObjectStore
from wavemill_common.objects.disk import DiskObjectStore
from wavemill_common.objects.s3_config import S3Config
from wavemill_common.records import JobStore
from wavemill_common.records.dynamo_calls import DynamoConfig
from wavemill_common.records.sqlite import SqliteJobStore
from wavemill_common.settings import SettingError, Settings, Storage

REDIS_URL_FILE = "redis.url"  # in the data directory: where `wavemill up` has its own Redis


@asynccontextmanager
async def open_object_store(settings: Settings) -> AsyncIterator[ObjectStore]:
    """The store of bytes, closed at the end."""
    if settings.storage is Storage.AWS:
        from wavemill_common.objects.s3 import S3ObjectStore  # botocore costs a start 0.2 s

        async with S3ObjectStore.open(s3_config(settings)) as objects:
            yield objects
    else:
        yield DiskObjectStore(settings.objects_dir)


@asynccontextmanager
async def open_job_store(settings: Settings) -> AsyncIterator[JobStore]:
    """The store of records, closed at the end."""
    if settings.storage is Storage.AWS:
        from wavemill_common.records.dynamodb import DynamoJobStore

        async with DynamoJobStore.open(dynamo_config(settings)) as records:
            yield records
    else:
        async with SqliteJobStore.open(settings.records_path) as records:
            yield records


def s3_config(settings: Settings) -> S3Config:
    """Which bucket, and how to reach it."""
    return S3Config(
        bucket=settings.s3_bucket,
        region=settings.aws_region,
        endpoint_url=settings.s3_endpoint_url or None,
        public_endpoint_url=settings.s3_public_endpoint_url or None,
        addressing=settings.s3_addressing.value,
        checksums=settings.s3_checksums.value,
        access_key=settings.aws_access_key_id or None,
        secret_key=settings.aws_secret_access_key or None,
        session_token=settings.aws_session_token or None,
    )


def dynamo_config(settings: Settings) -> DynamoConfig:
    """Which tables, and how to reach them."""
    return DynamoConfig(
        jobs_table=settings.dynamodb_jobs_table,
        uploads_table=settings.dynamodb_uploads_table,
        region=settings.aws_region,
        endpoint_url=settings.dynamodb_endpoint_url or None,
        access_key=settings.aws_access_key_id or None,
        secret_key=settings.aws_secret_access_key or None,
        session_token=settings.aws_session_token or None,
    )


def read_secret(settings: Settings) -> bytes:
    """The secret that signs ids and links; on one machine, made once and kept beside the data.

    Raises:
        SettingError: there is none, and a file of this machine would be no other's.
    """
    if settings.secret:
        return settings.secret.encode()
    if settings.env.is_cloud:
        raise SettingError(
            "WAVEMILL_SECRET is not set: give the same to every gateway and janitor, 32 or more"
            " random characters (`openssl rand -hex 32`)"
        )
    path = settings.data_dir / "secret"
    if not path.exists():
        path.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
        _write_once(path, secrets.token_hex(32).encode())
    return path.read_bytes()


def _write_once(path: Path, content: bytes) -> None:
    """Make a private file whole or not at all; whoever comes first decides its content."""
    with tempfile.NamedTemporaryFile(dir=path.parent) as file:
        file.write(content)
        file.flush()
        os.fsync(file.fileno())
        with suppress(FileExistsError):
            os.link(file.name, path)


def redis_url(settings: Settings) -> str:
    """Where Redis is: as set, or as the running `wavemill up` wrote beside its data.

    Raises:
        SettingError: neither says so.
    """
    if settings.redis_server:
        return settings.redis_server
    try:
        return (settings.data_dir / REDIS_URL_FILE).read_text()
    except OSError:
        raise SettingError(
            f"REDIS_URL is not set, and no wavemill runs on DATA_DIR {settings.data_dir}"
        ) from None
