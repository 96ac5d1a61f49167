"""GET /api/progress by a hundred clients, each with a running job of its own, and by one alone.

The bare server answers with what one Redis GET gives it. Jobs here are as converters have them:
recorded as running, their newest progress in Redis, written anew twice a second.
"""

from collections.abc import Iterator

from bench.bench import Bench, interleaved
from bench.jobs import running_jobs, written
from bench.load import loaded
from bench.rows import Goal, Row
from bench.services import LOAD_CORE, Service, bare, gateway, redis_in
from bench.usage import of_servers, pinned

NAME = "polls"
ABOUT = "GET /api/progress of running jobs, the server on one core"
JOBS = 100


def run(bench: Bench) -> Iterator[Row]:
    """Measure rates: of each its own job, of all the same job, and of a single client."""
    data, folder = bench.folder / "polls", bench.folder / "polls-bare"
    folder.mkdir()
    with pinned(LOAD_CORE), redis_in(data) as url:
        jobs = running_jobs(data, JOBS)
        paths = [f"/api/progress?jobId={job.job_id}" for job in jobs]
        with (
            written(url, jobs),
            gateway(data) as ours,
            bare("web", folder, str(folder), url) as theirs,
        ):
            for name, clients, asked, judged in (
                ("100 clients, 100 jobs", 100, paths, True),
                ("100 clients, 1 job", 100, paths[:1], True),
                ("1 client", 1, paths[:1], False),
            ):
                yield from _compared(bench, name, ours, theirs, clients, asked, judged=judged)


def _compared(
    bench: Bench,
    name: str,
    ours: Service,
    theirs: Service,
    clients: int,
    paths: list[str],
    *,
    judged: bool,
) -> Iterator[Row]:
    def polled(service: Service) -> tuple[float, float]:
        """Answers per second, and CPU microseconds per answer."""
        found = []
        used = of_servers(
            service.processes,
            lambda: found.append(loaded(service.url, clients, bench.sized(1.5, 5.0), paths)),
        )
        return found[0].rate, used.cpu / found[0].answers * 1e6

    def told(one: tuple[float, float]) -> str:
        return f"{one[0]:6.0f}/s {one[1]:5.1f} µs"

    sides = interleaved(bench.times(5, 9), lambda: polled(ours), lambda: polled(theirs), told=told)
    rates, costs = ([[one[n] for one in side] for side in sides] for n in (0, 1))
    against = "aiohttp + one Redis GET"
    goal = Goal(least=1.0) if judged else None
    yield Row(name=name, against=against, unit="1/s", ours=rates[0], limit=rates[1], goal=goal)
    yield Row(name=f"{name}: CPU", against=against, unit="µs", ours=costs[0], limit=costs[1])
