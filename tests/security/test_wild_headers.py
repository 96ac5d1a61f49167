"""Headers that promise the impossible: a named error for good, or a believable result."""

import io
import wave
from pathlib import Path

import pytest
from msgspec import structs

from support.attempts import convert_both_ways
from support.wild import WILD, Files, wav
from wavemill_common.errors import ConversionError, LimitExceeded
from wavemill_common.settings import MIB
from wavemill_converter.probe.limits import Limits
from wavemill_converter.tools import Tools

CAP = 64 * MIB


@pytest.fixture
def files(lena: Path) -> Files:
    return {name: (lena / f"lena.{name}").read_bytes() for name in ("mp3", "m4a", "flac")}


@pytest.mark.parametrize("name", WILD)
async def test_it_ends_with_a_name_for_good_or_with_a_result(
    tools: Tools, files: Files, tmp_path: Path, name: str
) -> None:
    capped = structs.replace(tools, limits=Limits(max_output_bytes=CAP))
    path = tmp_path / "wild.bin"
    path.write_bytes(WILD[name](files))
    for failure in await convert_both_ways(capped, path, tmp_path / "scratch"):
        assert failure is None or isinstance(failure, ConversionError), failure
        assert failure is None or not failure.transient, failure
    results = [one async for one in capped.objects.scan("conversions/")]
    assert all(one.size <= CAP for one in results)


@pytest.mark.parametrize(
    ("name", "limit"),
    [("wav of 2^31-1 Hz", "sampleRate"), ("wav of 65535 channels", "channels")],
)
async def test_what_is_too_much_is_said(
    tools: Tools, files: Files, tmp_path: Path, name: str, limit: str
) -> None:
    path = tmp_path / "wild.wav"
    path.write_bytes(WILD[name](files))
    for failure in await convert_both_ways(tools, path, tmp_path / "scratch"):
        assert isinstance(failure, LimitExceeded), failure
        assert failure.members["limitName"] == limit


def test_the_tame_form_of_the_wild_wav_is_one() -> None:
    with wave.open(io.BytesIO(wav())) as file:
        assert (file.getnchannels(), file.getframerate()) == (2, 44_100)
