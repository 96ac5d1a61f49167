"""The oracle: judges a run by the bytes, what the job store has counted and what clients were told.

It uses none of the product's code: what it reads, it reads as an outsider would.
"""

import hashlib
from collections import Counter
from collections.abc import Iterable, Mapping
from typing import Any

import redis

from chaos.clients import Watcher
from chaos.history import Line
from chaos.inputs import Wanted
from chaos.witness import Write, witness_of
from support.cluster import Cluster

# What may stay in Redis without a TTL: the queue's own frame, all of it empty or of bounded size.
MAY_STAY = frozenset(
    f"{{q0}}:{name}"
    for name in (
        "interactive",
        "standard",
        "bulk",
        "epoch",
        "life",
        "converters",
        "converters:details",
    )
)
STREAMS = ("{q0}:interactive", "{q0}:standard", "{q0}:bulk")

Violations = dict[str, list[str]]  # what was violated → by what


def records(cluster: Cluster) -> dict[str, dict[str, Any]]:
    """All job records as the job store has them."""
    return witness_of(cluster).records()


def judge_jobs(cluster: Cluster, accepted: Mapping[str, Wanted], lines: list[Line]) -> Violations:
    """Lost, doubled or corrupt jobs; commits that were acknowledged and are not there."""
    found, commits = records(cluster), witness_of(cluster).commits()
    times = Counter(one.job_id for one in commits)
    told = {Write(one.job_id, one.attempt, one.claim_id) for one in lines if one.kind == "commit"}
    return {
        "lost": [
            f"{job_id}: {found.get(job_id, {}).get('status', 'no record')}"
            for job_id in accepted
            if found.get(job_id, {}).get("status") != "completed"
        ],
        "doubled": [f"{job_id}: {times[job_id]} commits" for job_id in times if times[job_id] > 1],
        "corrupt": [
            job_id
            for job_id, wanted in accepted.items()
            if job_id in found and not _is_right(cluster, found[job_id], wanted)
        ],
        "unwritten": [f"{one}: acknowledged, not counted" for one in told - set(commits)],
    }


def _is_right(cluster: Cluster, job: Mapping[str, Any], wanted: Wanted) -> bool:
    """Whether a completed job has exactly one result, and those bytes; others are no matter."""
    if job["status"] != "completed":
        return True
    outputs = job["outputs"]
    stored = cluster.kept.keys(outputs[0]["key"])
    digest = hashlib.sha256(cluster.kept.read(stored[0])).hexdigest() if stored else ""
    return len(outputs) == 1 and digest == wanted.sha256 == outputs[0]["sha256"]


def judge_watchers(watchers: Iterable[Watcher]) -> Violations:
    """Ends that were told twice or never, and what else a client must not be told."""
    watchers = list(watchers)
    return {
        "ends": [
            f"client {number}, {job_id}: {times} terminal events"
            for number, watcher in enumerate(watchers)
            for job_id, times in watcher.ends.items()
            if times != 1
        ],
        "told": [text for watcher in watchers for text in watcher.wrong],
    }


def judge_leftovers(cluster: Cluster) -> Violations:
    """Whatever is still there though every job has ended."""
    data = cluster.data_dir
    named = {one["key"] for job in records(cluster).values() for one in job["outputs"]}
    stored = set(cluster.kept.keys())
    return {
        "redis": _left_in_redis(cluster),
        "ffmpeg": [str(process.pid) for process in cluster.ffmpegs()],
        "scratch": [str(path) for path in data.glob("scratch/*/*") if path.name != "lock"],
        "dead scratch": _dead_scratch(cluster),
        "unnamed": sorted(
            one for one in stored if one.startswith("conversions/") and one not in named
        ),
        "missing": sorted(named - stored),
        "chunks": [one for one in stored if one.startswith("uploads/chunks/")],
    }


def _dead_scratch(cluster: Cluster) -> list[str]:
    alive = {f"-{member.pid}-" for member in cluster.converters if member.is_running}
    folders = [path.name for path in cluster.data_dir.glob("scratch/*") if path.is_dir()]
    return [name for name in folders if not any(pid in name for pid in alive)]


def _left_in_redis(cluster: Cluster) -> list[str]:
    with redis.Redis.from_url(cluster.redis.url, decode_responses=True) as client:
        left = []
        for stream in STREAMS:
            length = client.xlen(stream)
            pending: Any = client.xpending(stream, "converters")
            if length or pending["pending"]:
                left.append(f"{stream}: {length} entries, {pending['pending']} pending")
        keys = [key for key in client.scan_iter() if client.ttl(key) == -1]
        return left + [f"{key} stays for ever" for key in keys if key not in MAY_STAY]
