"""JointProgress: how far several ffmpegs are together, each on its segment."""

import asyncio

from wavemill_converter.ffmpeg.progress import FfmpegProgress, Follower, TranscodeProgress
from wavemill_converter.plan.plan import ConversionPlan
from wavemill_converter.transcode.transcode import OnProgress


class JointProgress:
    """Adds up what the segments report; as none of them ever goes back, the sum does not."""

    def __init__(self, segments: int, plan: ConversionPlan, on_progress: OnProgress) -> None:
        self._steps: list[TranscodeProgress | None] = [None] * segments
        self._follower = Follower(
            plan.duration, exact=plan.duration_exact, source_size=plan.source_size
        )
        self._on_progress = on_progress
        self._begun = asyncio.get_running_loop().time()

    def of(self, segment: int) -> OnProgress:
        """What one segment reports to."""

        def on_progress(step: TranscodeProgress) -> None:
            self._steps[segment] = step
            self._tell()

        return on_progress

    def _tell(self) -> None:
        steps = [one for one in self._steps if one is not None]
        out_time = sum(one.out_time for one in steps)
        size = sum(one.total_size for one in steps)
        self._follower.advance(FfmpegProgress(out_time=out_time, total_size=size))
        elapsed = asyncio.get_running_loop().time() - self._begun
        speed = out_time / elapsed if elapsed else None
        self._on_progress(self._follower.progress(elapsed, speed))
