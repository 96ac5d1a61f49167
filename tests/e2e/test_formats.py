"""Formats: every one that is offered, from a real file through the whole product and back."""

import asyncio
import re
import subprocess
import wave
from pathlib import Path
from typing import Any

import pytest

from support.client import Client

LENA_SECONDS = 12.2715
STEREO_SECONDS = 7.0
TOLERANCE = 0.05  # seconds
# Frames that these encoders must fill up and whose formats cannot tell how much is padding.
PADDING = {"aac": 0.1, "ac3": 0.1, "mp2": 0.08, "wma": 0.15, "amr": 0.06}
MONO_ONLY = {"amr"}


@pytest.fixture(scope="module")
def stereo(tmp_path_factory: pytest.TempPathFactory, ffmpeg: str) -> Path:
    """A stereo file whose channels differ."""
    path = tmp_path_factory.mktemp("stereo") / "stereo.wav"
    tones = "sine=f=300:d=7:r=48000[l];sine=f=500:d=7:r=48000[r];[l][r]join=inputs=2"
    subprocess.run([ffmpeg, "-v", "error", "-filter_complex", tones, str(path)], check=True)
    return path


def decode(ffmpeg: str, path: Path) -> tuple[int, float]:
    """Decode a file → (channels, seconds of sound), as counted in the samples that come out."""
    wav = path.with_suffix(".decoded.wav")
    command = [ffmpeg, "-v", "error", "-i", str(path), "-map", "0:a:0", "-c:a", "pcm_s16le"]
    subprocess.run([*command, str(wav)], check=True)
    with wave.open(str(wav)) as samples:
        return samples.getnchannels(), samples.getnframes() / samples.getframerate()


async def offered(client: Client) -> dict[str, dict[str, Any]]:
    _, body, _ = await client.call("GET", "/api/formats")
    return {one["id"]: one for one in body["formats"]}


async def convert_to_all(
    client: Client, source: Path, folder: Path, ffmpeg: str
) -> dict[str, tuple[int, float]]:
    """Convert a file to every format → what each result decodes to."""
    upload = await client.upload(source)

    async def convert(format_id: str, extension: str) -> tuple[int, float]:
        job_id = await client.convert(upload["fileId"], format_id)
        ended = await client.wait(job_id)
        assert ended["status"] == "completed", (format_id, ended["error"])
        (output,) = ended["outputs"]
        assert output["fileName"] == f"{source.stem}.{extension}"
        path = await client.download(job_id, folder / f"{format_id}.{extension}")
        assert path.stat().st_size == output["size"]
        return await asyncio.to_thread(decode, ffmpeg, path)

    formats = await offered(client)
    found = await asyncio.gather(
        *(convert(format_id, one["extension"]) for format_id, one in formats.items())
    )
    return dict(zip(formats, found, strict=True))


def assert_right(found: dict[str, tuple[int, float]], channels: int, seconds: float) -> None:
    for format_id, (has, lasts) in found.items():
        assert has == (1 if format_id in MONO_ONLY else channels), format_id
        assert lasts == pytest.approx(seconds, abs=PADDING.get(format_id, TOLERANCE)), format_id


async def test_every_format_keeps_the_length_of_a_real_file(
    client: Client, lena: Path, tmp_path: Path, ffmpeg: str
) -> None:
    assert_right(await convert_to_all(client, lena / "lena.wav", tmp_path, ffmpeg), 1, LENA_SECONDS)


async def test_every_format_keeps_both_channels_that_it_can(
    client: Client, stereo: Path, tmp_path: Path, ffmpeg: str
) -> None:
    assert_right(await convert_to_all(client, stereo, tmp_path, ffmpeg), 2, STEREO_SECONDS)


async def test_the_formats_that_the_interface_names_are_offered(client: Client) -> None:
    formats = await offered(client)
    named = "mp3 m4a alac m4b aac opus ogg flac wav aiff webm wma wv caf mka tta ac3 mp2 amr"
    assert " ".join(formats) == named
    for one in formats.values():
        assert "standard" in [preset["id"] for preset in one["presets"]]
        assert re.fullmatch(r"audio/[a-z0-9-]+", one["mime"])
        assert {"sampleRate", "channels"} <= set(one["options"])


@pytest.mark.parametrize("source", ["lena.flac", "lena.m4a", "lena.mp3", "lena.ogg"])
async def test_every_kind_of_real_file_converts(
    client: Client, lena: Path, tmp_path: Path, ffmpeg: str, source: str
) -> None:
    upload = await client.upload(lena / source)
    job_id = await client.convert(upload["fileId"], "wav")
    assert (await client.wait(job_id))["status"] == "completed"
    wav = await client.download(job_id, tmp_path / "a.wav")
    channels, seconds = decode(ffmpeg, wav)
    assert channels == (2 if source == "lena.m4a" else 1)
    assert seconds == pytest.approx(LENA_SECONDS, abs=TOLERANCE)


async def test_every_preset_of_every_format_works(client: Client, lena: Path) -> None:
    upload = await client.upload(lena / "lena.mp3")
    pairs = [
        (format_id, preset["id"])
        for format_id, one in (await offered(client)).items()
        for preset in one["presets"]
    ]
    jobs = [
        await client.convert(upload["fileId"], format_id, quality=quality)
        for format_id, quality in pairs
    ]
    ends = await asyncio.gather(*(client.wait(job_id) for job_id in jobs))
    failed = {pair: end["error"] for pair, end in zip(pairs, ends, strict=True) if end["error"]}
    assert failed == {}


@pytest.mark.parametrize(
    ("format_id", "quality", "options"),
    [
        ("mp3", "192k", {"sampleRate": 22_050, "channels": 2}),
        ("mp3", "V9", {"sampleRate": 8_000, "channels": 1}),
        ("ogg", "q5", {"sampleRate": 96_000}),
        ("flac", "max", {"sampleRate": 192_000, "channels": 2}),
        ("wav", "max", {"channels": 6}),
        ("opus", "24k", {"sampleRate": 16_000}),
    ],
)
async def test_a_quality_and_options_are_heeded(
    client: Client,
    lena: Path,
    tmp_path: Path,
    ffmpeg: str,
    format_id: str,
    quality: str,
    options: dict[str, int],
) -> None:
    upload = await client.upload(lena / "lena.ogg")
    job_id = await client.convert(upload["fileId"], format_id, quality=quality, options=options)
    ended = await client.wait(job_id)
    assert ended["status"] == "completed", ended["error"]
    path = await client.download(job_id, tmp_path / f"a.{format_id}")
    shown = subprocess.run([ffmpeg, "-i", str(path)], capture_output=True, check=False)
    stream = re.search(r"Audio: .*", shown.stderr.decode())
    assert stream is not None
    rate = 48_000 if format_id == "opus" else options.get("sampleRate", 44_100)
    assert f"{rate} Hz" in stream[0]
    named = {1: "mono", 2: "stereo", 6: "5.1"}[options.get("channels", 1)]
    assert f", {named}" in stream[0]
