"""Stages: how long an attempt is at what, for metrics and traces, as it reports its stages."""

import time
from typing import TYPE_CHECKING

from wavemill_common.progress.snapshot import Stage
from wavemill_common.tracing import is_on, start
from wavemill_converter.metrics import STAGES

if TYPE_CHECKING:
    from opentelemetry.trace import Span

SPANS = {
    Stage.PROBING: "probe",
    Stage.CONVERTING: "transcode",
    Stage.UPLOADING: "publish",
    Stage.VERIFYING: "check",
}


class Stages:
    """The stage that one attempt is in. One begins when another ends."""

    def __init__(self) -> None:
        self._stage: Stage | None = None
        self._began = 0.0
        self._span: Span | None = None

    def enter(self, stage: Stage) -> None:
        """Be at something, be it the same as before."""
        if stage is self._stage:
            return
        self.end()
        self._stage, self._began = stage, time.perf_counter()
        if is_on():
            self._span = start(SPANS.get(stage, stage.value))

    def end(self) -> None:
        """Be at nothing any more."""
        if self._stage is not None:
            STAGES.labels(self._stage.value).observe(time.perf_counter() - self._began)
        if self._span is not None:
            self._span.end()
        self._stage = self._span = None
