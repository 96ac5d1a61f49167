"""Measure: run jobs of several kinds through the real services, and keep what each used."""

import tempfile
from datetime import UTC, datetime
from pathlib import Path

import aiohttp
from msgspec import Struct

from bench.costs.meters import Reading
from bench.costs.phases import Measured, Measurer, Profile
from bench.costs.redis_load import redis_costs
from bench.costs.stage import staged
from support.audio import generate
from support.client import Client
from wavemill_janitor.sweeps import rebuild_queue

HOUR_OF = 60  # copies of a minute
_SPEECH = "anoisesrc=d={d}:c=pink:a=0.5:r=44100:seed=3,volume='0.2+0.8*abs(sin(3*t))':eval=frame"


class Costs(Struct, frozen=True):
    """What was measured: `idle` and `janitor` are for one second, all else for one job or poll.

    `redis` is what each step takes of Redis' thread at work, in microseconds.
    """

    date: str
    redis: dict[str, float]
    idle: Reading
    janitor: Reading
    polls: dict[str, Reading]
    jobs: list[Measured]


def profiles(folder: Path, *, quick: bool) -> list[Profile]:
    """A clip, a song, and an hour of speech; `quick` leaves the long ones out."""
    stereo = ",pan=stereo|c0=c0|c1=0.8*c0"
    clip = generate(folder / "clip.wav", _SPEECH.format(d=10) + stereo)
    found = [Profile("clip", clip, 10, "mp3", 10)]
    if not quick:
        song = generate(folder / "song.wav", _SPEECH.format(d=240) + stereo)
        found.append(Profile("song", song, 240, "mp3", 4))
        found.append(Profile("hour", hour_of_speech(folder), 3600, "m4a", 1))
    return found


def hour_of_speech(folder: Path) -> Path:
    """An hour of speech as an MP3, put together from a minute."""
    minute = generate(folder / "minute.mp3", _SPEECH.format(d=60), "-b:a", "64k")
    hour = folder / "hour.mp3"
    hour.write_bytes(minute.read_bytes() * HOUR_OF)
    return hour


async def measure(*, quick: bool) -> Costs:
    """Measure all of it; `quick` takes a minute, the whole some ten."""
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        kinds = profiles(folder, quick=quick)
        async with staged() as stage, aiohttp.ClientSession() as session:
            measurer = Measurer(stage, Client(session, stage.url), folder)
            async with stage.janitor() as deps:
                await rebuild_queue(deps)  # or the first sweep would be none of every day
            idle = await measurer.idle()
            janitor = await measurer.janitor()
            jobs = list[Measured]()
            for kind in kinds:
                jobs.append(await measurer.life(kind))
                print(f"measured: {kind.name}")
            polls = await measurer.polls(hour_of_speech(folder))
    today = datetime.now(UTC).date().isoformat()
    redis = await redis_costs()
    return Costs(date=today, redis=redis, idle=idle, janitor=janitor, polls=polls, jobs=jobs)
