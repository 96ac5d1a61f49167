"""The meter before moto counts what AWS would."""

import urllib.request
from uuid import uuid4

import boto3

from bench.costs.counting import COUNTS
from bench.costs.stage import counted_moto
from bench.costs.tally import Tally, Use
from support.kept import REGION
from wavemill_common.records.dynamo_tables import DUE, EXPIRES, jobs_table


def test_each_call_is_counted_by_who_made_it_with_its_units() -> None:
    with counted_moto() as url:
        bucket, table = f"bucket-{uuid4().hex}", f"jobs-{uuid4().hex}"

        def client(service: str) -> object:
            return boto3.client(
                service,
                endpoint_url=url,
                region_name=REGION,
                aws_access_key_id="gateway",
                aws_secret_access_key="any",  # noqa: S106 - a stand-in's
            )

        objects, records = client("s3"), client("dynamodb")
        records.create_table(**jobs_table(table))  # type: ignore[attr-defined]
        item = {"jobId": {"S": "one"}, **EXPIRES.entry("one", 9.5), **DUE.entry("one", 1.5)}
        records.put_item(TableName=table, Item=item)  # type: ignore[attr-defined]
        moved = {**item, **DUE.entry("one", 2.5), "record": {"S": "x" * 2000}}
        records.put_item(TableName=table, Item=moved)  # type: ignore[attr-defined]
        key = {"jobId": {"S": "one"}}
        records.get_item(TableName=table, Key=key, ConsistentRead=True)  # type: ignore[attr-defined]
        objects.create_bucket(Bucket=bucket)  # type: ignore[attr-defined]
        objects.put_object(Bucket=bucket, Key="a", Body=b"12345")  # type: ignore[attr-defined]
        objects.get_object(Bucket=bucket, Key="a")["Body"].read()  # type: ignore[attr-defined]
        with urllib.request.urlopen(f"{url}{COUNTS}", timeout=10) as reply:  # noqa: S310
            found = dict(Tally.from_json(reply.read()))
    assert found["gateway", "dynamodb", "PutItem"] == Use(
        requests=2, write_units=1 + 3, index_units=2 + 2
    )
    assert found["gateway", "dynamodb", "GetItem"].read_units == 1
    assert found["gateway", "s3.get", "GetObject"] == Use(requests=1, bytes_out=5)
    assert ("anyone", "s3.put", "PutObject") not in found
