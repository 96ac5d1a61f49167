"""Metrics: each service counts what it did, by names and labels that stay few whatever comes."""

import asyncio
from collections.abc import Iterator
from pathlib import Path

import aiohttp
import dashboard
import pytest
import yaml

from support.audio import make_sweep
from support.client import Client
from support.problems import assert_problem
from support.promql import asked_of
from support.scrape import Scrape, free_port_pair, scrape
from support.server import Wavemill, running
from wavemill_common.catalogue import FORMATS
from wavemill_common.jobs import JobStatus, Lane
from wavemill_common.settings import Settings
from wavemill_gateway.app import create_app
from wavemill_janitor.main import schedule

ALERTS = dashboard.TARGET.parents[1] / "prometheus" / "alerts.yml"
SERVICES = ("gateway", "converter", "janitor")
ATTEMPT_ENDS = {"completed", "failed", "cancelled", "delayed", "handed_back", "lost", "fenced"}


@pytest.fixture(scope="module")
def ports() -> int:
    return free_port_pair()


@pytest.fixture(scope="module")
def server(tmp_path_factory: pytest.TempPathFactory, ports: int) -> Iterator[Wavemill]:
    folder = tmp_path_factory.mktemp("metrics") / "data"
    with running(folder, WAVEMILL_HEALTH_PORT=str(ports), WAVEMILL_TIME_SCALE="0.1") as one:
        yield one


@pytest.fixture
def urls(server: Wavemill, ports: int) -> dict[str, str]:
    """Where each service tells its metrics."""
    places = (server.url, f"http://127.0.0.1:{ports}", f"http://127.0.0.1:{ports + 1}")
    return dict(zip(SERVICES, places, strict=True))


@pytest.fixture
def mine(session: aiohttp.ClientSession, server: Wavemill) -> Client:
    return Client(session, server.url)


@pytest.fixture(scope="module")
def clip(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return make_sweep(tmp_path_factory.mktemp("clip") / "clip.wav", 1.0)


@pytest.fixture
async def scrapes(
    session: aiohttp.ClientSession, urls: dict[str, str], mine: Client, clip: Path, tmp_path: Path
) -> dict[str, Scrape]:
    """What all services tell once jobs have completed and failed, and strangers have knocked."""
    await some_jobs(mine, clip, tmp_path)
    await strange_requests(mine)
    return {name: await scrape(session, url) for name, url in urls.items()}


async def some_jobs(client: Client, clip: Path, folder: Path) -> None:
    garbage = folder / "garbage.wav"
    garbage.write_bytes(bytes(range(256)) * 40)
    jobs = [
        await client.convert((await client.upload(path))["fileId"], format_)
        for path, format_ in ((clip, "mp3"), (clip, "flac"), (garbage, "mp3"))
    ]
    ended = [(await client.wait(job_id))["status"] for job_id in jobs]
    assert ended == ["completed", "completed", "failed"]
    assert [one["event"] async for one in client.events(*jobs)] != []


async def strange_requests(client: Client) -> None:
    for number, method in enumerate(("PROPFIND", "MKCOL", "LOCK", "SEARCH", "GET")):
        async with client.session.request(method, f"{client.url}/nowhere/{number}") as reply:
            assert reply.status == 404
        await client.call("GET", f"/api/jobs/{'a' * 31}{number}")


async def test_every_service_counts_what_it_did(scrapes: dict[str, Scrape]) -> None:
    gateway, converter, janitor = (scrapes[name] for name in SERVICES)

    posted = {"method": "POST", "route": "/api/convert-audio", "status": "202"}
    assert gateway.value("wavemill_http_requests_total", **posted) >= 3
    uploads = "/api/upload-audio"
    assert gateway.value("wavemill_http_request_body_bytes_total", route=uploads) > 100_000
    assert gateway.value("wavemill_http_request_duration_seconds_count", route=uploads) >= 3
    assert gateway.value("wavemill_jobs_accepted_total", format="mp3", lane="interactive") >= 2
    assert gateway.value("wavemill_http_connections") >= 1
    assert gateway.value("wavemill_sse_connections") == 0

    completed = {"outcome": "completed", "code": ""}
    failed = {"outcome": "failed", "code": "invalid_format"}
    assert converter.value("wavemill_jobs_ended_total", format="flac", **completed) >= 1
    assert converter.value("wavemill_jobs_ended_total", format="mp3", **failed) >= 1
    assert converter.value("wavemill_job_attempts_total", **completed) >= 2
    assert converter.value("wavemill_job_queued_seconds_count", lane="interactive") >= 3
    assert converter.value("wavemill_job_converting_seconds_count", format="flac") >= 1
    assert converter.value("wavemill_job_duration_seconds_count", outcome="failed") >= 1
    assert converter.value("wavemill_converted_audio_seconds_total") == pytest.approx(
        converter.value("wavemill_job_attempts_total", **completed), rel=0.1
    )
    for stage in ("probing", "converting", "uploading", "verifying"):
        assert converter.value("wavemill_job_stage_seconds_count", stage=stage) >= 2, stage
    assert converter.value("wavemill_ffmpeg_exits_total", purpose="convert", result="ok") >= 2
    assert converter.value("wavemill_converter_slots") == 2

    assert janitor.value("wavemill_redis_up") == 1
    assert janitor.value("wavemill_converters", able="yes") == 1
    assert janitor.value("wavemill_converters_slots") == 2
    assert janitor.value("wavemill_queue_waiting_jobs") == 0
    for name, told in scrapes.items():
        assert told.value("wavemill_build_info", service=name) == 1
        assert "process_resident_memory_bytes" in told.families


async def test_each_sweep_tells_when_it_last_succeeded(
    session: aiohttp.ClientSession, urls: dict[str, str]
) -> None:
    sweeps = {one.__name__.strip("_") for one in schedule(Settings().timings)}
    name = "wavemill_janitor_sweep_last_success_timestamp_seconds"
    async with asyncio.timeout(30):
        while True:
            told = await scrape(session, urls["janitor"])
            seen = {one.labels["sweep"] for one in told.samples() if one.name == name}
            if seen == sweeps:
                break
            await asyncio.sleep(0.05)
    assert all(told.value(name, sweep=one) > 1.6e9 for one in sweeps)


def allowed() -> dict[str, set[str] | None]:
    """Every label there is → its values; None: a number or a code, which is checked by its form."""
    routes = {
        one.resource.canonical
        for one in create_app(Settings()).router.routes()
        if one.resource is not None
    }
    return {
        "able": {"yes", "no"},
        "code": None,
        "format": {*FORMATS, "other"},
        "lane": {one.value for one in Lane},
        "le": None,
        "method": {"GET", "HEAD", "POST", "PUT", "PATCH", "DELETE", "OPTIONS", "OTHER"},
        "outcome": ATTEMPT_ENDS | {one.value for one in JobStatus},
        "purpose": {"convert", "look"},
        "result": {"ok", "error", "stopped", "sigkill", "delivered", "failed"},
        "route": {*routes, "unmatched"},
        "service": set(SERVICES),
        "stage": {"queued", "probing", "converting", "uploading", "verifying"},
        "state": {"used", "free"},
        "status": {"101", "200", "201", "202", "204", "206", "400", "404", "405", "499"},
        "sweep": {one.__name__.strip("_") for one in schedule(Settings().timings)},
        "version": {"0.1.0"},
    }


async def test_labels_are_few_and_hold_no_id(scrapes: dict[str, Scrape]) -> None:
    values = allowed()
    for told in scrapes.values():
        for one in told.samples():
            for label, value in one.labels.items():
                assert label in values, f"{one.name} has a label {label!r}"
                known = values[label]
                assert len(value) <= 40, f"{one.name}: {label}={value!r}"
                assert known is None or value in known, f"{one.name}: {label}={value!r}"


async def test_more_jobs_make_no_more_series(
    session: aiohttp.ClientSession,
    urls: dict[str, str],
    scrapes: dict[str, Scrape],
    mine: Client,
    clip: Path,
    tmp_path: Path,
) -> None:
    before = {name: told.series() for name, told in scrapes.items()}
    await some_jobs(mine, clip, tmp_path)
    await strange_requests(mine)
    for name, url in urls.items():
        after = (await scrape(session, url)).series()
        new = {one for one in after - before[name] if "janitor_sweep" not in one[0]}
        # A poll or an event stream may end in a way that it did not before; a job may not.
        assert {dict(labels).get("route", "") for _, labels in new} <= {"/api/events"}, new
        assert len(after) < 1000


async def test_names_are_as_prometheus_advises(scrapes: dict[str, Scrape]) -> None:
    units = ("_seconds", "_bytes", "_jobs", "_info")
    for told in scrapes.values():
        for family in told.families.values():
            if family.name.startswith("wavemill_"):
                assert family.documentation, family.name
                for one in family.samples:
                    is_total = one.name.endswith("_total")
                    assert is_total is (family.type == "counter"), one.name
                if family.type in {"histogram", "summary"}:
                    assert family.name.endswith(units), family.name


async def test_the_services_tell_all_that_dashboard_and_alerts_ask_for(
    scrapes: dict[str, Scrape],
) -> None:
    told = {name for one in scrapes.values() for name in one.names()}
    rules = yaml.safe_load(ALERTS.read_text())["groups"][0]["rules"]
    queries = [*dashboard.queries(), *(one["expr"] for one in rules)]
    asked = {name for query in queries for name, _ in asked_of(query) if name}
    assert len(asked) > 30
    assert asked <= told, asked - told


# --- who may read ---------------------------------------------------------------------------------


@pytest.mark.parametrize(
    "header",
    [
        {"X-Forwarded-For": "203.0.113.7"},
        {"Forwarded": "for=203.0.113.7"},
        {"Via": "1.1 proxy"},
        {"Host": "rebound.example"},
    ],
)
async def test_what_comes_by_way_of_a_proxy_finds_no_metrics(
    mine: Client, header: dict[str, str]
) -> None:
    assert_problem(await mine.call("GET", "/metrics", headers=header), 404, "not_found")


async def test_with_a_token_only_who_shows_it_may_read(
    session: aiohttp.ClientSession, tmp_path: Path
) -> None:
    secret = "a long enough token"  # noqa: S105
    with running(
        tmp_path / "data", WAVEMILL_METRICS_TOKEN=secret, WAVEMILL_API_KEYS_REQUIRED="1"
    ) as guarded:
        client = Client(session, guarded.url)
        assert_problem(await client.call("GET", "/metrics"), 401, "unauthorized")
        wrong = {"Authorization": "Bearer wrong"}
        assert_problem(await client.call("GET", "/metrics", headers=wrong), 401, "unauthorized")
        from_afar = {"Authorization": f"Bearer {secret}", "X-Forwarded-For": "203.0.113.7"}
        assert (await scrape(session, guarded.url, **from_afar)).has("wavemill_build_info")
        assert secret not in guarded.log
