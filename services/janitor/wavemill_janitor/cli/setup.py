"""setup: make the bucket and the tables, and tell what each service's role must be allowed."""

import argparse
import json
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager

from wavemill_common.errors import AppError
from wavemill_common.settings import Settings, Storage
from wavemill_common.settings.rules import storage_problems
from wavemill_common.stores import dynamo_config, s3_config
from wavemill_janitor.cli import exits
from wavemill_janitor.cli.actions import Step, carry_out
from wavemill_janitor.output import Output
from wavemill_janitor.policies import policies
from wavemill_janitor.setup import Clients, Part, parts


async def setup(args: argparse.Namespace, settings: Settings, out: Output) -> int:
    """Make what is missing in AWS, and print the policies."""
    _check(settings)
    asked = policies(settings)
    try:
        async with _open_clients(settings) as clients:
            steps = [_step(part) for part in await parts(settings, clients, args.origin or ["*"])]
            code = await carry_out(
                out, "setup", steps, apply=args.apply, beside={"policies": asked}
            )
    except Exception as error:
        told = _told(error)
        if told is None:
            raise
        raise exits.DependencyDown(told) from error
    for service, policy in asked.items():
        out.line(f"\nIAM policy of the {service}'s role:")
        out.line(json.dumps(policy, indent=2))
    return code


def _check(settings: Settings) -> None:
    problems = list(storage_problems(settings))
    if settings.storage is not Storage.AWS:
        problems = ["nothing is to be set up on disk; for S3 and DynamoDB set WAVEMILL_STORAGE=aws"]
    if problems:
        raise exits.UsageError("; ".join(problems))


@asynccontextmanager
async def _open_clients(settings: Settings) -> AsyncIterator[Clients]:
    import aioboto3
    from aiobotocore.config import AioConfig

    s3, dynamo = s3_config(settings), dynamo_config(settings)
    session = aioboto3.Session(**s3.session_options())
    patient = AioConfig(connect_timeout=5, read_timeout=30, retries={"mode": "standard"})
    s3_options = AioConfig(**s3.client_options()).merge(patient)
    async with (
        session.client("s3", endpoint_url=s3.endpoint_url, config=s3_options) as objects,
        session.client("dynamodb", endpoint_url=dynamo.endpoint_url, config=patient) as records,
    ):
        yield objects, records


def _step(part: Part) -> Step:
    skip = None if part.mend or part.refuse else "nothing to do"
    run = None if part.mend is None else _reporting(part.mend)
    return Step(
        id=part.name,
        state=part.state,
        does=part.does or "nothing",
        skip=skip,
        refuse=part.refuse,
        run=run,
    )


def _reporting(mend: Callable[[], Awaitable[object]]) -> Callable[[], Awaitable[object]]:
    """Let what one step is refused keep no other from being taken."""

    async def run() -> object:
        try:
            return await mend()
        except Exception as error:
            told = _told(error)
            if told is None:
                raise
            raise AppError(told) from error

    return run


def _told(error: Exception) -> str | None:
    """What AWS said, in its own words: whoever sets up has the right to see them."""
    from botocore.exceptions import BotoCoreError, ClientError

    said = exits.first_line(error)
    if isinstance(error, ClientError):
        is_foreign = error.operation_name == "HeadBucket"
        hint = "; perhaps the bucket is somebody else's: choose another S3_BUCKET"
        return f"AWS refused: {said}{hint if is_foreign else ''}"
    if isinstance(error, BotoCoreError | OSError):
        return (
            f"AWS cannot be reached: {said}; check the credentials, AWS_REGION, S3_ENDPOINT_URL"
            " and DYNAMODB_ENDPOINT_URL"
        )
    return None
