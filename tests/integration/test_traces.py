"""Traces: from a caller's request through the gateway and the queue to each attempt of the job."""

import asyncio
import subprocess
import sys
from collections.abc import AsyncIterator, Iterator
from pathlib import Path

import aiohttp
import pytest
from aiohttp import web
from aiohttp.test_utils import TestClient, TestServer
from opentelemetry.proto.collector.trace.v1.trace_service_pb2 import ExportTraceServiceRequest
from opentelemetry.sdk.trace import ReadableSpan
from opentelemetry.trace import SpanKind, StatusCode

from support.client import Client
from support.converters import House, ScriptedFfmpeg, converter
from support.ports import free_port
from support.redis import TestRedis
from support.server import running
from support.spans import Spans, recorded_spans, traceparent_of
from wavemill_common.jobs import JobStatus
from wavemill_common.settings import SettingError, Settings
from wavemill_common.tracing import is_wanted, tracing
from wavemill_gateway.app import create_app
from wavemill_janitor.main import open_deps
from wavemill_janitor.sweeps import rebuild_queue

CALLERS = "00-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-01"
WORK = ["probe", "transcode", "publish", "check", "commit"]


@pytest.fixture
def spans() -> Iterator[Spans]:
    with recorded_spans() as found:
        yield found


@pytest.fixture
def settings(house: House) -> Settings:
    return Settings.from_environ({"DATA_DIR": str(house.folder), "REDIS_URL": house.redis_url})


@pytest.fixture
async def gateway(spans: Spans, settings: Settings) -> AsyncIterator[Client]:
    """A client of a gateway in this process, on the stores of the house."""
    assert spans.named("") == []  # recording has begun by the time the gateway is made
    async with TestClient(TestServer(create_app(settings))) as client:
        yield Client(client.session, str(client.make_url("")).rstrip("/"))


async def accepted(gateway: Client, clip: Path, **headers: str) -> str:
    file_id = (await gateway.upload(clip))["fileId"]
    asked = {"fileId": file_id, "format": "mp3"}
    status, body, _ = await gateway.call("POST", "/api/convert-audio", json=asked, headers=headers)
    assert status == 202, body
    return str(body["jobId"])


def links(span: ReadableSpan) -> list[int]:
    return [one.context.span_id for one in span.links]


async def test_an_attempt_is_linked_to_the_request_that_sent_its_job(
    house: House, gateway: Client, spans: Spans, clip: Path
) -> None:
    job_id = await accepted(gateway, clip, traceparent=CALLERS)
    async with converter(house):
        assert (await house.ended(job_id)).status is JobStatus.COMPLETED

    [request] = spans.named("POST /api/convert-audio")
    assert request.kind is SpanKind.SERVER
    assert request.parent is not None
    assert traceparent_of(request)[:36] == CALLERS[:36]
    assert f"{request.parent.span_id:016x}" == CALLERS[36:52]

    [sent] = spans.named("send jobs")
    assert (sent.kind, sent.parent) == (SpanKind.PRODUCER, request.context)
    assert (await house.jobs.job(job_id)).traceparent == traceparent_of(sent)

    [attempt] = spans.named("process jobs")
    assert (attempt.kind, attempt.parent) == (SpanKind.CONSUMER, None)
    assert attempt.context.trace_id != sent.context.trace_id
    assert links(attempt) == [sent.context.span_id]
    assert spans.below(attempt) == WORK
    assert attempt.attributes is not None
    assert attempt.attributes["messaging.message.id"] == job_id
    assert attempt.attributes["wavemill.outcome"] == "completed"
    assert attempt.status.status_code is StatusCode.UNSET
    # How to follow a job inside is nothing of its owner's.
    assert "traceparent" not in (await gateway.call("GET", f"/api/jobs/{job_id}"))[1]


async def test_a_second_attempt_is_linked_to_the_same_request(
    house: House, gateway: Client, spans: Spans, clip: Path
) -> None:
    ffmpeg = ScriptedFfmpeg(house.folder / "crashing", "crash")
    job_id = await accepted(gateway, clip)
    async with converter(house, ffmpeg):
        await house.until(lambda job: job.failures == 1, job_id)
        ffmpeg.open()
        await house.ended(job_id)
    [sent] = spans.named("send jobs")
    first, *_, last = spans.named("process jobs")
    assert links(first) == links(last) == [sent.context.span_id]
    assert (first.status.status_code, first.status.description) == (
        StatusCode.ERROR,
        "ffmpeg_failed",
    )
    assert last.status.status_code is StatusCode.UNSET
    assert first.context.trace_id != last.context.trace_id


async def test_a_queue_that_was_lost_and_rebuilt_keeps_the_link(
    house: House,
    gateway: Client,
    spans: Spans,
    clip: Path,
    redis_server: TestRedis,
    settings: Settings,
) -> None:
    job_id = await accepted(gateway, clip)
    redis_server.flush()
    async with open_deps(settings) as deps:
        assert await rebuild_queue(deps) == 1
    async with converter(house):
        await house.ended(job_id)
    [attempt], [sent] = spans.named("process jobs"), spans.named("send jobs")
    assert links(attempt) == [sent.context.span_id]


@pytest.mark.parametrize("strange", ["", "00-0-0-0", "x" * 5000, "00-" + "0" * 32 + "-1-01"])
async def test_a_callers_traceparent_that_is_none_begins_a_trace_of_our_own(
    house: House, gateway: Client, spans: Spans, clip: Path, strange: str
) -> None:
    job_id = await accepted(gateway, clip, traceparent=strange)
    [request] = spans.named("POST /api/convert-audio")
    assert request.parent is None
    traceparent = (await house.jobs.job(job_id)).traceparent
    assert traceparent is not None
    assert len(traceparent) == len(CALLERS)


async def test_a_job_of_a_version_without_traces_is_done_without_a_link(
    house: House, spans: Spans, clip: Path
) -> None:
    async with converter(house):
        await house.submit(source=clip)
        await house.ended()
    [attempt] = spans.named("process jobs")
    assert links(attempt) == []
    assert spans.below(attempt) == WORK


# --- as it is deployed ----------------------------------------------------------------------------


class Collector:
    """A server that takes spans as a collector does, and notes whose they are."""

    def __init__(self) -> None:
        self.seen: set[tuple[str, str]] = set()

    async def take(self, request: web.Request) -> web.Response:
        """Take a batch."""
        for resource in ExportTraceServiceRequest.FromString(await request.read()).resource_spans:
            named = {one.key: one.value.string_value for one in resource.resource.attributes}
            self.seen |= {
                (named["service.name"], span.name)
                for scope in resource.scope_spans
                for span in scope.spans
            }
        return web.Response()


async def test_services_send_their_spans_where_the_standard_variable_says(
    session: aiohttp.ClientSession, tmp_path: Path, clip: Path
) -> None:
    collector = Collector()
    app = web.Application()
    app.router.add_post("/v1/traces", collector.take)
    async with TestServer(app) as server:
        variables = {"OTEL_EXPORTER_OTLP_ENDPOINT": str(server.make_url("")).rstrip("/")}
        wavemill = running(tmp_path / "data", **variables)
        started = await asyncio.to_thread(wavemill.__enter__)
        try:
            client = Client(session, started.url)
            await client.wait(await accepted(client, clip))
            await asyncio.to_thread(started.stop)  # what was not sent goes out at the end
        finally:
            await asyncio.to_thread(wavemill.__exit__, None, None, None)
    sent = {("wavemill-gateway", "send jobs"), ("wavemill-gateway", "POST /api/convert-audio")}
    worked = {("wavemill-converter", name) for name in ("process jobs", *WORK)}
    assert sent | worked <= collector.seen
    assert not any(name.endswith(("z", "/metrics")) for _, name in collector.seen)


WITHOUT = """
import sys

class Missing:
    def find_spec(self, name, path=None, target=None):
        if name.partition(".")[0] == "opentelemetry":
            raise ModuleNotFoundError(name)

sys.meta_path.insert(0, Missing())
import wavemill_gateway.main, wavemill_converter.main, wavemill_janitor.main
from wavemill_common.tracing import current_traceparent, span, tracing
with tracing("gateway", {}), span("send jobs", "producer") as made:
    assert made is None and current_traceparent() is None
"""


def test_where_nothing_is_traced_opentelemetry_need_not_be_installed() -> None:
    subprocess.run([sys.executable, "-c", WITHOUT], check=True)


@pytest.mark.parametrize(
    ("environ", "wanted"),
    [
        ({}, False),
        ({"OTEL_EXPORTER_OTLP_ENDPOINT": "http://here:4318"}, True),
        ({"OTEL_EXPORTER_OTLP_TRACES_ENDPOINT": "http://here:4318/v1/traces"}, True),
        ({"OTEL_EXPORTER_OTLP_ENDPOINT": "http://here", "OTEL_SDK_DISABLED": "true"}, False),
        ({"OTEL_EXPORTER_OTLP_ENDPOINT": "http://here", "OTEL_TRACES_EXPORTER": "none"}, False),
    ],
)
def test_the_standard_variables_decide(environ: dict[str, str], wanted: bool) -> None:  # noqa: FBT001
    assert is_wanted(environ) is wanted


def test_a_missing_package_is_named(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("wavemill_common.tracing.find_spec", lambda _: None)
    somewhere = {"OTEL_EXPORTER_OTLP_ENDPOINT": f"http://127.0.0.1:{free_port()}"}
    with pytest.raises(SettingError, match=r"requirements/otel\.txt"), tracing("x", somewhere):
        pass
