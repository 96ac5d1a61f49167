"""What a running wavemill keeps, whichever its stores are: files in its directory, or S3."""

import asyncio
import json
import os
import re
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any, Protocol
from uuid import uuid4

import boto3

from support.s3 import age_multiparts, raw_client
from wavemill_common.records.dynamo_tables import jobs_table, uploads_table

REGION = "us-east-1"
KEYS = {"aws_access_key_id": "test", "aws_secret_access_key": "test"}
BLOCK = 1024 * 1024  # bytes
WHOLE = re.compile(r"uploads/[^/]+")
WRITING = 0.5  # seconds in which what is sent has reached the server


_aws_url = ""  # where S3 and DynamoDB are, once they are to be used


def use_aws(url: str) -> None:
    """Let every wavemill that is started from now on keep things at this server."""
    global _aws_url  # noqa: PLW0603 - one choice for a whole run of tests
    _aws_url = url


def kept_by(data_dir: Path) -> "Kept":
    """What a new wavemill with this data directory shall keep things in."""
    return InAws(_aws_url) if _aws_url else OnDisk(data_dir)


class Kept(Protocol):
    """The bytes that one wavemill keeps, and the settings that say where."""

    variables: dict[str, str]

    def keys(self, part: str = "") -> list[str]:
        """The keys of all objects that have `part` in them, in order."""
        ...

    def read(self, key: str) -> bytes:
        """An object's bytes."""
        ...

    def blocks(self, key: str) -> Iterator[bytes]:
        """An object's bytes, a MiB at a time."""
        ...

    def replace(self, key: str, data: bytes) -> None:
        """Spoil an object behind wavemill's back."""
        ...

    def delete(self, key: str) -> None:
        """Delete an object behind wavemill's back."""
        ...

    def stamp(self, key: str) -> object:
        """What changes when an object is written again."""
        ...

    def unfinished(self) -> list[str]:
        """What is being written now, or was left."""
        ...

    def parts(self) -> list[str]:
        """The stored parts of all unfinished multipart uploads, torn ones too."""
        ...

    def let_pass(self, seconds: float) -> None:
        """Make everything that is unfinished older by so much."""
        ...

    async def writing(self) -> None:
        """Wait until something is being written, as far as can be seen."""
        ...


class OnDisk:
    """Files below the data directory."""

    def __init__(self, data_dir: Path) -> None:
        self.variables: dict[str, str] = {}
        self._folder = data_dir / "objects"

    def keys(self, part: str = "") -> list[str]:
        walked = os.walk(self._folder)  # unlike rglob it bears folders that go meanwhile
        files = (Path(folder, name) for folder, _, names in walked for name in names)
        keys = (str(path.relative_to(self._folder)) for path in files)
        return sorted(key for key in keys if part in key and not key.startswith("."))

    def read(self, key: str) -> bytes:
        return (self._folder / key).read_bytes()

    def blocks(self, key: str) -> Iterator[bytes]:
        with (self._folder / key).open("rb") as file:
            while block := file.read(BLOCK):
                yield block

    def replace(self, key: str, data: bytes) -> None:
        (self._folder / key).write_bytes(data)

    def delete(self, key: str) -> None:
        (self._folder / key).unlink()

    def stamp(self, key: str) -> object:
        return (self._folder / key).stat().st_mtime_ns

    def unfinished(self) -> list[str]:
        return [path.name for path in self._unfinished()]

    def let_pass(self, seconds: float) -> None:
        for path in self._unfinished():
            os.utime(path, (time.time() - seconds,) * 2)

    def parts(self) -> list[str]:
        found = (self._folder / ".multipart").glob("*/*")
        return [str(path) for path in found if path.name != "upload.json"]

    async def writing(self) -> None:
        async with asyncio.timeout(10):
            while not (self.unfinished() or any((self._folder / ".wholes").iterdir())):
                await asyncio.sleep(0.01)

    def _unfinished(self) -> list[Path]:
        return [path for name in (".tmp", ".multipart") for path in (self._folder / name).iterdir()]


class InAws:
    """A bucket and tables of its own at a server that speaks S3 and DynamoDB."""

    def __init__(self, url: str) -> None:
        mark = uuid4().hex
        self.jobs_table = f"jobs-{mark}"
        self._url = url
        self._bucket = f"bucket-{mark}"
        self._client: Any = raw_client(url)
        self._client.create_bucket(Bucket=self._bucket)
        tables = self.service("dynamodb")
        for table in (jobs_table(self.jobs_table), uploads_table(f"uploads-{mark}")):
            tables.create_table(**table)
        tables.close()
        self.variables = {
            "WAVEMILL_STORAGE": "aws",
            "AWS_REGION": REGION,
            "S3_BUCKET": self._bucket,
            "S3_ENDPOINT_URL": url,
            "S3_ADDRESSING": "path",
            "DYNAMODB_ENDPOINT_URL": url,
            "DYNAMODB_JOBS_TABLE": self.jobs_table,
            "DYNAMODB_UPLOADS_TABLE": f"uploads-{mark}",
            **{name.upper(): value for name, value in KEYS.items()},
        }

    def service(self, name: str) -> Any:
        """A plain client of one of the server's services, to be closed."""
        return boto3.client(name, endpoint_url=self._url, region_name=REGION, **KEYS)

    def keys(self, part: str = "") -> list[str]:
        """All but the chunks that a whole is made of: they are this one file."""
        pages = self._client.get_paginator("list_objects_v2").paginate(Bucket=self._bucket)
        found = {one["Key"] for page in pages for one in page.get("Contents", ())}
        wholes = [key for key in found if WHOLE.fullmatch(key)]
        found.difference_update(*(self._sources(key) for key in wholes))
        return sorted(key for key in found if part in key)

    def read(self, key: str) -> bytes:
        return b"".join(self.blocks(key))

    def blocks(self, key: str) -> Iterator[bytes]:
        for one in self._sources(key) or [key]:
            body = self._client.get_object(Bucket=self._bucket, Key=one)["Body"]
            yield from body.iter_chunks(BLOCK)

    def _sources(self, key: str) -> list[str]:
        reply = self._client.get_object(Bucket=self._bucket, Key=key)
        if "whole-size" not in reply["Metadata"]:
            return []
        ((*sources,),) = json.loads(reply["Body"].read()).values()
        assert int(reply["Metadata"]["whole-size"]) == sum(size for _, size, _ in sources)
        return [source for source, _, _ in sources]

    def replace(self, key: str, data: bytes) -> None:
        self._client.put_object(Bucket=self._bucket, Key=key, Body=data)

    def delete(self, key: str) -> None:
        self._client.delete_object(Bucket=self._bucket, Key=key)

    def stamp(self, key: str) -> object:
        return self._client.head_object(Bucket=self._bucket, Key=key)["LastModified"]

    def unfinished(self) -> list[str]:
        reply = self._client.list_multipart_uploads(Bucket=self._bucket)
        return [one["Key"] for one in reply.get("Uploads", ())]

    def parts(self) -> list[str]:
        reply = self._client.list_multipart_uploads(Bucket=self._bucket)
        return [
            f"{upload['Key']} {part['PartNumber']}"
            for upload in reply.get("Uploads", ())
            for part in self._client.list_parts(
                Bucket=self._bucket, Key=upload["Key"], UploadId=upload["UploadId"]
            ).get("Parts", ())
        ]

    def let_pass(self, seconds: float) -> None:
        age_multiparts(self._url, seconds)

    async def writing(self) -> None:
        await asyncio.sleep(WRITING)  # what S3 has not acknowledged cannot be seen there
