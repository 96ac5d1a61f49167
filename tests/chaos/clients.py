"""Clients: they submit under one key until it is accepted, and watch until the very end.

They know several gateways, all of which may be dead right now, and nothing of the cluster.
"""

import asyncio
import json
import random
from collections import Counter
from collections.abc import Sequence
from contextlib import suppress
from typing import Any

import aiohttp

from chaos.inputs import Wanted
from support.client import TERMINAL

ACCEPTED, OK, ALL_TOLD, THROTTLED, SERVER_FAULT = 202, 200, 204, 429, 500
AGAIN_SHARE = 0.1  # of the accepted jobs are submitted once more: it must be the same job
PAUSE = 0.1  # seconds before another gateway is asked
FAILURES = (aiohttp.ClientError, OSError, TimeoutError)


class Submitter:
    """Submits jobs, each under a key of its own."""

    def __init__(
        self, session: aiohttp.ClientSession, urls: Sequence[str], chance: random.Random
    ) -> None:
        self._session = session
        self._urls = urls
        self._chance = chance
        self.accepted: dict[str, Wanted] = {}
        self.refused: list[str] = []  # answers that should never come
        self.tries = 0

    async def submit(self, key: str, wanted: Wanted) -> str:
        """Submit until accepted; return the job's id."""
        job_id = await self._until_accepted(key, wanted)
        self.accepted[job_id] = wanted
        if self._chance.random() < AGAIN_SHARE:
            again = await self._until_accepted(key, wanted)
            if again != job_id:
                self.refused.append(f"key {key} got two jobs: {job_id} and {again}")
        return job_id

    async def _until_accepted(self, key: str, wanted: Wanted) -> str:
        while True:
            self.tries += 1
            with suppress(*FAILURES):
                status, body = await self._post(key, wanted)
                if status == ACCEPTED:
                    return str(body["jobId"])
                if status < SERVER_FAULT and status != THROTTLED:
                    self.refused.append(f"{status} {body}")
            await asyncio.sleep(PAUSE)

    async def _post(self, key: str, wanted: Wanted) -> tuple[int, dict[str, Any]]:
        async with self._session.post(
            f"{self._chance.choice(self._urls)}/api/convert-audio",
            json={"fileId": wanted.file_id, "format": wanted.format},
            headers={"Idempotency-Key": key},
        ) as response:
            return response.status, json.loads(await response.read() or b"{}")


class Watcher:
    """Watches jobs over one stream at a time, coming back with Last-Event-ID wherever it can."""

    def __init__(
        self,
        session: aiohttp.ClientSession,
        urls: Sequence[str],
        job_ids: Sequence[str],
        chance: random.Random,
    ) -> None:
        self._session = session
        self._urls = urls
        self._query = "&".join(f"jobId={job_id}" for job_id in job_ids)
        self._chance = chance
        self._last_id = ""
        self._seen: dict[str, tuple[int, int]] = {}  # job id → revision, percent
        self.ends: Counter[str] = Counter(dict.fromkeys(job_ids, 0))
        self.wrong: list[str] = []  # what a watcher must never be told
        self.streams = 0

    async def run(self) -> None:
        """Watch until the server says that everything has been told."""
        while not await self._watch_once():
            await asyncio.sleep(PAUSE)

    async def _watch_once(self) -> bool:
        headers = {"Last-Event-ID": self._last_id} if self._last_id else {}
        url = f"{self._chance.choice(self._urls)}/api/events?{self._query}"
        with suppress(*FAILURES):
            async with self._session.get(url, headers=headers) as response:
                if response.status == OK:
                    self.streams += 1
                    await self._read(response)
                return response.status == ALL_TOLD
        return False

    async def _read(self, response: aiohttp.ClientResponse) -> None:
        event: dict[str, str] = {}
        async for raw in response.content:
            line = raw.decode().rstrip("\n")
            if line:
                name, _, value = line.partition(": ")
                event[name] = value
            else:
                if "data" in event:
                    self._take(event)
                event = {}

    def _take(self, event: dict[str, str]) -> None:
        self._last_id = event.get("id", self._last_id)
        data = json.loads(event["data"])
        if event["event"] == "error":
            self.wrong.append(f"error event {data}")
            return
        job_id, new = data["jobId"], (data["revision"], data["progress"])
        old = self._seen.get(job_id, (-1, -1))
        if new[0] <= old[0]:
            self.wrong.append(f"{job_id}: revision {new[0]} after {old[0]}")
        self._seen[job_id] = new
        if data["status"] in TERMINAL:
            self.ends[job_id] += 1
            if event["event"] != data["status"]:
                self.wrong.append(f"{job_id}: event {event['event']} for {data['status']}")
        elif self.ends[job_id]:
            self.wrong.append(f"{job_id}: {data['status']} after its end")
