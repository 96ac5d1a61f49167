"""One event is one line of JSON, whoever speaks and whatever they say."""

import json
import socket
import subprocess
import sys

SPEAK = """
import logging, warnings, structlog
from wavemill_common.telemetry import configure_logging
configure_logging("gateway", "info", {"canary-secret"})
log = structlog.get_logger()
log.info("told", reason="a\\r\\nb\\x00\\u2028{\\"level\\": \\"forged\\"}")
try:
    raise ValueError("first\\nsecond canary-secret")
except ValueError:
    log.exception("crashed")
    logging.getLogger("library").exception("it\\nfailed with canary-secret")
logging.getLogger("library").info("not heard")
warnings.warn("careful")
"""


def test_one_event_is_one_line() -> None:
    told = subprocess.run(
        [sys.executable, "-c", SPEAK], check=True, capture_output=True, text=True
    ).stderr
    assert "canary-secret" not in told
    lines = told.removesuffix("\n").split("\n")
    events = [json.loads(line) for line in lines]
    assert [event["event"] for event in events[:3]] == [
        "told",
        "crashed",
        "it\nfailed with [redacted]",
    ]
    assert "careful" in events[3]["event"]
    assert len(events) == 4
    assert {event["service"] for event in events} == {"gateway"}
    assert "ValueError: first\nsecond" in events[1]["exception"]
    assert "ValueError" in events[2]["exception"]
    assert "\r" not in told


def test_a_line_is_written_at_once_so_that_services_with_one_log_do_not_mix_theirs() -> None:
    ours, theirs = socket.socketpair(socket.AF_UNIX, socket.SOCK_DGRAM)  # keeps writes apart
    with ours, theirs:
        subprocess.run([sys.executable, "-u", "-c", SPEAK], check=True, stderr=theirs.fileno())
        ours.settimeout(5.0)
        writes = [ours.recv(1 << 16) for _ in range(4)]
    assert [write.count(b"\n") for write in writes] == [1] * 4
    assert all(write.endswith(b"}\n") for write in writes)
