"""Tools: what every step of a conversion works with."""

from msgspec import Struct

from wavemill_common.objects import ObjectStore
from wavemill_converter.ffmpeg.installation import Ffmpeg
from wavemill_converter.lending import Lending
from wavemill_converter.probe.limits import Limits
from wavemill_converter.store.growing import GrowingUpload, Readable
from wavemill_converter.store.proxy import RangeProxy
from wavemill_converter.transcode.outcome import Timeouts


class Tools(Struct, frozen=True):
    """What a conversion works with.

    `decodes`: results are decoded before they are committed; `lending`: the slots that a long
    conversion may use beside its own, None where it may use none; `growing`: the upload to be
    converted while it is still open.
    """

    objects: ObjectStore
    ffmpeg: Ffmpeg
    proxy: RangeProxy
    limits: Limits
    timeouts: Timeouts
    decodes: bool = True
    lending: Lending | None = None
    growing: GrowingUpload | None = None

    @property
    def sources(self) -> Readable:
        """Where the file to be converted is read; all else is among the `objects`."""
        return self.objects if self.growing is None else self.growing
