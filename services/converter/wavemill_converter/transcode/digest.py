"""The digest of the samples that went into an encoder: ffmpeg writes it beside the result."""

import re
from collections.abc import Iterator
from contextlib import contextmanager

from wavemill_converter.ffmpeg.memory import MemoryFile, is_supported
from wavemill_converter.plan.plan import ConversionPlan

_MD5 = re.compile(rb"MD5=([0-9a-f]{32})")


@contextmanager
def digest_file(plan: ConversionPlan) -> Iterator[MemoryFile | None]:
    """A file for the samples' digest, where the samples are to come through untouched."""
    if not (plan.keeps_samples and is_supported()):
        yield None
        return
    with MemoryFile("digest") as file:
        yield file


def read_digest(file: MemoryFile) -> str | None:
    """Read what ffmpeg's md5 muxer wrote."""
    found = _MD5.search(file.read(0, file.size))
    return found[1].decode() if found else None
