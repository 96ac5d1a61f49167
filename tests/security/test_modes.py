"""Off, prefer, require: what happens where not every layer works."""

from pathlib import Path

import pytest

from support.audio import FFMPEG
from wavemill_common.settings import SandboxMode
from wavemill_converter.sandbox import Layer, SandboxMissing, contain, discovery, find_layers


@pytest.fixture
def script(tmp_path: Path) -> str:
    """An ffmpeg that cannot be contained: whatever it starts would have to be known."""
    path = tmp_path / "ffmpeg"
    path.write_text("#!/bin/sh\nexit 0\n")
    path.chmod(0o755)
    return str(path)


async def test_off_contains_nothing() -> None:
    assert await contain(FFMPEG, SandboxMode.OFF) is None


async def test_prefer_goes_on_without(script: str) -> None:
    assert await contain(script, SandboxMode.PREFER) is None


async def test_require_does_not_start_without_and_says_which(script: str) -> None:
    with pytest.raises(SandboxMissing, match=r"require.*seccomp: it is .*script"):
        await contain(script, SandboxMode.REQUIRE)


async def test_a_kernel_without_landlock_still_gives_the_other_layers(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr("wavemill_converter.sandbox.landlock.version", lambda: 0)
    found = await find_layers(FFMPEG)
    assert {Layer.FILES, Layer.NETWORK} <= set(found.missing)
    if Layer.SECCOMP in found.missing:
        pytest.skip("no seccomp here")
    assert found.sandbox is not None
    assert "seccomp" in found.sandbox.names
    with pytest.raises(SandboxMissing, match="landlock-files: this kernel has no Landlock"):
        await contain(FFMPEG, SandboxMode.REQUIRE)


async def test_a_layer_that_is_accepted_but_keeps_nothing_out_does_not_count(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr("wavemill_converter.launch.wall.restrict", lambda _: None)
    found = await find_layers(FFMPEG)
    assert {Layer.FILES, Layer.NETWORK} <= set(found.missing)


async def test_an_unprivileged_user_elsewhere_than_linux_gets_a_reason(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(discovery, "own_machine", lambda: None)
    assert "x86_64" in (await find_layers(FFMPEG)).missing[Layer.SECCOMP]
