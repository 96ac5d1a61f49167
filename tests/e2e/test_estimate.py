"""What POST /api/estimate foresees is near what a conversion gives."""

from pathlib import Path
from typing import Any

import pytest

from support.client import Client

ASSETS = Path(__file__).parent.parent / "assets"
CONSTANT = 0.20  # of the real size
VARYING = 0.45
OUTPUTS: list[tuple[dict[str, Any], float]] = [
    ({"format": "wav"}, CONSTANT),
    ({"format": "aiff", "options": {"channels": 1, "bitDepth": 24}}, CONSTANT),
    ({"format": "mp3", "quality": "192k", "options": {"trimEnd": 4}}, CONSTANT),
    ({"format": "m4a", "quality": "128k"}, CONSTANT),
    ({"format": "ac3"}, CONSTANT),
    ({"format": "amr"}, CONSTANT),
    ({"format": "mp3", "quality": "V2"}, VARYING),
    ({"format": "mp3", "quality": "V6", "options": {"channels": 1}}, VARYING),
    ({"format": "ogg", "quality": "q5"}, VARYING),
    ({"format": "opus"}, VARYING),
    ({"format": "flac"}, VARYING),
    ({"format": "alac", "options": {"trimStart": 2}}, VARYING),
    ({"format": "wv"}, VARYING),
    ({"format": "tta"}, VARYING),
]


async def foresee(client: Client, file_id: str, **asked: Any) -> list[dict[str, Any]]:
    body = {"fileId": file_id, **asked}
    status, answer, _ = await client.call("POST", "/api/estimate", json=body)
    assert status == 200, answer
    outputs: list[dict[str, Any]] = answer["outputs"]
    return outputs


async def convert(client: Client, file_id: str, outputs: list[dict[str, Any]]) -> dict[str, Any]:
    body = {"fileId": file_id, "outputs": outputs}
    status, accepted, _ = await client.call("POST", "/api/convert-audio", json=body)
    assert status == 202, accepted
    assert (await client.wait(accepted["jobId"]))["status"] == "completed"
    _, record, _ = await client.call("GET", f"/api/jobs/{accepted['jobId']}")
    return record


@pytest.mark.parametrize("name", ["lena.wav", "lena.flac", "lena.mp3"])
async def test_a_size_is_near_the_real_one(client: Client, name: str) -> None:
    file_id = (await client.upload(ASSETS / name))["fileId"]
    for some in (OUTPUTS[:7], OUTPUTS[7:]):
        outputs = [one for one, _ in some]
        expected = await foresee(client, file_id, outputs=outputs)
        record = await convert(client, file_id, outputs)
        for (asked, margin), one, real in zip(some, expected, record["outputs"], strict=True):
            assert one["size"] == pytest.approx(real["size"], rel=margin), asked


async def test_a_warning_comes_before_under_the_code_that_the_result_will_have(
    client: Client,
) -> None:
    file_id = (await client.upload(ASSETS / "lena.mp3"))["fileId"]
    outputs = [{"format": "mp3", "quality": "max"}, {"format": "ac3"}, {"format": "opus"}]

    expected = await foresee(client, file_id, outputs=outputs)
    record = await convert(client, file_id, outputs)

    for one, real in zip(expected, record["outputs"], strict=True):
        assert {each["code"] for each in one["warnings"]} == {
            each["code"] for each in real["warnings"]
        }
    assert any(one["warnings"] for one in expected)


async def test_one_format_is_told_like_several_and_a_preview_is_short(client: Client) -> None:
    file_id = (await client.upload(ASSETS / "lena.wav"))["fileId"]
    (one,) = await foresee(client, file_id, format="mp3", quality="max", preview=True)
    assert one["duration"] <= 15
    assert (one["format"], one["quality"], one["warnings"]) == ("mp3", "max", [])


async def test_what_cannot_be_converted_cannot_be_estimated(client: Client) -> None:
    file_id = (await client.upload(ASSETS / "lena.wav"))["fileId"]
    opened = {"fileName": "a.wav", "fileSize": 20_000_000}
    _, upload, _ = await client.call("POST", "/api/uploads", json=opened)
    cases: list[tuple[dict[str, Any], int, str]] = [
        ({"fileId": "A" * 32, "format": "mp3"}, 404, "upload_not_found"),
        ({"fileId": upload["fileId"], "format": "mp3"}, 409, "upload_incomplete"),
        ({"fileId": file_id, "format": "exe"}, 400, "invalid_format"),
        ({"fileId": file_id, "format": "mp3", "quality": "q5"}, 400, "invalid_quality"),
        ({"fileId": file_id, "format": "mp3", "options": {"bitDepth": 16}}, 400, "invalid_option"),
        ({"fileId": file_id, "format": "mp3", "options": {"trimStart": 60}}, 400, "invalid_option"),
    ]
    for body, expected, code in cases:
        status, problem, _ = await client.call("POST", "/api/estimate", json=body)
        assert (status, problem["code"]) == (expected, code), body
