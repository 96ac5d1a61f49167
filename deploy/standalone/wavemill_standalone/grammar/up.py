"""The grammar of `wavemill up`."""

from pathlib import Path

from wavemill_standalone.grammar.common import Commands, command


def add(commands: Commands) -> None:
    """Its grammar."""
    parser = command(
        commands,
        "up",
        summary="run everything on this machine",
        description="Run the gateway, a converter, a janitor and a Redis until Ctrl-C.",
        examples=["up", "up --port 9000 --data-dir /srv/wavemill"],
    )
    parser.add_argument("--port", type=int, help="listen on this port (PORT, 8080)")
    parser.add_argument("--data-dir", type=Path, help="keep everything here (DATA_DIR, .data)")
