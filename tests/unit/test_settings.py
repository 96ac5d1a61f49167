"""Settings: their defaults, and what a bad value is told."""

import dataclasses
import json
import os
import re
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest

from wavemill_common.settings import Environment, SettingError, Settings, Storage, Timings
from wavemill_common.settings.report import report
from wavemill_common.stores import dynamo_config, read_secret, s3_config

VARIABLES = [field.metadata["variable"] for field in dataclasses.fields(Settings)]
BAD = [
    ("PORT", "eighty", "a whole number from 0 to 65535"),
    ("PORT", "70000", "from 0 to 65535"),
    ("PORT", "-1", "from 0"),
    ("PORT", "8_080", "a whole number"),
    ("PORT", "٣", "a whole number"),
    ("PORT", "9" * 5000, "from 0 to 65535"),
    ("WAVEMILL_CHUNK_BYTES", "1024", "from 5242880 to 67108864"),
    ("WAVEMILL_CONVERTER_SLOTS", "0", "from 1 to 256"),
    ("WAVEMILL_LEASE_TTL", "soon", "a number from 0.5 to 3600"),
    ("WAVEMILL_LEASE_TTL", "nan", "a number from 0.5 to 3600"),
    ("WAVEMILL_JOB_TTL", "inf", "a number from 1 to 1e+09"),
    ("WAVEMILL_TIME_SCALE", "0", "from 0.01 to 100"),
    ("WAVEMILL_ENV", "moon", "one of embedded"),
    ("WAVEMILL_LOG_LEVEL", "loud", "one of debug, info, warning, error"),
    ("WAVEMILL_WEBHOOK_PRIVATE", "maybe", "0 or 1"),
    ("REDIS_URL", "localhost:6379", "redis://"),
    ("REDIS_ENDPOINT", "redis://cache:6379", "host:port"),
    ("WAVEMILL_STORAGE", "tape", "one of disk, aws"),
    ("AWS_REGION", "Frankfurt", "a region such as eu-central-1"),
    ("S3_BUCKET", "s3://Bucket", "a bucket's name"),
    ("S3_ENDPOINT_URL", "localhost:4566", "a URL such as http://localhost:4566"),
    ("S3_ADDRESSING", "dns", "one of path, virtual, auto"),
    ("S3_CHECKSUMS", "always", "one of when_required, when_supported"),
    ("DYNAMODB_JOBS_TABLE", "a table", "a table's name"),
]


@pytest.mark.parametrize(("variable", "value", "works"), BAD)
def test_a_bad_value_names_its_variable_and_what_would_work(
    variable: str, value: str, works: str
) -> None:
    with pytest.raises(SettingError) as failure:
        Settings.from_environ({variable: value})
    message = str(failure.value)
    assert message.startswith(f"{variable}=")
    assert works in message


@pytest.mark.parametrize(
    ("variable", "value", "name", "meant"),
    [
        ("PORT", "0", "port", 0),
        ("DATA_DIR", "/srv/a b", "data_dir", Path("/srv/a b")),
        ("WAVEMILL_LEASE_TTL", "1e1", "lease_ttl", 10.0),
        ("WAVEMILL_LOG_LEVEL", "DEBUG", "log_level", "debug"),
        ("REDIS_URL", "rediss://:secret@host:6380/1", "redis_url", "rediss://:secret@host:6380/1"),
        ("REDIS_URL", "unix:///run/redis.sock", "redis_url", "unix:///run/redis.sock"),
    ],
)
def test_a_good_value_is_taken(variable: str, value: str, name: str, meant: Any) -> None:
    assert getattr(Settings.from_environ({variable: value}), name) == meant


def test_unset_and_empty_variables_keep_the_defaults() -> None:
    assert Settings.from_environ({}) == Settings()
    assert Settings.from_environ(dict.fromkeys(VARIABLES, "")) == Settings()


ECS = {
    "WAVEMILL_ENV": "ecs",
    "AWS_REGION": "eu-central-1",
    "S3_BUCKET": "audio",
    "REDIS_ENDPOINT": "cache.example:6379",
}


def test_where_wavemill_runs_decides_the_defaults() -> None:
    embedded, local, docker, runner, ecs = (
        Settings.read({"WAVEMILL_ENV": env}) for env in Environment
    )
    assert [one.storage for one in (embedded, local, docker, runner, ecs)] == [
        Storage.DISK, *[Storage.AWS] * 4
    ]  # fmt: skip
    assert (local.s3_endpoint_url, local.dynamodb_endpoint_url, local.redis_server) == (
        "http://localhost:4566",
        "http://localhost:8000",
        "redis://localhost:6379/0",
    )
    assert (docker.s3_endpoint_url, docker.dynamodb_endpoint_url, docker.redis_server) == (
        "http://localstack:4566",
        "http://dynamodb-local:8000",
        "redis://redis:6379/0",
    )
    assert (runner.s3_endpoint_url, runner.aws_access_key_id, runner.redis_tls) == ("", "", True)
    assert [one.drain_grace for one in (embedded, local, docker, runner, ecs)] == [0, *[30.0] * 4]
    assert dataclasses.replace(runner, env=ecs.env) == ecs


def test_local_and_docker_need_nothing_set() -> None:
    for env in ("local", "docker"):
        assert Settings.from_environ({"WAVEMILL_ENV": env}).s3_bucket == "wavemill"


def test_a_container_may_keep_everything_on_its_volume() -> None:
    settings = Settings.from_environ({"WAVEMILL_ENV": "docker", "WAVEMILL_STORAGE": "disk"})
    assert settings.records_path == Path("/data/records.sqlite3")


def test_redis_is_spoken_to_by_tls_and_as_a_user_where_that_is_set() -> None:
    environ = ECS | {"REDIS_USERNAME": "wave", "REDIS_PASSWORD": "p@ss:/"}
    url = "rediss://wave:p%40ss%3A%2F@cache.example:6379/0"
    assert Settings.from_environ(environ).redis_server == url


@pytest.mark.parametrize(
    ("changes", "told"),
    [
        ({"S3_BUCKET": ""}, "S3_BUCKET is not set: name the bucket"),
        ({"AWS_REGION": ""}, "AWS_REGION is not set"),
        ({"REDIS_ENDPOINT": ""}, "REDIS_ENDPOINT is not set: name the Redis server as host:port"),
        ({"REDIS_URL": "redis://x:6379"}, "must begin with rediss://"),
        ({"WAVEMILL_STORAGE": "disk"}, "set WAVEMILL_STORAGE=aws"),
        ({"AWS_ACCESS_KEY_ID": "AKIA"}, "AWS_SECRET_ACCESS_KEY belong together"),
    ],
)
def test_what_is_missing_in_the_cloud_is_named(changes: dict[str, str], told: str) -> None:
    assert Settings.from_environ(ECS).s3_bucket == "audio"
    with pytest.raises(SettingError, match=re.escape(told)):
        Settings.from_environ(ECS | changes)


def test_all_that_is_missing_is_named_at_once() -> None:
    with pytest.raises(SettingError) as failure:
        Settings.from_environ({"WAVEMILL_ENV": "app-runner"})
    for variable in ("S3_BUCKET", "AWS_REGION", "REDIS_ENDPOINT"):
        assert f"{variable} is not set" in str(failure.value)


def test_redis_without_tls_is_allowed_only_by_saying_so() -> None:
    environ = ECS | {"REDIS_TLS": "0"}
    assert Settings.from_environ(environ).redis_server == "redis://cache.example:6379/0"
    assert Settings.from_environ(environ | {"REDIS_URL": "redis://x:1"}).redis_server


def test_a_secret_in_the_cloud_is_not_made_up(tmp_path: Path) -> None:
    environ = ECS | {"DATA_DIR": str(tmp_path)}
    with pytest.raises(SettingError, match="WAVEMILL_SECRET is not set"):
        read_secret(Settings.from_environ(environ))
    given = Settings.from_environ(environ | {"WAVEMILL_SECRET": "hush"})
    assert read_secret(given) == b"hush"


def test_nothing_shows_a_secret() -> None:
    environ = ECS | {
        "REDIS_URL": "rediss://wave:canary@cache:6379",
        "REDIS_PASSWORD": "canary",
        "WAVEMILL_SECRET": "canary",
        "WAVEMILL_WEBHOOK_SECRET": "canary",
        "AWS_ACCESS_KEY_ID": "AKIA",
        "AWS_SECRET_ACCESS_KEY": "canary",
        "AWS_SESSION_TOKEN": "canary",
    }
    settings = Settings.from_environ(environ)
    shown = {one.variable: one.value for one in report(settings, environ)}
    assert shown["REDIS_URL"] == "rediss://wave:…@cache:6379"
    assert shown["WAVEMILL_SECRET"] == "(set, not shown)"  # noqa: S105 - as it is shown
    with pytest.raises(SettingError) as failure:
        Settings.from_environ({"REDIS_URL": "http://:canary@cache"})
    configs = (s3_config(settings), dynamo_config(settings))
    assert "canary" not in f"{shown} {settings!r} {failure.value} {configs!r}"


def test_every_value_knows_where_it_came_from() -> None:
    environ = {"WAVEMILL_ENV": "local", "PORT": "9000", "S3_BUCKET": ""}
    sources = {
        one.variable: (one.value, one.source)
        for one in report(Settings.from_environ(environ), environ)
    }
    assert sources["PORT"] == ("9000", "environment")
    assert sources["S3_BUCKET"] == ("wavemill", "default of local")
    assert sources["REDIS_TLS"] == ("0", "default of local")


def test_wavemill_config_tells_what_is_in_force_and_what_is_wrong() -> None:
    command = [sys.executable, "-m", "wavemill_standalone", "config", "--json"]
    environ = {**os.environ, **ECS, "S3_BUCKET": "", "WAVEMILL_SECRET": "canary"}
    done = subprocess.run(command, env=environ, capture_output=True, text=True, check=False)
    told = json.loads(done.stdout)
    assert done.returncode == 2
    assert [one.split(" ")[0] for one in told["problems"]] == ["S3_BUCKET"]
    assert {"variable", "value", "source", "meaning"} == set(told["settings"][0])
    assert "canary" not in done.stdout + done.stderr


def test_foreign_variables_are_none_of_our_business() -> None:
    assert Settings.from_environ({"PATH": "/bin", "WAVEMILL": "x"}) == Settings()


def test_every_setting_has_a_variable_of_its_own_and_a_meaning() -> None:
    assert len(set(VARIABLES)) == len(VARIABLES)
    assert all(field.metadata["meaning"] for field in dataclasses.fields(Settings))


def test_everything_that_is_kept_lies_below_the_data_directory() -> None:
    settings = Settings(data_dir=Path("/data"))
    for path in (settings.objects_dir, settings.records_path, settings.scratch_dir):
        assert path.parent == Path("/data")


@pytest.mark.parametrize("lease", [0.5, 15.0, 3600.0])
@pytest.mark.parametrize("scale", [0.01, 1.0, 100.0])
def test_a_lease_is_renewed_several_times_before_it_runs_out(lease: float, scale: float) -> None:
    timings = Timings.of(lease, scale)
    assert timings.renew_every * 3 <= timings.lease_ttl
    assert timings.record_renew_every * 3 <= timings.record_lease
    assert timings.sweep_every < timings.lease_ttl


def test_one_scale_stretches_all_times() -> None:
    normal, double = (dataclasses.asdict(Timings.of(15.0, scale)) for scale in (1.0, 2.0))
    assert {name: 2 * seconds for name, seconds in normal.items()} == double
