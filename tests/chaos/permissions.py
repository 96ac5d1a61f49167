"""Permissions: a stand-in for AWS allows everything, so services are held to their policies here.

What a service asks for beyond the policy that `wavemill-janitor setup` prints for it is refused as
AWS refuses it, and noted.
"""

import os
import random
import sys
from collections.abc import Iterator, Mapping
from fnmatch import fnmatchcase
from typing import Any

from aiobotocore.client import AioBaseClient
from botocore.exceptions import ClientError

from chaos.patches import PATCHES
from wavemill_common.settings import Settings
from wavemill_janitor.policies import Policy, policies

# Operation → the action it needs, where that is not its own name.
NEEDS = {
    "HeadObject": "GetObject",
    "CreateMultipartUpload": "PutObject",
    "UploadPart": "PutObject",
    "UploadPartCopy": "PutObject",
    "CompleteMultipartUpload": "PutObject",
    "CopyObject": "PutObject",
    "DeleteObjects": "DeleteObject",
    "ListObjectsV2": "ListBucket",
    "ListParts": "ListMultipartUploadParts",
    "ListMultipartUploads": "ListBucketMultipartUploads",
}
Asked = tuple[str, str]  # action, resource


def least_privilege(path: str, _: random.Random) -> None:
    """Refuse this service's process what its policy does not allow; note it in a file."""
    service, settings = sys.argv[1], Settings.from_environ(os.environ)
    policy = policies(settings)[service]
    file = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_APPEND, 0o600)
    call = AioBaseClient._make_api_call

    async def allowed(client: Any, operation: str, parameters: Mapping[str, Any]) -> Any:
        for action, resource in asked_for(operation, parameters, settings.aws_region):
            if not permits(policy, action, resource):
                os.write(file, f"{service}: {operation} needs {action} on {resource}\n".encode())
                raise denied(operation, action, resource)
        return await call(client, operation, parameters)

    AioBaseClient._make_api_call = allowed


def asked_for(operation: str, parameters: Mapping[str, Any], region: str) -> Iterator[Asked]:
    """What an operation needs to be allowed."""
    if "Bucket" in parameters:
        yield from _asked_of_s3(operation, parameters)
    elif operation == "BatchGetItem":
        for table in parameters["RequestItems"]:
            yield "dynamodb:BatchGetItem", _table(region, table)
    elif operation == "TransactWriteItems":
        for one in parameters["TransactItems"]:
            [(kind, write)] = one.items()
            yield f"dynamodb:{kind}Item", _table(region, write["TableName"])
    else:
        index = f"/index/{parameters['IndexName']}" if "IndexName" in parameters else ""
        yield f"dynamodb:{operation}", _table(region, parameters["TableName"]) + index


def permits(policy: Policy, action: str, resource: str) -> bool:
    """Whether a policy allows this."""
    return any(
        action in one["Action"] and fnmatchcase(resource, one["Resource"])
        for one in policy["Statement"]
    )


def denied(operation: str, action: str, resource: str) -> ClientError:
    """The refusal in AWS's words."""
    text = f"User: arn:test is not authorized to perform: {action} on resource: {resource}"
    code = "AccessDenied" if action.startswith("s3:") else "AccessDeniedException"
    status = {"HTTPStatusCode": 403}
    return ClientError(
        {"Error": {"Code": code, "Message": text}, "ResponseMetadata": status}, operation
    )


def _asked_of_s3(operation: str, parameters: Mapping[str, Any]) -> Iterator[Asked]:
    bucket = f"arn:aws:s3:::{parameters['Bucket']}"
    action = f"s3:{NEEDS.get(operation, operation)}"
    keys = [one["Key"] for one in parameters.get("Delete", {}).get("Objects", ())]
    keys += [parameters["Key"]] if "Key" in parameters else []
    if not keys:
        yield action, bucket
    for key in keys:
        yield action, f"{bucket}/{key}"
    if source := parameters.get("CopySource"):
        yield "s3:GetObject", f"{bucket}/{source['Key']}"


def _table(region: str, name: str) -> str:
    return f"arn:aws:dynamodb:{region}:000000000000:table/{name}"


PATCHES[least_privilege.__name__] = least_privilege
