"""Exits: how a command ends, as a number for scripts and a sentence for people."""

from typing import ClassVar

OK = 0
FAILED = 1
USAGE = 2
UNREACHABLE = 3
NOT_ALLOWED = 4
INTERRUPTED = 130
TERMINATED = 143

TEXT = """\
exit codes: 0 all done, 1 some failed, 2 usage (nothing was done), 3 no server (it cannot be
reached, or none could be started), 4 the server wants another API key, 130 interrupted.
"""


class CommandError(Exception):
    """A command cannot be carried out; the message says why and what would work."""

    status: ClassVar[int] = FAILED


class UsageError(CommandError):
    """The command line asks for something that makes no sense."""

    status = USAGE


class NoServer(CommandError):
    """No server can be reached, or none could be started."""

    status = UNREACHABLE


class KeyRefused(CommandError):
    """The API key is missing or wrong."""

    status = NOT_ALLOWED
