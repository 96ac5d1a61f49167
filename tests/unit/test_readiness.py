"""Readiness: without stores or ffmpeg nothing works, without Redis much does."""

import pytest

from wavemill_gateway.health import NO_FFMPEG, OK, judge

ALL_WELL = {"jobStore": OK, "objectStore": OK, "redis": OK, "converters": OK}


def test_all_well_is_ready() -> None:
    assert judge(ALL_WELL) == "ready"


@pytest.mark.parametrize("name", ["jobStore", "objectStore"])
def test_without_a_store_it_is_unavailable(name: str) -> None:
    assert judge(ALL_WELL | {name: "no answer in 2 s"}) == "unavailable"


def test_without_ffmpeg_it_is_unavailable() -> None:
    assert judge(ALL_WELL | {"converters": NO_FFMPEG}) == "unavailable"


def test_a_gateway_that_stops_is_unavailable() -> None:
    assert judge(ALL_WELL | {"gateway": "stopping"}) == "unavailable"


@pytest.mark.parametrize(
    "trouble",
    [
        {"redis": "ConnectionError: refused", "converters": "unknown while Redis is down"},
        {"converters": "none is up yet"},
    ],
)
def test_without_redis_or_converters_it_is_degraded(trouble: dict[str, str]) -> None:
    assert judge(ALL_WELL | trouble) == "degraded"
    assert judge(ALL_WELL | trouble | {"objectStore": "denied"}) == "unavailable"
