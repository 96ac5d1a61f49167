"""What a generator makes of /openapi.json is answered as that declares: schemathesis is the judge.

Half of the cases fit the description and half break it. In some the ids are real ones, so that
they reach further than a 404.
"""

import io
import json
import os
import wave
from collections import Counter
from collections.abc import Iterator
from typing import Any

import pytest
import requests
import schemathesis
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from schemathesis import Case, GenerationMode
from schemathesis.checks import load_all_checks, not_a_server_error
from schemathesis.core.result import Ok
from schemathesis.specs.openapi.checks import (
    content_type_conformance,
    response_headers_conformance,
    response_schema_conformance,
    status_code_conformance,
)

from support.server import Wavemill, running, wait_until
from wavemill_gateway.openapi.document import build

SHORT, FULL = 10, 150  # cases of each operation that fit, and as many that do not
AT_LEAST = 5_000
TIMEOUT = 30.0  # seconds for one answer
CHECKS = [
    not_a_server_error,
    status_code_conformance,
    content_type_conformance,
    response_headers_conformance,
    response_schema_conformance,
]
NO_ROUTE = {"not_found", "method_not_allowed"}
KINDS = ("none", "none", "complete", "open", "completed", "failed", "cancelled")

load_all_checks()
schemathesis.serializer.alias("application/offset+octet-stream", "application/octet-stream")
SCHEMA = schemathesis.openapi.from_dict(build())
FOUND = [one.ok() for one in SCHEMA.get_all_operations() if isinstance(one, Ok)]
OPERATIONS = {one.label: one for one in FOUND}


class Known:
    """A running wavemill, and real ids of each kind on it."""

    def __init__(self, server: Wavemill) -> None:
        self.server = server
        self.session = requests.Session()
        self.files = {"complete": self._upload(a_wav()), "open": self._open()}
        noise = self._upload(bytes(range(256)) * 40)
        self.jobs = {
            "completed": self._job(self.files["complete"]),
            "failed": self._job(noise),
            "cancelled": self._cancelled(),
        }

    def call(self, method: str, path: str, **options: Any) -> Any:
        """Send a request; the JSON that is answered."""
        reply = self.session.request(method, self.server.url + path, timeout=TIMEOUT, **options)
        return reply.json()

    def put_into(self, case: Case[Any], kind: str) -> None:
        """Let a case name what there is."""
        for place in (case.path_parameters, case.query, case.body):
            if not isinstance(place, dict):
                continue
            for name in ("fileId", "uploadId"):
                if name in place and kind in self.files:
                    place[name] = self._open() if case.method == "DELETE" else self.files[kind]
            if "jobId" in place and kind in self.jobs and case.method != "DELETE":
                place["jobId"] = self.jobs[kind]

    def _upload(self, content: bytes) -> str:
        return str(self.call("POST", "/api/upload-audio", files={"file": ("a", content)})["fileId"])

    def _open(self) -> str:
        asked = {"fileName": "a.wav", "fileSize": 10**8}
        return str(self.call("POST", "/api/uploads", json=asked)["fileId"])

    def _job(self, file_id: str) -> str:
        asked = {"fileId": file_id, "format": "wav"}
        job_id = str(self.call("POST", "/api/convert-audio", json=asked)["jobId"])
        path = f"/api/progress?jobId={job_id}"
        ended = {"completed", "failed", "cancelled"}
        wait_until(lambda: self.call("GET", path)["status"] in ended, TIMEOUT)
        return job_id

    def _cancelled(self) -> str:
        asked = {"fileId": self._upload(a_wav(600.0)), "format": "opus"}
        job_id = str(self.call("POST", "/api/convert-audio", json=asked)["jobId"])
        self.call("DELETE", f"/api/jobs/{job_id}")
        return job_id


def a_wav(seconds: float = 0.2) -> bytes:
    file = io.BytesIO()
    with wave.open(file, "wb") as out:
        out.setparams((1, 2, 8000, 0, "NONE", ""))
        out.writeframes(os.urandom(round(seconds * 16_000)))
    return file.getvalue()


@pytest.fixture(scope="module")
def known(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Known]:
    with running(tmp_path_factory.mktemp("described") / "data") as server:
        yield Known(server)
        assert "request_crashed" not in server.log
        assert "Traceback" not in server.log


def judge(known: Known, label: str, mode: GenerationMode, most: int) -> Counter[int]:
    """Send up to `most` cases; count their statuses."""
    seen = Counter[int]()

    @settings(
        max_examples=most,
        deadline=None,
        derandomize=True,
        database=None,
        suppress_health_check=list(HealthCheck),
    )
    @given(OPERATIONS[label].as_strategy(mode), st.sampled_from(KINDS))
    def send(case: Case[Any], kind: str) -> None:
        known.put_into(case, kind)
        response = case.call(known.server.url, session=known.session, timeout=TIMEOUT)
        seen[response.status_code] += 1
        if code_of(response.content) not in NO_ROUTE or "/s3/" in label:
            case.validate_response(response, checks=CHECKS)

    send()
    return seen


def code_of(content: bytes) -> str:
    """The code of a problem; what leads past all routes is no operation's answer."""
    try:
        return str(json.loads(content)["code"])
    except (ValueError, KeyError, TypeError):
        return ""


MODES = [GenerationMode.POSITIVE, GenerationMode.NEGATIVE]


@pytest.mark.parametrize("label", OPERATIONS)
def test_every_answer_is_declared(known: Known, label: str) -> None:
    seen = sum((judge(known, label, mode, SHORT) for mode in MODES if fits(label, mode)), Counter())
    assert seen.total() > 0


@pytest.mark.slow
def test_every_answer_to_thousands_of_cases_is_declared(
    known: Known, capsys: pytest.CaptureFixture[str]
) -> None:
    seen = Counter[int]()
    for label in OPERATIONS:
        for mode in MODES:
            if fits(label, mode):
                seen += judge(known, label, mode, FULL)
    with capsys.disabled():
        print(f"\n{seen.total()} cases: {dict(sorted(seen.items()))}")  # noqa: T201 - the figure
    assert seen.total() >= AT_LEAST


def fits(label: str, mode: GenerationMode) -> bool:
    """Whether there is anything in an operation's request that could be broken."""
    operation = OPERATIONS[label]
    return mode is GenerationMode.POSITIVE or bool(
        [*operation.path_parameters, *operation.query, *operation.headers, *operation.body]
    )


def test_the_cases_reach_results_and_not_only_refusals(known: Known) -> None:
    reply = known.session.get(
        f"{known.server.url}/api/download?jobId={known.jobs['completed']}", timeout=TIMEOUT
    )
    assert reply.status_code == 200
