"""LoudnessReport: what was done about a result's loudness, in figures."""

from msgspec import Struct


class LoudnessReport(Struct, frozen=True, kw_only=True, rename="camel"):
    """By EBU R128: LUFS and dBTP before and after, the gain in dB; None what cannot be measured.

    `limited`: a limiter held peaks down. Where it is silence nothing was done.
    """

    before_lufs: float | None = None
    after_lufs: float | None = None
    before_true_peak_db: float | None = None
    after_true_peak_db: float | None = None
    gain_db: float = 0.0
    limited: bool = False
