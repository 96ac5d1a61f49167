"""No log tells a secret, whatever it stands in; no value is endless."""

from typing import Any

import pytest

from wavemill_common.redaction import HIDDEN, MAX_TEXT, Redactor
from wavemill_common.settings import Settings
from wavemill_common.settings.report import secret_values

CANARY = "c4n4ry-s3cr3t"


@pytest.mark.parametrize(
    "value",
    [
        f"Authorization: Bearer {CANARY}",
        f"header 'authorization': b'bearer {CANARY}'",
        f"https://bucket.example/key?X-Amz-Credential=a&X-Amz-Signature={CANARY}",
        f"GET https://u:{CANARY}@host/path",
        f"rediss://user:{CANARY}@cache:6379/0",
        f"X-Amz-Signature={CANARY}&x=1",
        f"/api/download?jobId=x&token={CANARY}",
        f'{{"token": "{CANARY}"}}',
        f"the secret of the settings is {CANARY}.",
        ["nested", {"deep": f"Bearer {CANARY}"}],
        ValueError(f"Bearer {CANARY}"),
    ],
)
def test_a_secret_is_taken_out(value: Any) -> None:
    event = Redactor({CANARY} if "settings" in str(value) else ())(None, "info", {"reason": value})
    assert CANARY not in repr(event)
    assert HIDDEN in repr(event)


@pytest.mark.parametrize("name", ["Authorization", "api_key", "webhook_secret", "set-cookie"])
def test_a_value_with_a_secret_s_name_is_not_shown(name: str) -> None:
    assert Redactor()(None, "info", {name: CANARY}) == {name: HIDDEN}


def test_what_is_no_secret_is_left_alone() -> None:
    event = {"event": "attempt_ended", "job": "wTsAHYZ3bi7f6b9um03", "seconds": 3.2, "ok": True}
    assert Redactor()(None, "info", dict(event)) == event


def test_a_long_value_keeps_its_begin_and_its_end() -> None:
    told = Redactor()(None, "info", {"reason": "a" * 10_000 + "z"})["reason"]
    assert len(told) <= MAX_TEXT
    assert told.startswith("aaa")
    assert told.endswith("z")


def test_every_secret_of_the_settings_is_known() -> None:
    settings = Settings.read(
        {
            "WAVEMILL_SECRET": "secret-1",
            "WAVEMILL_WEBHOOK_SECRET": "secret-2",
            "REDIS_URL": "redis://user:secret-3@localhost/0",
            "AWS_SECRET_ACCESS_KEY": "secret-4",
        }
    )
    assert {f"secret-{number}" for number in (1, 2, 3, 4)} <= secret_values(settings)
