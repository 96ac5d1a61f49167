"""Settings: their defaults, and what a bad value is told."""

import dataclasses
from pathlib import Path
from typing import Any

import pytest

from wavemill_common.settings import SettingError, Settings, Timings

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
