"""What deploy/ describes: valid for its platform, hardened alike, and the tables of the code."""

import json
import os
import re
import shutil
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest
import yaml

from wavemill_common.queue.lanes import STREAMS
from wavemill_common.queue.scripts import GROUP
from wavemill_common.records.dynamo_tables import TTL, jobs_table, uploads_table
from wavemill_common.settings import Settings
from wavemill_janitor.policies import policies
from wavemill_janitor.setup import BLOCKED, cors_rules, lifecycle_rules

ROOT = Path(__file__).resolve().parents[2]
ECS = ROOT / "deploy" / "ecs" / "wavemill.yaml"
COMPOSES = ("docker-compose.yml", "docker-compose.selfhosted.yml")
OBSERVERS = ("prometheus", "grafana")
WORKLOADS = ("gateway", "converter", "janitor")
AWS = {
    "S3_BUCKET": "bucket",
    "AWS_REGION": "eu-central-1",
    "REDIS_ENDPOINT": "host:6379",
    "DYNAMODB_JOBS_TABLE": "jobs",
    "DYNAMODB_UPLOADS_TABLE": "uploads",
}


class _Loader(yaml.SafeLoader):
    """YAML with CloudFormation's short functions, as plain values."""


def _short(_: yaml.Loader, __: str, node: yaml.Node) -> Any:
    return str(node.value) if isinstance(node, yaml.ScalarNode) else []


_Loader.add_multi_constructor("!", _short)


def template() -> dict[str, Any]:
    found: dict[str, Any] = yaml.load(ECS.read_text(), _Loader)["Resources"]  # noqa: S506 - a SafeLoader
    return found


def manifests() -> list[dict[str, Any]]:
    files = sorted((ROOT / "deploy" / "kubernetes").glob("*.yaml"))
    return [one for file in files for one in yaml.safe_load_all(file.read_text())]


def kinds(kind: str) -> dict[str, dict[str, Any]]:
    return {one["metadata"]["name"]: one for one in manifests() if one["kind"] == kind}


def test_the_template_passes_its_linter() -> None:
    pytest.importorskip("cfnlint")
    linter = str(Path(sys.executable).parent / "cfn-lint")
    command = [linter, "--regions", "eu-central-1", "--", str(ECS)]
    done = subprocess.run(command, check=False, capture_output=True, text=True)
    assert done.returncode == 0, done.stdout


@pytest.mark.parametrize("logical", ["JobsTable", "UploadsTable"])
def test_the_tables_are_those_that_setup_makes(logical: str) -> None:
    wanted = (jobs_table if logical == "JobsTable" else uploads_table)("any")
    found = template()[logical]["Properties"]
    assert found["TimeToLiveSpecification"] == {"AttributeName": TTL, "Enabled": True}
    for member in ("BillingMode", "KeySchema"):
        assert found[member] == wanted[member]
    for member, name in (
        ("AttributeDefinitions", "AttributeName"),
        ("GlobalSecondaryIndexes", "IndexName"),
    ):
        assert sorted(found[member], key=lambda one: one[name]) == sorted(
            wanted[member], key=lambda one: one[name]
        )


def may(statements: list[dict[str, Any]]) -> dict[str, set[str]]:
    """Resource, in the template's names → actions."""
    allowed: dict[str, set[str]] = {}
    for one in statements:
        assert one["Effect"] == "Allow"
        places = one["Resource"] if isinstance(one["Resource"], list) else [one["Resource"]]
        for place in places:
            allowed.setdefault(_in_template(place), set()).update(one["Action"])
    return allowed


def _in_template(resource: str) -> str:
    for arn, name in (
        ("arn:aws:s3:::bucket", "Bucket.Arn"),
        ("arn:aws:dynamodb:eu-central-1:*:table/jobs", "JobsTable.Arn"),
        ("arn:aws:dynamodb:eu-central-1:*:table/uploads", "UploadsTable.Arn"),
    ):
        resource = resource.replace(arn, name)
    return resource.replace("${", "").replace("}", "")


@pytest.mark.parametrize("service", WORKLOADS)
def test_the_roles_are_those_that_setup_prints(service: str) -> None:
    printed = policies(Settings.from_environ(AWS | {"WAVEMILL_ENV": "ecs"}))[service]
    role = template()[f"{service.title()}Role"]["Properties"]
    (policy,) = role["Policies"]
    assert may(policy["PolicyDocument"]["Statement"]) == may(printed["Statement"])
    assert "ManagedPolicyArns" not in role


def test_the_bucket_is_as_setup_makes_it() -> None:
    bucket = template()["Bucket"]["Properties"]
    assert bucket["PublicAccessBlockConfiguration"] == BLOCKED

    rules = bucket["LifecycleConfiguration"]["Rules"]
    days = {one["Prefix"]: one["ExpirationInDays"] for one in rules if "Prefix" in one}
    wanted = lifecycle_rules(Settings.from_environ(AWS | {"WAVEMILL_ENV": "ecs"}))
    assert days == {
        one["Filter"]["Prefix"]: one["Expiration"]["Days"] for one in wanted if "Expiration" in one
    }
    assert [one["AbortIncompleteMultipartUpload"] for one in rules if len(one) == 3] == [
        one["AbortIncompleteMultipartUpload"] for one in wanted if "Expiration" not in one
    ]

    (cors,) = bucket["CorsConfiguration"]["CorsRules"]
    (asked,) = cors_rules(["any"])
    assert cors["AllowedOrigins"] == "Origins"
    assert cors["MaxAge"] == asked["MaxAgeSeconds"]
    assert cors["ExposedHeaders"] == asked["ExposeHeaders"]
    for member in ("AllowedMethods", "AllowedHeaders"):
        assert cors[member] == asked[member]


def test_tasks_have_no_rights_and_time_to_drain() -> None:
    for name in ("GatewayTask", "ConverterTask", "JanitorTask"):
        for container in template()[name]["Properties"]["ContainerDefinitions"]:
            assert container["ReadonlyRootFilesystem"] is True
            assert container["LinuxParameters"]["Capabilities"] == {"Drop": ["ALL"]}
            assert int(container["User"].split(":")[0]) >= 10_000
    (converter,) = template()["ConverterTask"]["Properties"]["ContainerDefinitions"]
    environ = {one["Name"]: one["Value"] for one in converter["Environment"]}
    assert float(environ["WAVEMILL_DRAIN_GRACE"]) < converter["StopTimeout"] <= 120


def test_the_services_take_the_settings_that_tasks_are_given() -> None:
    for name in ("GatewayTask", "ConverterTask", "JanitorTask"):
        container = template()[name]["Properties"]["ContainerDefinitions"][0]
        environ = {one["Name"]: str(one["Value"]) for one in container["Environment"]}
        settings = Settings.from_environ(environ | AWS)
        assert settings.redis_server == "rediss://host:6379/0"


def test_the_manifests_fit_their_schemas() -> None:
    validate = pytest.importorskip("kubernetes_validate")
    ours = [one for one in manifests() if not one["apiVersion"].startswith("keda.sh/")]
    assert ours
    for one in ours:
        validate.validate(one, "1.31", strict=True)  # raises where one does not fit


@pytest.mark.parametrize("name", WORKLOADS)
def test_pods_have_no_rights_are_probed_and_may_be_moved(name: str) -> None:
    pod = kinds("Deployment")[name]["spec"]["template"]["spec"]
    (container,) = pod["containers"]
    assert pod["securityContext"]["runAsUser"] >= 10_000
    assert container["securityContext"] == {
        "readOnlyRootFilesystem": True,
        "allowPrivilegeEscalation": False,
        "capabilities": {"drop": ["ALL"]},
    }
    assert container["livenessProbe"]["httpGet"]["path"] == "/healthz"
    assert container["readinessProbe"]["httpGet"]["path"] == "/readyz"
    assert name in kinds("PodDisruptionBudget")
    assert name in kinds("NetworkPolicy")


def test_a_converter_that_is_scaled_in_has_time_to_drain() -> None:
    grace = float(kinds("ConfigMap")["wavemill"]["data"]["WAVEMILL_DRAIN_GRACE"])
    pod = kinds("Deployment")["converter"]["spec"]["template"]["spec"]
    assert pod["terminationGracePeriodSeconds"] > grace


def test_keda_looks_at_what_waits_and_what_is_worked_on_in_every_lane() -> None:
    spec = kinds("ScaledObject")["converter"]["spec"]
    seen = {"lagCount": set[str](), "pendingEntriesCount": set[str]()}
    for trigger in spec["triggers"]:
        assert trigger["type"] == "redis-streams"
        assert trigger["metadata"]["consumerGroup"] == GROUP
        for key, streams in seen.items():
            if key in trigger["metadata"]:
                streams.add(trigger["metadata"]["stream"])
    assert seen == {"lagCount": set(STREAMS), "pendingEntriesCount": set(STREAMS)}
    names = set(re.findall(r"\w+", spec["advanced"]["scalingModifiers"]["formula"]))
    assert names == {trigger["name"] for trigger in spec["triggers"]}


def services_of(path: Path) -> dict[str, Any]:
    """A compose file's services, with what they take from other files."""
    found: dict[str, Any] = yaml.safe_load(path.read_text())["services"]
    for name, service in found.items():
        if "extends" in service:
            other = services_of(path.parent / service["extends"]["file"])
            found[name] = other[service["extends"]["service"]] | service
    return found


@pytest.mark.parametrize("file", COMPOSES)
def test_who_observes_starts_only_when_asked_and_is_seen_only_from_here(file: str) -> None:
    services = services_of(ROOT / file)
    volumes = yaml.safe_load((ROOT / file).read_text())["volumes"]
    folder = ROOT / "deploy" / "observability"
    for name in OBSERVERS:
        assert services[name]["profiles"] == ["observe"]
        assert all(port.startswith("127.0.0.1:") for port in services[name]["ports"])
        for source in (one.split(":")[0] for one in services[name]["volumes"]):
            assert (folder / source).exists() if source.startswith(".") else source in volumes
    image = (ROOT / "deploy" / "docker" / "gateway.Dockerfile").read_text()
    (scraped,) = yaml.safe_load((folder / "prometheus" / "prometheus.yml").read_text())[
        "scrape_configs"
    ]
    (where,) = scraped["dns_sd_configs"]
    assert set(where["names"]) == set(WORKLOADS) <= services.keys()
    assert f"WAVEMILL_HEALTH_PORT={where['port']}" in image


@pytest.mark.parametrize("file", COMPOSES)
def test_every_service_of_a_compose_file_is_hardened_and_bounded(file: str) -> None:
    for name, service in services_of(ROOT / file).items():
        assert service["read_only"] is True, name
        assert service["cap_drop"] == ["ALL"], name
        assert service["security_opt"] == ["no-new-privileges:true"], name
        assert {"mem_limit", "cpus", "pids_limit"} <= service.keys(), name
        assert "container_name" not in service, "it could not be scaled"
        assert ("ports" in service) is (name == "gateway" or name in OBSERVERS), name


@pytest.mark.parametrize(
    "files",
    [*((one,) for one in COMPOSES), ("docker-compose.yml", "docker-compose.localstack.yml")],
)
def test_the_compose_files_are_taken_by_compose(files: tuple[str, ...]) -> None:
    if shutil.which("docker") is None:
        pytest.skip("no docker client here")
    compose = ["docker", "compose"]
    if subprocess.run([*compose, "version"], check=False, capture_output=True).returncode != 0:
        pytest.skip("this docker client has no compose")
    named = [part for file in files for part in ("-f", str(ROOT / file))]
    done = subprocess.run(
        [*compose, *named, "config", "--format", "json"],
        check=False, capture_output=True, text=True, env=dict(os.environ),
    )  # fmt: skip
    assert done.returncode == 0, done.stderr
    services = json.loads(done.stdout)["services"]
    assert ("aws" in services) is (files == ("docker-compose.yml",))


def test_no_image_names_a_registry_or_asks_for_another_syntax() -> None:
    for file in (ROOT / "deploy" / "docker").glob("*.Dockerfile"):
        text = file.read_text()
        assert "syntax=" not in text
        assert "<<" not in text
        assert set(re.findall(r"^FROM (\S+)", text, re.MULTILINE)) == {"python:3.11-slim-bookworm"}
