"""Extras: the tags and the picture of a result, lent to ffmpeg as files of ours.

They are a user's text and bytes, so they never stand on a command line. Where there are memory
files the child reads them by its inherited descriptor, as all that it may reach is; elsewhere by
their path in a temporary directory.
"""

import tempfile
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from pathlib import Path
from typing import Final

from msgspec import structs

from wavemill_converter.ffmpeg.installation import Ffmpeg
from wavemill_converter.ffmpeg.memory import MemoryFile, is_supported
from wavemill_converter.ffmpeg.places import Input
from wavemill_converter.plan.plan import ConversionPlan
from wavemill_converter.probe.ffmetadata import write_ffmetadata
from wavemill_converter.transcode.command import NO_EXTRAS, Extras
from wavemill_converter.transcode.pictures import PICTURE_TAG, describe_picture, picture_tag

_DEMUXERS: Final = {"image/png": "png_pipe", "image/jpeg": "jpeg_pipe"}


@contextmanager
def extra_files(ffmpeg: Ffmpeg, plan: ConversionPlan) -> Iterator[Extras]:
    """Lend what a plan's result needs beside the source."""
    tagging, picture = plan.tagging, plan.picture
    cover = describe_picture(picture) if picture else None
    way = plan.codec.pictures
    if tagging and cover and picture and way == "tag":
        tags = tagging.tags | {PICTURE_TAG: picture_tag(picture, cover)}
        tagging = structs.replace(tagging, tags=tags)
    with ExitStack() as stack:

        def lend(data: bytes, demuxer: str) -> Input:
            return stack.enter_context(_lent(ffmpeg, data, demuxer))

        extras = NO_EXTRAS
        if tagging:
            text = write_ffmetadata(tagging.tags, tagging.chapters)
            extras = Extras(metadata=lend(text, "ffmetadata"))
        if cover and picture and way == "stream":
            extras = Extras(extras.metadata, picture=lend(picture, _DEMUXERS[cover.mime]))
        if cover and picture and way == "attachment":
            attachment = lend(picture, "")
            extras = Extras(extras.metadata, attachment=attachment, attachment_mime=cover.mime)
        yield extras


@contextmanager
def _lent(ffmpeg: Ffmpeg, data: bytes, demuxer: str) -> Iterator[Input]:
    options = ("-format_whitelist", demuxer, "-f", demuxer)
    if is_supported():
        with MemoryFile("extra") as file:
            file.write(data)
            yield Input(f"file:/proc/self/fd/{file.fd}", "file", options, pass_fds=(file.fd,))
    elif ffmpeg.sandbox is None:
        with tempfile.TemporaryDirectory() as folder:
            path = Path(folder) / "extra"
            path.write_bytes(data)
            yield Input(f"file:{path}", "file", options)
