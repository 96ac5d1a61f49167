"""Open the stores that the settings ask for; nobody else knows which they are."""

import os
import secrets
import tempfile
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager, suppress
from pathlib import Path

from wavemill_common.objects import ObjectStore
from wavemill_common.objects.disk import DiskObjectStore
from wavemill_common.records import JobStore
from wavemill_common.records.sqlite import SqliteJobStore
from wavemill_common.settings import SettingError, Settings

REDIS_URL_FILE = "redis.url"  # in the data directory: where `wavemill up` has its own Redis


def open_object_store(settings: Settings) -> ObjectStore:
    """The store of bytes."""
    return DiskObjectStore(settings.objects_dir)


@asynccontextmanager
async def open_job_store(settings: Settings) -> AsyncIterator[JobStore]:
    """The store of records, closed at the end."""
    async with SqliteJobStore.open(settings.records_path) as jobs:
        yield jobs


def read_secret(settings: Settings) -> bytes:
    """The secret that signs ids and links; when embedded, made once and kept beside the data."""
    if settings.secret:
        return settings.secret.encode()
    path = settings.data_dir / "secret"
    if not path.exists():
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
    if settings.redis_url:
        return settings.redis_url
    try:
        return (settings.data_dir / REDIS_URL_FILE).read_text()
    except OSError:
        raise SettingError(
            f"REDIS_URL is not set, and no wavemill runs on DATA_DIR {settings.data_dir}"
        ) from None
