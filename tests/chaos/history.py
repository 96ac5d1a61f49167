"""History: what really happened, told by three witnesses that do not know each other.

The job store notes starts and commits inside the conditional write itself (`chaos.witness`); the
`record` patch notes what processes were told of their writes; faults are noted by whoever caused
them.
"""

from pathlib import Path
from typing import NamedTuple


class Line(NamedTuple):
    """A write that was acknowledged: a start, a commit, or a commit that was fenced off."""

    kind: str
    job_id: str
    attempt: int
    claim_id: str
    pid: int
    at: float


class Fault(NamedTuple):
    """Something that was done to the cluster; `pid` where it was done to one process."""

    kind: str
    at: float
    pid: int = 0
    in_ffmpeg: bool = False


def read_lines(path: Path) -> list[Line]:
    """The acknowledged writes, in the order in which they were noted."""
    if not path.exists():
        return []
    return [
        Line(kind, job_id, int(attempt), claim_id, int(pid), float(at))
        for kind, job_id, attempt, claim_id, pid, at in map(
            str.split, path.read_text().splitlines()
        )
    ]


def held_by(lines: list[Line], pid: int, at: float) -> set[str]:
    """The jobs that a process had started and not committed at that time."""
    held: dict[str, int] = {}
    for line in lines:
        if line.at > at:
            break
        if line.kind == "start":
            held[line.job_id] = line.pid
        else:
            held.pop(line.job_id, None)
    return {job_id for job_id, owner in held.items() if owner == pid}


def recoveries(lines: list[Line], fault: Fault) -> list[float]:
    """Seconds until each job that a fault hit was started or committed again, by anyone.

    Where no process was hit: until work went on at all.
    """
    later = [line for line in lines if line.at > fault.at and line.kind != "fenced"]
    if not fault.kind.startswith("converter"):
        return [later[0].at - fault.at] if later else []
    seconds = []
    for job_id in held_by(lines, fault.pid, fault.at):
        again = next((line.at for line in later if line.job_id == job_id), None)
        if again is not None:
            seconds.append(again - fault.at)
    return seconds
