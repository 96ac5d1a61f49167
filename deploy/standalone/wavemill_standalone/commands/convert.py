"""`wavemill convert`: convert files."""

import argparse
from collections.abc import Sequence

from wavemill_client import Format, InvalidRequest, NotFound, Offer, WavemillClient
from wavemill_standalone.commands import exits
from wavemill_standalone.commands.asking import read_options
from wavemill_standalone.commands.batch import Batch, Plan
from wavemill_standalone.commands.display import display
from wavemill_standalone.commands.outcome import Outcome
from wavemill_standalone.commands.server import run_interruptible, served
from wavemill_standalone.commands.sources import Source, find_sources
from wavemill_standalone.commands.targets import plan as plan_targets

_NO_UPLOAD = "none"  # an id that no upload has


def run(parsed: argparse.Namespace) -> int:
    """Convert them."""
    if parsed.parallel < 1:
        raise exits.UsageError("--parallel must be 1 or more")
    if parsed.out is not None and parsed.out.exists() and not parsed.out.is_dir():
        raise exits.UsageError(f"--out {parsed.out} is a file; name a directory")
    sources = find_sources(parsed.files, recursive=parsed.recursive)
    plan = Plan(
        format=parsed.to,
        quality=parsed.quality,
        options=read_options(parsed),
        preview=parsed.preview,
        overwrite=parsed.overwrite,
        skip_existing=parsed.skip_existing,
    )
    return run_interruptible(_convert(parsed, sources, plan))


async def _convert(parsed: argparse.Namespace, sources: Sequence[Source], plan: Plan) -> int:
    async with served(parsed) as (client, offer):
        target = _find(offer, plan.format)
        await _check(client, plan)
        extension = "" if "split" in plan.options else target.extension
        paths = plan_targets(sources, extension, parsed.out)
        files = [(source.path, path) for source, path in zip(sources, paths, strict=True)]
        with display(as_json=parsed.json, total=len(files)) as shown:
            batch = Batch(client, plan, shown)
            await batch.run(files, parsed.parallel)
    return verdict(batch.outcomes)


def _find(offer: Offer, name: str) -> Format:
    for one in offer.formats:
        if one.id == name:
            return one
    known = ", ".join(one.id for one in offer.formats)
    raise exits.UsageError(f"unknown format {name!r}; choose one of {known}")


async def _check(client: WavemillClient, plan: Plan) -> None:
    """Have the server judge the options before anything is sent: it looks at the upload last."""
    try:
        await client.estimate(
            _NO_UPLOAD,
            plan.format,
            quality=plan.quality,
            options=plan.options,
            preview=plan.preview,
        )
    except InvalidRequest as error:
        raise exits.UsageError(str(error)) from None
    except NotFound:
        return


def verdict(outcomes: Sequence[Outcome]) -> int:
    """The exit code of a whole command. Pure."""
    errors = [one.error["code"] for one in outcomes if one.status == "failed" and one.error]
    if not errors:
        return exits.OK
    lost = errors.count("server_unreachable") == len(outcomes)
    return exits.UNREACHABLE if lost else exits.FAILED
