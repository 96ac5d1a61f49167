"""Figures: what storms have shown, as one line or as a table."""

from collections import Counter
from collections.abc import Sequence

from chaos.history import recoveries
from chaos.storm import Storm

HEAD = (
    "| seed | jobs | starts/job | commits | fenced | quarantined | faults | settled s "
    "| lost | doubled | corrupt | other |"
)


def summary(storm: Storm) -> str:
    """Tell a storm in one line."""
    found = storm.violations
    held = sum(fault.in_ffmpeg for fault in storm.faults)
    kinds = ", ".join(f"{kind} {n}" for kind, n in kinds_of([storm]).items())
    return (
        f"seed {storm.seed}: {storm.jobs} jobs, {storm.starts / storm.jobs:.2f} starts per job, "
        f"{storm.commits} commits, {storm.fenced} fenced, {len(storm.faults)} faults ({kinds}; "
        f"{held} in mid-ffmpeg) in {storm.seconds:.0f} s, settled {storm.settled:.1f} s later; "
        f"lost {len(found.get('lost', ()))}, doubled {len(found.get('doubled', ()))}, "
        f"corrupt {len(found.get('corrupt', ()))}; {storm.ended} ends told over {storm.streams} "
        f"streams; violated: {', '.join(found) or 'nothing'}"
    )


def kinds_of(storms: Sequence[Storm]) -> Counter[str]:
    """How many faults of each kind there were."""
    return Counter(fault.kind for storm in storms for fault in storm.faults)


def table(storms: Sequence[Storm]) -> str:
    """Tell storms in a table, and how fast work went on after each kind of fault."""
    rows = [HEAD, "|" + "--:|" * HEAD.count(" | ") + "--:|"]
    for one in storms:
        found = one.violations
        main = [len(found.get(name, ())) for name in ("lost", "doubled", "corrupt")]
        other = sum(len(texts) for texts in found.values()) - sum(main)
        cells = (one.seed, one.jobs, f"{one.starts / one.jobs:.2f}", one.commits, one.fenced,
                 one.quarantined, len(one.faults), f"{one.settled:.1f}", *main, other)  # fmt: skip
        rows.append("| " + " | ".join(map(str, cells)) + " |")
    rows += ["", "| fault | times | recovery p50 s | p99 s |", "|:--|--:|--:|--:|"]
    for kind, times in sorted(kinds_of(storms).items()):
        seconds = sorted(
            second
            for storm in storms
            for fault in storm.faults
            if fault.kind == kind
            for second in recoveries(storm.lines, fault)
        )
        rows.append(f"| {kind} | {times} | {_at(seconds, 0.5)} | {_at(seconds, 0.99)} |")
    return "\n".join(rows)


def _at(seconds: Sequence[float], share: float) -> str:
    return f"{seconds[min(len(seconds) - 1, int(share * len(seconds)))]:.2f}" if seconds else "-"
