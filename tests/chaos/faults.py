"""Faults: every so often one of them, chosen by a seeded chance, until the storm is over."""

import asyncio
import random
import time

from chaos.history import Fault
from support.cluster import Cluster, Member

LEASE = 15.0  # seconds at scale 1
STOPS = (0.5, 2.5)  # of a lease: some wake before it has run out, most after that
REDIS_PAUSE = 0.3  # seconds that a killed Redis is away
FLUSHES = 2
WEIGHTS = {
    "converter-9": 40,
    "converter-stop": 20,
    "converter-term": 6,
    "janitor-9": 8,
    "janitor-stop": 3,
    "gateway-9": 12,
    "redis-9": 4,
}


class Faults:
    """Does harm to a cluster, and brings back what it took."""

    def __init__(self, cluster: Cluster, chance: random.Random) -> None:
        self._cluster = cluster
        self._chance = chance
        self._wake: dict[Member, float] = {}  # stopped members → when they go on
        self._leaving: set[Member] = set()  # members that were asked to end
        self.done: list[Fault] = []
        self.unexpected: list[str] = []  # deaths that nobody here caused

    async def run(self, seconds: float, every: float) -> None:
        """Cause one fault after the other; at the end everyone runs again."""
        begun = time.monotonic()
        flushes = sorted(self._chance.uniform(0.2, 0.8) * seconds for _ in range(FLUSHES))
        while (now := time.monotonic()) < begun + seconds:
            self._revive(now)
            if flushes and now > begun + flushes[0]:
                flushes.pop(0)
                self._note("flushall")
                await asyncio.to_thread(self._cluster.redis.flush)
            else:
                [kind] = self._chance.choices(list(WEIGHTS), list(WEIGHTS.values()))
                await self._cause(kind)
            await asyncio.sleep(every)
        for member in self._leaving:
            await asyncio.to_thread(member.wait)
        self._revive(float("inf"))

    async def keep(self) -> None:
        """Go on bringing back gateways that kill themselves, until cancelled."""
        while True:
            self._revive(float("inf"))
            await asyncio.sleep(0.1)

    def _revive(self, now: float) -> None:
        for member in [one for one, at in self._wake.items() if at <= now]:
            del self._wake[member]
            member.resume()
        for member in self._cluster.members:
            if not member.is_running:
                self._note_death(member)
                member.start()

    def _note_death(self, member: Member) -> None:
        """A member may end because it was asked to, a gateway also by its own hand; else why?"""
        if member in self._leaving:
            self._leaving.remove(member)
        elif member.service == "gateway":
            self._note("gateway-itself")
        else:
            self.unexpected.append(f"{member.name} ended by itself: {member.wait()}")

    async def _cause(self, kind: str) -> None:
        service, _, how = kind.partition("-")
        if service == "redis":
            self._note(kind)
            self._cluster.redis.kill()
            await asyncio.sleep(REDIS_PAUSE)
            await self._cluster.redis.start_again()
            return
        member = self._chance.choice(
            [one for one in self._cluster.members if one.service == service]
        )
        if member in self._wake or not member.is_running:
            return
        self._note(kind, member)
        if how == "stop":
            share = self._chance.uniform(*STOPS)
            self._wake[member] = time.monotonic() + share * LEASE * self._cluster.scale
            member.stop()
        elif how == "term":
            self._leaving.add(member)  # it may take its time; `_revive` starts it again
            member.terminate()
        else:
            self._leaving.discard(member)
            member.restart()

    def _note(self, kind: str, member: Member | None = None) -> None:
        pid = member.pid if member else 0
        in_ffmpeg = bool(member and member.service == "converter" and member.ffmpegs())
        self.done.append(Fault(kind, time.time(), pid, in_ffmpeg))
