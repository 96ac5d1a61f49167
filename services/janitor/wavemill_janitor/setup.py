"""Setup: the bucket and the tables as wavemill needs them; what is there is only completed.

Each part is looked at, and made or set only where it is not as it should be: so setup may run
again at any time. Nothing is ever deleted, and no rule of another's making is taken away.
"""

import math
from collections.abc import Awaitable, Callable, Sequence
from typing import Any

from msgspec import Struct

from wavemill_common.records.dynamo_tables import TTL, jobs_table, uploads_table
from wavemill_common.settings import Settings

DAY = 24 * 3600.0  # seconds
BACKSTOP_DAYS = 30  # at least; the janitor deletes long before
PREFIXES = ("uploads/", "conversions/")
RULES = "wavemill-"  # what the names of our lifecycle rules begin with
BLOCKED = {
    "BlockPublicAcls": True,
    "IgnorePublicAcls": True,
    "BlockPublicPolicy": True,
    "RestrictPublicBuckets": True,
}

Clients = tuple[Any, Any]  # of S3, of DynamoDB


class Part(Struct, frozen=True):
    """One thing that has to be there: its name, how it is now, what is to be done about it.

    `mend` is None where nothing is to be done, or nothing can be; `refuse` says why it can't.
    """

    name: str
    state: str
    does: str = ""
    mend: Callable[[], Awaitable[object]] | None = None
    refuse: str | None = None


async def parts(settings: Settings, clients: Clients, origins: Sequence[str]) -> list[Part]:
    """Look at everything."""
    s3, dynamo = clients
    found = await _bucket_parts(settings, s3, origins)
    jobs = jobs_table(settings.dynamodb_jobs_table)
    found.append(await _table_part(dynamo, jobs))
    found.append(await _ttl_part(dynamo, settings.dynamodb_jobs_table))
    found.append(await _table_part(dynamo, uploads_table(settings.dynamodb_uploads_table)))
    return found


# --- the bucket -----------------------------------------------------------------------------------


async def _bucket_parts(settings: Settings, s3: Any, origins: Sequence[str]) -> list[Part]:
    bucket = settings.s3_bucket
    is_there = await _answer(s3.head_bucket, Bucket=bucket) is not None
    place = {} if settings.aws_region == "us-east-1" else _location(settings.aws_region)
    made = Part(f"bucket {bucket}", "present") if is_there else Part(
        f"bucket {bucket}", "missing", f"create it in {settings.aws_region}",
        lambda: s3.create_bucket(Bucket=bucket, **place),
    )  # fmt: skip
    rules = lifecycle_rules(settings)
    return [
        made,
        await _setting_part(
            "public access", "block it", s3, bucket, "public_access_block",
            "PublicAccessBlockConfiguration", lambda _: BLOCKED,
        ),
        await _setting_part(
            "lifecycle", "abort unfinished multiparts after 1 day, expire what was forgotten",
            s3, bucket, "bucket_lifecycle_configuration", "Rules",
            lambda now: [*_others(now, rules), *rules], "LifecycleConfiguration",
        ),
        await _setting_part(
            "CORS", f"let pages from {', '.join(origins)} upload parts", s3, bucket, "bucket_cors",
            "CORSRules", lambda _: cors_rules(origins), "CORSConfiguration",
        ),
    ]  # fmt: skip


def _location(region: str) -> dict[str, Any]:
    return {"CreateBucketConfiguration": {"LocationConstraint": region}}


async def _setting_part(
    name: str, does: str, s3: Any, bucket: str, setting: str, member: str,
    wanted: Callable[[Any], Any], wrapper: str | None = None,
) -> Part:  # fmt: skip
    """A setting of the bucket, read by get_… and written by put_…, as a whole."""
    read = getattr(s3, f"get_{setting}")
    write = getattr(s3, f"put_{setting}")
    now = (await _answer(read, Bucket=bucket) or {}).get(member)
    value = wanted(now)
    if _same(now, value):
        return Part(name, "as it should be")
    body = {wrapper: {member: value}} if wrapper else {member: value}
    state = "missing" if now is None else "different"
    return Part(name, state, does, lambda: write(Bucket=bucket, **body))


def lifecycle_rules(settings: Settings) -> list[dict[str, Any]]:
    """What S3 clears away should nobody else do it: a backstop, far behind the janitor."""
    longest = settings.upload_ttl + 2 * settings.job_ttl
    days = max(BACKSTOP_DAYS, 2 * math.ceil(longest / DAY))
    abort = {
        "ID": f"{RULES}abort",
        "Status": "Enabled",
        "Filter": {"Prefix": ""},
        "AbortIncompleteMultipartUpload": {"DaysAfterInitiation": 1},
    }
    expire = [
        {
            "ID": f"{RULES}expire-{prefix.rstrip('/')}",
            "Status": "Enabled",
            "Filter": {"Prefix": prefix},
            "Expiration": {"Days": days},
        }
        for prefix in PREFIXES
    ]
    return [abort, *expire]


def cors_rules(origins: Sequence[str]) -> list[dict[str, Any]]:
    """What pages may do with presigned URLs: the signature is the permission, no cookie is."""
    return [
        {
            "AllowedOrigins": list(origins),
            "AllowedMethods": ["GET", "HEAD", "POST", "PUT"],
            "AllowedHeaders": ["*"],
            "ExposeHeaders": ["ETag", "Location", "Content-Range"],
            "MaxAgeSeconds": 3600,
        }
    ]


def _others(now: Any, rules: Sequence[dict[str, Any]]) -> list[dict[str, Any]]:
    ours = {rule["ID"] for rule in rules}
    return [rule for rule in now or () if rule.get("ID") not in ours]


def _same(now: Any, wanted: Any) -> bool:
    """Whether a setting holds all that is wanted; servers add members of their own."""
    if isinstance(wanted, dict):
        return isinstance(now, dict) and all(_same(now.get(key), wanted[key]) for key in wanted)
    if isinstance(wanted, list):
        pairs = zip(now or (), wanted, strict=False)
        return len(now or ()) == len(wanted) and all(_same(*pair) for pair in pairs)
    return bool(now == wanted)


# --- the tables -----------------------------------------------------------------------------------


async def _table_part(dynamo: Any, wanted: dict[str, Any]) -> Part:
    name = f"table {wanted['TableName']}"
    now = await _answer(dynamo.describe_table, TableName=wanted["TableName"])
    if now is None:
        return Part(name, "missing", "create it with its indexes", lambda: _create(dynamo, wanted))
    table = now["Table"]
    if table["KeySchema"] != wanted["KeySchema"]:
        why = "it has another key: choose another name, or move that table away"
        return Part(name, "different", "nothing", refuse=why)
    there = {index["IndexName"] for index in table.get("GlobalSecondaryIndexes", ())}
    lacks = [one for one in wanted["GlobalSecondaryIndexes"] if one["IndexName"] not in there]
    if not lacks:
        return Part(name, "as it should be")
    names = ", ".join(one["IndexName"] for one in lacks)
    return Part(
        name, "different", f"add the index {names}", lambda: _add_index(dynamo, wanted, lacks[0])
    )


async def _create(dynamo: Any, wanted: dict[str, Any]) -> None:
    await dynamo.create_table(**wanted)
    await dynamo.get_waiter("table_exists").wait(TableName=wanted["TableName"])


async def _add_index(dynamo: Any, wanted: dict[str, Any], index: dict[str, Any]) -> None:
    """DynamoDB makes one index at a time, and fills it in the background: run setup again."""
    await dynamo.update_table(
        TableName=wanted["TableName"],
        AttributeDefinitions=wanted["AttributeDefinitions"],
        GlobalSecondaryIndexUpdates=[{"Create": index}],
    )


async def _ttl_part(dynamo: Any, table: str) -> Part:
    name = f"expiry of {table}"
    now = await _answer(dynamo.describe_time_to_live, TableName=table)
    described = (now or {}).get("TimeToLiveDescription", {})
    if described.get("TimeToLiveStatus") in {"ENABLED", "ENABLING"}:
        return Part(name, "as it should be")
    setting = {"Enabled": True, "AttributeName": TTL}
    return Part(
        name, "off", f"switch it on by the attribute {TTL}",
        lambda: dynamo.update_time_to_live(TableName=table, TimeToLiveSpecification=setting),
    )  # fmt: skip


async def _answer(call: Callable[..., Awaitable[Any]], **parameters: Any) -> Any:
    """What AWS answers, None where it says that there is nothing of the kind."""
    from botocore.exceptions import ClientError

    try:
        return await call(**parameters)
    except ClientError as error:
        code = str(error.response.get("Error", {}).get("Code"))
        if code == "404" or code.startswith(("NoSuch", "ResourceNotFound")):
            return None
        raise
