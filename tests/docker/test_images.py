"""The images: nobody's root, nothing to build with, ffmpeg in the converter only."""

import json
from typing import Any

import pytest

from support.compose import docker, inspect

pytestmark = pytest.mark.usefixtures("images")

SERVICES = ("gateway", "converter", "janitor")
LOOK = """
import json, os, pathlib, shutil, sys
status = dict(line.split(":\\t", 1) for line in open("/proc/self/status") if ":\\t" in line)
def writable(folder):
    try:
        (pathlib.Path(folder) / "probe").write_text("?")
    except OSError:
        return False
    return True
print(json.dumps({
    "uid": os.getuid(),
    "compilers": [one for one in ("cc", "gcc", "g++", "clang", "make", "ld") if shutil.which(one)],
    "ffmpeg": any("ffmpeg" in path.name for path in pathlib.Path(sys.prefix).rglob("ffmpeg-*")),
    "pip": shutil.which("pip") is not None and "/opt/" in shutil.which("pip"),
    "caps": int(status["CapEff"], 16) | int(status["CapBnd"], 16),
    "no_new_privileges": status["NoNewPrivs"].strip(),
    "writable": [one for one in ("/", "/opt/wavemill", "/usr", "/home", "/data") if writable(one)],
}))
"""


def look_into(service: str) -> dict[str, Any]:
    """Run an image as the compose file does, and see what is there."""
    hardened = ("--read-only", "--cap-drop=ALL", "--security-opt=no-new-privileges:true")
    printed = docker(
        "run", "--rm", "--network=none", *hardened, "--entrypoint=python",
        f"wavemill-{service}", "-c", LOOK,
    )  # fmt: skip
    seen: dict[str, Any] = json.loads(printed)
    return seen


@pytest.mark.parametrize("service", SERVICES)
def test_an_image_has_no_rights_no_compiler_and_ffmpeg_only_to_convert(service: str) -> None:
    seen = look_into(service)
    assert seen["uid"] >= 10_000
    assert (seen["caps"], seen["no_new_privileges"]) == (0, "1")
    assert (seen["compilers"], seen["pip"]) == ([], False)
    assert seen["writable"] == []
    assert seen["ffmpeg"] is (service == "converter")


@pytest.mark.parametrize("service", SERVICES)
def test_an_image_says_where_it_runs_how_it_is_and_who_it_is(service: str) -> None:
    config = inspect(f"wavemill-{service}")["Config"]
    environ = dict(one.split("=", 1) for one in config["Env"])
    assert environ["WAVEMILL_ENV"] == "docker"
    assert int(config["User"].split(":")[0]) >= 10_000
    assert "wavemill_common.healthcheck" in config["Healthcheck"]["Test"]
    assert (environ.get("HOST") == "0.0.0.0") is (service == "gateway")


def test_an_image_that_finds_no_redis_says_so_to_its_health_check() -> None:
    container = docker("run", "--detach", "--network=none", "wavemill-converter").strip()
    try:
        code = (
            "import subprocess as s, time, json; c=['python','-m','wavemill_common.healthcheck',"
            "'worker'];\nfor _ in range(40):\n"
            "  d=s.run(c, capture_output=True, text=True)\n"
            "  if '503' in d.stderr: break\n"
            "  time.sleep(.25)\n"
            "print(json.dumps([d.returncode, d.stderr]))"
        )
        status, told = json.loads(docker("exec", container, "python", "-c", code))
        assert status == 1
        assert "Redis" in told or "no answer in" in told
    finally:
        docker("rm", "--force", "--volumes", container)
