"""The janitor's command line: wavemill-janitor COMMAND. No failure shows a traceback."""

import argparse
import asyncio
import os
import sys
from contextlib import suppress

import structlog

from wavemill_common.health import redis_answers
from wavemill_common.service import run_service
from wavemill_common.settings import SettingError, Settings
from wavemill_janitor.cli import doctor, exits
from wavemill_janitor.cli.context import check_data, find_redis
from wavemill_janitor.cli.findings import Check, Level
from wavemill_janitor.cli.output import Output
from wavemill_janitor.cli.parser import build_parser, shield_ids
from wavemill_janitor.main import main as run_main
from wavemill_janitor.main import sweep_once
from wavemill_janitor.metrics import read_queue


def main(arguments: list[str] | None = None) -> None:
    """Parse the command line, do what it says, exit with what came of it."""
    given = sys.argv[1:] if arguments is None else arguments
    args = build_parser().parse_args(shield_ids(given))
    if args.command == "run":
        run_service("janitor", run_main, redis_answers, read_queue)
        return
    sys.exit(_carry_out(args, Output(as_json=args.json)))


def _carry_out(args: argparse.Namespace, out: Output) -> int:
    try:
        code = _dispatch(args, out)
        sys.stdout.flush()
    except BrokenPipeError:  # whoever read the output has seen enough
        with suppress(OSError):
            os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
        return exits.OK
    except KeyboardInterrupt:
        out.note("wavemill-janitor: interrupted; what was done is done")
        return exits.INTERRUPTED
    except Exception as error:  # noqa: BLE001 - at 3 in the morning nobody reads a traceback
        return _fail(exits.explain(error), out)
    return code


def _dispatch(args: argparse.Namespace, out: Output) -> int:
    try:
        # To set up AWS, one need not know yet where Redis will be.
        read = Settings.read if args.command == "setup" else Settings.from_environ
        settings = read(os.environ)
    except SettingError as error:
        if args.command == "doctor":
            doctor.conclude([Check("settings", Level.DOWN, str(error), "set another value")], out)
            return exits.USAGE
        raise exits.UsageError(str(error)) from None
    say_warnings(out)
    command = args.run or sweep
    code: int = asyncio.run(command(args, settings, out))
    return code


def say_warnings(out: Output) -> None:
    """Let what the code below logs as a warning be read by people, on one line, without traces."""

    def say(_: object, __: str, event: structlog.typing.EventDict) -> str:
        about = ", ".join(
            f"{name}={value}" for name, value in event.items() if name not in {"event", "exc_info"}
        )
        out.note(f"wavemill-janitor: {str(event['event']).replace('_', ' ')} ({about})")
        raise structlog.DropEvent

    structlog.configure(
        processors=[say], wrapper_class=structlog.make_filtering_bound_logger("warning")
    )


async def sweep(_: argparse.Namespace, settings: Settings, out: Output) -> int:
    """Do every sweep once and tell what was done."""
    check_data(settings)
    find_redis(settings)
    done = {name.strip("_"): count for name, count in (await sweep_once(settings)).items()}
    if out.as_json:
        out.document(done)
    else:
        out.table(("sweep", "done"), list(done.items()))
    return exits.OK


def _fail(failure: exits.CommandError, out: Output) -> int:
    if out.as_json:
        out.document({"error": {"code": failure.code, "message": str(failure)}})
    out.note(f"wavemill-janitor: {failure}")
    return failure.status
