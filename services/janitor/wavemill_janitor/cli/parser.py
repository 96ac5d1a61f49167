"""The command line's grammar: every command, its options, and examples of its use."""

import argparse
import re
from collections.abc import Callable, Coroutine, Sequence
from enum import StrEnum
from functools import partial
from typing import Any, TypeAlias, TypeVar

from wavemill_common.jobs import JobStatus
from wavemill_common.settings import Settings, parsers
from wavemill_common.uploads import UploadState
from wavemill_janitor.cli import doctor, jobs, keys, queue, setup, storage, uploads, webhooks
from wavemill_janitor.cli.filters import parse_age, parse_names
from wavemill_janitor.output import Output

Command = Callable[[argparse.Namespace, Settings, Output], Coroutine[Any, Any, int]]
Group: TypeAlias = "argparse._SubParsersAction[argparse.ArgumentParser]"  # noqa: SLF001 - it has no other name
T = TypeVar("T")

MAX_LIMIT = 1_000_000

EXITS = """\
exit codes: 0 ok, 1 failed, 2 usage, 3 findings, 4 a dependency is down.
What changes something is a dry run until --apply (but for keys). Settings come from the environment
(docs/configuration.md); embedded, DATA_DIR is enough. docs/janitor.md says what to do when.
"""
_GENERATED_ID = re.compile(r"[A-Za-z0-9_-]{32}")  # what ids.new_id makes
_VALUES = frozenset({"--owner", "--code", "--name"})  # options whose values may look like ids


def shield_ids(arguments: Sequence[str]) -> list[str]:
    """Move ids behind a `--` where one begins with a dash, as one of 64 does. Pure."""
    places = [
        place
        for place, text in enumerate(arguments)
        if _GENERATED_ID.fullmatch(text) and arguments[place - 1 : place] not in _values()
    ]
    if "--" in arguments or not any(arguments[place].startswith("-") for place in places):
        return list(arguments)
    others = [text for place, text in enumerate(arguments) if place not in places]
    return [*others, "--", *(arguments[place] for place in places)]


def _values() -> list[list[str]]:
    return [[name] for name in _VALUES]


def build_parser() -> argparse.ArgumentParser:
    """The whole grammar. `run` of the parsed arguments is the command."""
    parser = argparse.ArgumentParser(
        prog="wavemill-janitor",
        description="Look after wavemill: sweep, inspect, repair.",
        epilog=EXITS,
        formatter_class=argparse.RawDescriptionHelpFormatter,
        allow_abbrev=False,
    )
    groups = parser.add_subparsers(metavar="COMMAND", required=True, dest="command")
    _command(groups, "run", "sweep until stopped; any number may run at once", None,
             ["run"], as_json=False)  # fmt: skip
    _command(groups, "sweep", "do every sweep once and tell what was done", None,
             ["sweep", "sweep --json"])  # fmt: skip
    _command(groups, "doctor", "check every dependency and say what to do", doctor.doctor,
             ["doctor", "doctor --json | jq '.checks[] | select(.level != \"ok\")'"])  # fmt: skip
    _add_setup(groups)
    _add_jobs(_group(groups, "jobs", "list, show, requeue, cancel and expire jobs"))
    _add_uploads(_group(groups, "uploads", "list and abort uploads"))
    _add_keys(_group(groups, "keys", "make, list and revoke API keys"))
    _add_queue(_group(groups, "queue", "look into the queue; replay dead letters"))
    _add_storage(_group(groups, "storage", "find orphans; tell what fills the store"))
    _add_webhooks(_group(groups, "webhooks", "have webhooks called again"))
    return parser


def _add_setup(groups: Group) -> None:
    one = _command(groups, "setup", "make bucket and tables in AWS; print the IAM policies",
                   setup.setup,
                   ["setup", "setup --apply", "setup --origin https://audio.example --apply",
                    "setup --json | jq .policies.gateway"])  # fmt: skip
    one.add_argument("--apply", action="store_true", help="really do it; else: a dry run")
    one.add_argument(
        "--origin", action="append", metavar="URL",
        help="whose pages may upload straight to S3 (any; may be given again)",
    )  # fmt: skip


def _add_jobs(group: Group) -> None:
    one = _command(group, "list", "tell the newest jobs that match", jobs.list_jobs,
                   ["jobs list --status failed --newer-than 2h",
                    "jobs list --status created,processing --limit 500 --json"])  # fmt: skip
    _job_filters(one, default_limit=50)
    one = _command(group, "show", "tell all that is known of one job", jobs.show_job,
                   ["jobs show k7PmX…", "jobs show k7PmX… --json | jq .job.error"])  # fmt: skip
    one.add_argument("id", metavar="JOB", help="the job's whole id")
    actions: tuple[tuple[str, str, Command, list[str]], ...] = (
        ("requeue", "queue what the queue has lost; run failed and cancelled jobs again",
         jobs.requeue,
         ["jobs requeue --status failed --newer-than 1h",
          "jobs requeue --status failed --newer-than 1h --apply"]),
        ("cancel", "end jobs that have not ended", jobs.cancel,
         ["jobs cancel k7PmX… --apply", "jobs cancel --status created --owner mallory --apply"]),
        ("expire", "delete the results of ended jobs now; end live ones as failed", jobs.expire,
         ["jobs expire --status completed --older-than 12h",
          "jobs expire --status completed --older-than 12h --apply"]),
    )  # fmt: skip
    for name, meaning, run, examples in actions:
        one = _command(group, name, meaning, run, examples)
        _targets(one, "JOB")
        _job_filters(one, default_limit=None)


def _add_uploads(group: Group) -> None:
    one = _command(group, "list", "tell the newest uploads that match", uploads.list_uploads,
                   ["uploads list --state open --older-than 2h"])  # fmt: skip
    _upload_filters(one, default_limit=50)
    one = _command(group, "abort", "delete uploads that no live job needs", uploads.abort,
                   ["uploads abort --state open --older-than 12h",
                    "uploads abort --state open --older-than 12h --apply"])  # fmt: skip
    _targets(one, "UPLOAD")
    _upload_filters(one, default_limit=None)


def _add_keys(group: Group) -> None:
    one = _command(group, "create", "make a key and tell it: this once, then never again",
                   keys.create,
                   ["keys create --name 'nightly script'",
                    "keys create --name visitor --expires 7d --json | jq -r .key"])  # fmt: skip
    one.add_argument("--name", required=True, help="whose it is, for the list")
    one.add_argument(
        "--expires", type=_saying(parse_age), metavar="AGE", help="after 12h or 90d (never)"
    )
    one.add_argument(
        "--rate-limit",
        type=_saying(parsers.rate),
        metavar="RATE",
        help="its own WAVEMILL_RATE_LIMIT (the server's)",
    )
    one.add_argument(
        "--max-open-uploads", type=_saying(_count), metavar="N",
        help="its own WAVEMILL_MAX_OPEN_UPLOADS (the server's)",
    )  # fmt: skip
    _command(group, "list", "tell all keys, revoked ones too", keys.list_keys,
             ["keys list", "keys list --json | jq -r '.keys[].name'"])  # fmt: skip
    one = _command(group, "revoke", "let keys open nothing any more, at once", keys.revoke,
                   ["keys revoke 3f9a1c07b2de"])  # fmt: skip
    one.add_argument("ids", nargs="+", metavar="KEY", help="ids, as `keys list` tells them")


def _add_queue(group: Group) -> None:
    _command(group, "stats", "tell how full the queue is and who works on it", queue.stats,
             ["queue stats", "queue stats --json | jq '.queue.lanes'"])  # fmt: skip
    one = _command(group, "dead", "tell the jobs that were given up; exit 3 if any", queue.dead,
                   ["queue dead", "queue dead --json | jq -r '.dead[].jobId'"])  # fmt: skip
    _limit(one, 100)
    one = _command(group, "replay", "run jobs again that were given up", queue.replay,
                   ["queue replay --all",
                    "queue replay --code poison --apply"])  # fmt: skip
    _targets(one, "JOB")
    one.add_argument("--all", action="store_true", help="every dead letter")
    one.add_argument("--code", help="those that were given up with this error code")
    _ages(one)
    _limit(one, None)
    one = _command(group, "peek", "show the first entries of each lane", queue.peek,
                   ["queue peek --limit 3"])  # fmt: skip
    _limit(one, 10, "of each lane")


def _add_storage(group: Group) -> None:
    one = _command(group, "orphans", "find objects that no record names; exit 3 if any",
                   storage.orphans,
                   ["storage orphans", "storage orphans --delete",
                    "storage orphans --delete --apply"])  # fmt: skip
    one.add_argument("--delete", action="store_true", help="delete them (a dry run)")
    one.add_argument("--apply", action="store_true", help="with --delete: really do it")
    _command(group, "usage", "tell how much lies where, and for what", storage.usage,
             ["storage usage", "storage usage --json | jq .bytes"])  # fmt: skip


def _add_webhooks(group: Group) -> None:
    one = _command(group, "redeliver", "have webhooks called again", webhooks.redeliver,
                   ["webhooks redeliver --failed --newer-than 2d",
                    "webhooks redeliver --failed --newer-than 2d --apply"])  # fmt: skip
    _targets(one, "JOB")
    one.add_argument("--failed", action="store_true", help="those that were given up after a day")
    one.add_argument(
        "--undelivered", action="store_true", help="all not delivered, also those still being tried"
    )
    _ages(one)
    _limit(one, None)


def _group(groups: Group, name: str, meaning: str) -> Group:
    one = groups.add_parser(name, help=meaning, description=_sentence(meaning), allow_abbrev=False)
    return one.add_subparsers(metavar="COMMAND", required=True, dest="subcommand")


def _command(
    group: Group,
    name: str,
    meaning: str,
    run: Command | None,
    examples: Sequence[str],
    *,
    as_json: bool = True,
) -> argparse.ArgumentParser:
    lines = "\n".join(f"  wavemill-janitor {example}" for example in examples)
    one = group.add_parser(
        name,
        help=meaning,
        description=_sentence(meaning),
        epilog=f"examples:\n{lines}\n\n{EXITS}",
        formatter_class=argparse.RawDescriptionHelpFormatter,
        allow_abbrev=False,
    )
    if as_json:
        one.add_argument("--json", action="store_true", help="print one JSON document")
    one.set_defaults(run=run)
    return one


def _targets(parser: argparse.ArgumentParser, what: str) -> None:
    parser.add_argument("ids", nargs="*", metavar=what, help="ids; or use filters instead")
    parser.add_argument("--apply", action="store_true", help="really do it; else: a dry run")


def _job_filters(parser: argparse.ArgumentParser, default_limit: int | None) -> None:
    parser.add_argument(
        "--status", type=_names(JobStatus), action="extend", metavar="STATUS[,STATUS]",
        help=f"one or several of {', '.join(JobStatus)}",
    )  # fmt: skip
    parser.add_argument("--format", action="append", help="an output format; may be repeated")
    _owner(parser)
    _ages(parser)
    _limit(parser, default_limit)


def _upload_filters(parser: argparse.ArgumentParser, default_limit: int | None) -> None:
    parser.add_argument(
        "--state", type=_names(UploadState), action="extend", metavar="STATE[,STATE]",
        help=f"one or several of {', '.join(UploadState)}",
    )  # fmt: skip
    _owner(parser)
    _ages(parser)
    _limit(parser, default_limit)


def _owner(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("--owner", help="whose, as key:ID; '' is everyone without an API key")


def _ages(parser: argparse.ArgumentParser) -> None:
    age = _saying(parse_age)
    parser.add_argument("--older-than", type=age, metavar="AGE", help="as 90s, 15m, 2h or 3d")
    parser.add_argument("--newer-than", type=age, metavar="AGE", help="as 90s, 15m, 2h or 3d")


def _limit(parser: argparse.ArgumentParser, default: int | None, of: str = "") -> None:
    shown = "no limit" if default is None else f"{default}"
    parser.add_argument(
        "--limit", type=_saying(_count), default=default, metavar="N",
        help=f"at most so many {of}({shown})".replace("  ", " "),
    )  # fmt: skip


def _count(text: str) -> int:
    if not (text.isascii() and text.isdigit() and 0 < int(text) <= MAX_LIMIT):
        raise ValueError(f"{text!r} must be a whole number from 1 to {MAX_LIMIT}")
    return int(text)


def _names(kind: type[StrEnum]) -> Callable[[str], list[str]]:
    return _saying(partial(parse_names, kind=kind))


def _saying(parse: Callable[[str], T]) -> Callable[[str], T]:
    """Let argparse tell what a parser says of a bad value, which it would hide."""

    def parse_or_say(text: str) -> T:
        try:
            return parse(text)
        except ValueError as error:
            raise argparse.ArgumentTypeError(str(error)) from None

    return parse_or_say


def _sentence(meaning: str) -> str:
    return f"{meaning[0].upper()}{meaning[1:]}."
