"""keys create | list | revoke."""

import argparse
import time
from functools import partial

from msgspec import Struct

from wavemill_common.api_keys import ApiKey, digest_of, id_of, new_key
from wavemill_common.records import JobStore
from wavemill_common.settings import Settings
from wavemill_janitor.cli import exits
from wavemill_janitor.cli.actions import Step, carry_out, unknown
from wavemill_janitor.cli.context import open_records
from wavemill_janitor.cli.filters import in_order
from wavemill_janitor.output import Output, stamp

MAX_NAME = 100  # characters


class KeyRow(Struct, frozen=True, kw_only=True, rename="camel"):
    """A key as a list tells it: all but what only its holder has."""

    key_id: str
    name: str
    state: str
    created_at: str | None
    expires_at: str | None
    revoked_at: str | None
    rate_limit: str | None
    max_open_uploads: int | None


class NewKey(Struct, frozen=True, kw_only=True, rename="camel"):
    """The JSON document of `keys create`: the only time that anybody is told the key."""

    key_id: str
    name: str
    key: str
    expires_at: str | None


class KeyList(Struct, frozen=True):
    """The JSON document of `keys list`."""

    keys: list[KeyRow]
    count: int


async def create(args: argparse.Namespace, settings: Settings, out: Output) -> int:
    """Make a key, and tell it once."""
    if not (args.name.strip() and len(args.name) <= MAX_NAME and args.name.isprintable()):
        raise exits.UsageError(f"--name must have 1 to {MAX_NAME} characters that can be printed")
    text, now = new_key(), time.time()
    key = ApiKey(
        key_id=id_of(text) or "",
        name=args.name.strip(),
        digest=digest_of(text),
        created_at=now,
        expires_at=None if args.expires is None else now + args.expires,
        rate_limit=args.rate_limit,
        max_open_uploads=args.max_open_uploads,
    )
    async with open_records(settings) as records:
        await records.add_key(key)
    if out.as_json:
        expires_at = stamp(key.expires_at)
        out.document(NewKey(key_id=key.key_id, name=key.name, key=text, expires_at=expires_at))
        return exits.OK
    out.line(text)
    out.note(
        f"That is the key {key.key_id} of {key.name!r}. It is told this once and kept nowhere."
    )
    return exits.OK


async def list_keys(_: argparse.Namespace, settings: Settings, out: Output) -> int:
    """Tell all keys, the newest first."""
    now = time.time()
    async with open_records(settings) as records:
        keys = [key async for key in records.all_keys()]
    rows = [_row(key, now) for key in sorted(keys, key=lambda key: key.created_at, reverse=True)]
    if out.as_json:
        out.document(KeyList(rows, len(rows)))
        return exits.OK
    out.table(
        ("key id", "state", "name", "created", "expires", "rate limit", "open uploads"),
        [
            (row.key_id, row.state, row.name, row.created_at, row.expires_at or "-",
             row.rate_limit or "-", row.max_open_uploads or "-")
            for row in rows
        ],
    )  # fmt: skip
    out.line(f"{len(rows)} keys")
    return exits.OK


async def revoke(args: argparse.Namespace, settings: Settings, out: Output) -> int:
    """Let keys open nothing from now on. What is theirs stays until it expires, unreachable."""
    async with open_records(settings) as records:
        steps = [await _revoke_step(records, key_id) for key_id in in_order(args.ids)]
        return await carry_out(out, "keys revoke", steps, apply=True)


async def _revoke_step(records: JobStore, key_id: str) -> Step:
    key = await records.key(key_id)
    if key is None:
        return unknown(key_id, "key")
    now = time.time()
    step = partial(Step, id=key_id, state=_state(key, now))
    if key.revoked_at is not None:
        return step(does="nothing", skip="it is revoked already")
    return step(
        does=f"revoke the key of {key.name}", run=partial(records.save_key, key.revoked(now))
    )


def _row(key: ApiKey, now: float) -> KeyRow:
    return KeyRow(
        key_id=key.key_id,
        name=key.name,
        state=_state(key, now),
        created_at=stamp(key.created_at),
        expires_at=stamp(key.expires_at),
        revoked_at=stamp(key.revoked_at),
        rate_limit=key.rate_limit,
        max_open_uploads=key.max_open_uploads,
    )


def _state(key: ApiKey, now: float) -> str:
    if key.revoked_at is not None:
        return "revoked"
    return "good" if key.is_good(now) else "expired"
