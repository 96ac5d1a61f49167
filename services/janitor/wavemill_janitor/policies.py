"""IAM policies: what each service may do, and nothing else. Pure.

S3 answers 403 instead of 404 for a missing object to whoever may not list the bucket; so every
service may list. A gateway deletes the chunks that it has assembled, uploads that are aborted and
results of jobs that are deleted; a converter deletes results of attempts that it lost, and looks
for the unfinished ones of attempts before its own.
"""

from collections.abc import Sequence
from typing import Any

from wavemill_common.records.dynamo_tables import OWNER
from wavemill_common.settings import Settings

Policy = dict[str, Any]

_READ = ("GetItem", "BatchGetItem")
_WRITE = ("PutItem", "DeleteItem")
_FIND = ("Query", "Scan")


def policies(settings: Settings) -> dict[str, Policy]:
    """The policy of each service's role, by the service's name."""
    return {
        "gateway": _gateway(settings),
        "converter": _converter(settings),
        "janitor": _janitor(settings),
    }


def _gateway(settings: Settings) -> Policy:
    return _policy(
        _bucket(settings, "ListBucket"),
        _objects(
            settings,
            "uploads",
            ("PutObject", "GetObject", "DeleteObject"),
            ("AbortMultipartUpload", "ListMultipartUploadParts"),
        ),
        _objects(settings, "conversions", ("GetObject", "DeleteObject")),
        _covers(settings, "PutObject"),
        _table(settings, settings.dynamodb_jobs_table, (*_READ, *_WRITE)),
        _table(settings, f"{settings.dynamodb_jobs_table}/index/owner", ("Query",)),
        _table(settings, settings.dynamodb_uploads_table, (*_READ, *_WRITE, "UpdateItem")),
        _table(settings, f"{settings.dynamodb_jobs_table}/index/{OWNER}", ("Query",)),
        _table(settings, f"{settings.dynamodb_uploads_table}/index/{OWNER}", ("Query",)),
    )


def _converter(settings: Settings) -> Policy:
    return _policy(
        _bucket(settings, "ListBucket", "ListBucketMultipartUploads"),
        _objects(settings, "uploads", ("GetObject",)),
        _objects(
            settings, "conversions", ("PutObject", "GetObject", "DeleteObject"),
            ("AbortMultipartUpload", "ListMultipartUploadParts"),
        ),
        _table(settings, settings.dynamodb_jobs_table, (*_READ, "PutItem")),
        _table(settings, settings.dynamodb_uploads_table, ("GetItem",)),
    )  # fmt: skip


def _janitor(settings: Settings) -> Policy:
    jobs, uploads = settings.dynamodb_jobs_table, settings.dynamodb_uploads_table
    tidied = ("GetObject", "DeleteObject", "AbortMultipartUpload")
    return _policy(
        _bucket(settings, "ListBucket", "ListBucketMultipartUploads"),
        _objects(settings, "uploads", (*tidied, "PutObject")),  # `doctor` writes one and deletes it
        _objects(settings, "conversions", tidied),
        _table(settings, jobs, (*_READ, *_WRITE, "Scan")),
        _table(settings, uploads, (*_READ, *_WRITE, "Scan")),
        _table(settings, f"{jobs}/index/due", _FIND),
        _table(settings, f"{jobs}/index/expires", _FIND),
        _table(settings, f"{uploads}/index/expires", _FIND),
    )


def _policy(*statements: dict[str, Any]) -> Policy:
    return {"Version": "2012-10-17", "Statement": list(statements)}


def _bucket(settings: Settings, *actions: str) -> dict[str, Any]:
    return _allow("s3", actions, f"s3:::{settings.s3_bucket}", settings.aws_region)


def _objects(settings: Settings, prefix: str, *actions: Sequence[str]) -> dict[str, Any]:
    place = f"s3:::{settings.s3_bucket}/{prefix}/*"
    return _allow("s3", [one for some in actions for one in some], place, settings.aws_region)


def _covers(settings: Settings, *actions: str) -> dict[str, Any]:
    """Pictures that come with a job lie beside its results, which a gateway may not write."""
    place = f"s3:::{settings.s3_bucket}/conversions/*/cover-*"
    return _allow("s3", actions, place, settings.aws_region)


def _table(settings: Settings, table: str, actions: Sequence[str]) -> dict[str, Any]:
    place = f"dynamodb:{settings.aws_region}:*:table/{table}"
    return _allow("dynamodb", actions, place, settings.aws_region)


def _allow(service: str, actions: Sequence[str], place: str, region: str) -> dict[str, Any]:
    return {
        "Effect": "Allow",
        "Action": sorted(f"{service}:{action}" for action in actions),
        "Resource": f"arn:{_partition(region)}:{place}",
    }


def _partition(region: str) -> str:
    """What resource names begin with: China and the government have clouds of their own."""
    if region.startswith("cn-"):
        return "aws-cn"
    return "aws-us-gov" if region.startswith("us-gov-") else "aws"
