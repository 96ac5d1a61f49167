"""What observation costs: PYTHONPATH=tests python -m bench.observing.

The import of the Prometheus client where aiohttp is imported already, the counting of a request,
a span where nothing is traced, and a scrape; CPU time, since others use the machine, too.
"""

import asyncio
import statistics
import subprocess
import sys
import time
from collections.abc import Callable

from aiohttp import web
from aiohttp.test_utils import make_mocked_request

from wavemill_common.metrics.exposition import metrics_response
from wavemill_common.tracing import current_traceparent, span
from wavemill_gateway.measuring import measured

PAIRS, CALLS = 9, 50_000
IMPORT = """
import time
import aiohttp.web, redis.asyncio, structlog, msgspec
began = time.process_time()
import prometheus_client
print(time.process_time() - began)
"""


async def answer(_: web.Request) -> web.Response:
    """The least that can be answered."""
    return ANSWER


ANSWER = web.Response(text="ok")


async def counting() -> float:
    """Seconds for the counting of one request: with it, less without it."""
    request = make_mocked_request("GET", "/a/1")
    began = time.process_time()
    for _ in range(CALLS):
        await answer(request)
    bare = time.process_time() - began
    began = time.process_time()
    for _ in range(CALLS):
        await measured(request, answer)
    return (time.process_time() - began - bare) / CALLS


def each(call: Callable[[], object], calls: int = CALLS) -> float:
    """Seconds for one call."""
    began = time.process_time()
    for _ in range(calls):
        call()
    return (time.process_time() - began) / calls


def enter_span() -> None:
    """What the gateway does for each job it sends."""
    with span("send jobs", "producer"):
        current_traceparent()


async def main() -> None:
    """Measure, and print one line for each: medians."""
    imports = [
        float(
            subprocess.run([sys.executable, "-c", IMPORT], check=True, capture_output=True).stdout
        )
        for _ in range(PAIRS)
    ]
    counted = [await counting() for _ in range(PAIRS)]
    spans = [each(enter_span) for _ in range(PAIRS)]
    scrapes = [each(lambda: metrics_response({}), 100) for _ in range(PAIRS)]
    print(f"import of prometheus_client  {statistics.median(imports) * 1e3:8.1f} ms")
    print(f"the counting of a request    {statistics.median(counted) * 1e6:8.2f} µs")
    print(f"a span, nothing traced       {statistics.median(spans) * 1e6:8.2f} µs")
    print(f"a scrape                     {statistics.median(scrapes) * 1e3:8.2f} ms")


if __name__ == "__main__":
    asyncio.run(main())
