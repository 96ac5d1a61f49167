"""A real Redis image, run as the compose file runs it: what was queued outlives a kill."""

import yaml
from testcontainers.core.container import DockerContainer

from support.compose import ROOT, docker
from support.server import wait_until


def test_what_was_queued_outlives_a_kill_of_redis() -> None:
    services = yaml.safe_load((ROOT / "docker-compose.yml").read_text())["services"]
    command = " ".join(services["redis"]["command"])
    with DockerContainer("redis:7-bookworm").with_command(command) as redis:
        container = str(redis.get_wrapped_container().id)

        def ask(*words: str) -> str:
            return docker("exec", container, "redis-cli", *words).strip()

        wait_until(lambda: "PONG" in _quietly(container), 20)
        ask("XADD", "{q0}:standard", "*", "j", "a-job")
        wait_until(lambda: "aof_pending_bio_fsync:0" in ask("INFO", "persistence"), 10)

        docker("kill", container)
        docker("start", container)

        wait_until(lambda: "PONG" in _quietly(container), 20)
        assert "a-job" in ask("XRANGE", "{q0}:standard", "-", "+")
        assert "noeviction" in ask("CONFIG", "GET", "maxmemory-policy")


def _quietly(container: str) -> str:
    try:
        return docker("exec", container, "redis-cli", "ping")
    except AssertionError:
        return ""
