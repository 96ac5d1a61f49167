"""Asked: what the body of POST /api/convert-audio says, read and checked. Pure."""

from typing import Any, TypeVar

import msgspec
from msgspec import Struct, structs

from wavemill_common.catalogue import find_format
from wavemill_common.errors import InvalidOption, RequestError
from wavemill_common.options import ConvertOptions, Wanted, check_options, previewed
from wavemill_gateway.covers import check_cover
from wavemill_gateway.replies import fit

T = TypeVar("T")

MAX_OUTPUTS = 8
_OPTIONS = tuple(field.encode_name for field in structs.fields(ConvertOptions))
_ONE = ("format", "quality", "options")


class ConvertRequest(Struct, frozen=True, kw_only=True, rename="camel"):
    """What is asked for: one or several results of one upload."""

    file_id: str
    wanted: tuple[Wanted, ...]
    peaks: bool = False
    webhook_url: str | None = None
    delete_after_download: bool = False


class ConvertBody(Struct, frozen=True, kw_only=True, rename="camel", forbid_unknown_fields=True):
    """The body of POST /api/convert-audio: one `format`, or several `outputs` of one upload."""

    file_id: str
    format: str | None = None
    quality: str = "standard"
    options: ConvertOptions = msgspec.field(default_factory=ConvertOptions)
    outputs: tuple[Wanted, ...] | None = None
    preview: bool = False
    peaks: bool = False
    webhook_url: str | None = None
    delete_after_download: bool = False


def understand(body: dict[str, Any]) -> ConvertRequest:
    """Read a body that asks for one `format`, or for several `outputs`.

    Raises:
        RequestError, InvalidFormat, InvalidQuality, InvalidOption: it asks for what there is not;
            the message names what there is.
    """
    _refuse_unknown_options(body)
    read = _fit(body, ConvertBody)
    wanted = _wanted(body, read)
    for one in wanted:
        check_wanted(one)
    if read.preview:
        wanted = tuple(structs.replace(one, options=previewed(one.options)) for one in wanted)
    return ConvertRequest(
        file_id=read.file_id,
        wanted=wanted,
        peaks=read.peaks,
        webhook_url=read.webhook_url,
        delete_after_download=read.delete_after_download,
    )


def understand_one(asked: dict[str, Any]) -> Wanted:
    """Read what asks for one result: `format`, and perhaps `quality` and `options`.

    Raises:
        RequestError, InvalidFormat, InvalidQuality, InvalidOption: as `understand`.
    """
    _refuse_unknown_options(asked)
    wanted = _fit(asked, Wanted)
    check_wanted(wanted)
    return wanted


def check_wanted(wanted: Wanted) -> None:
    """Refuse what cannot be made, whatever the source.

    Raises:
        InvalidFormat, InvalidQuality, InvalidOption: the message names what can.
    """
    target = find_format(wanted.format)
    target.encoding(wanted.quality)
    check_options(target, wanted.options)
    check_cover(wanted.options.cover)


def _wanted(body: dict[str, Any], read: ConvertBody) -> tuple[Wanted, ...]:
    if read.outputs is None:
        if read.format is None:
            raise RequestError(
                "say what to convert to: a `format`, such as mp3, or several `outputs`"
            )
        return (Wanted(format=read.format, quality=read.quality, options=read.options),)
    beside = [name for name in _ONE if name in body]
    if beside:
        raise RequestError(f"{beside[0]} belongs into each of the outputs, not beside them")
    if not 1 <= len(read.outputs) <= MAX_OUTPUTS:
        raise RequestError(f"there may be 1 to {MAX_OUTPUTS} outputs, not {len(read.outputs)}")
    return read.outputs


def _refuse_unknown_options(body: dict[str, Any]) -> None:
    """Name the option that there is not, and those there are: the decoder names only the first."""
    outputs = body.get("outputs")
    for one in (body, *(outputs if isinstance(outputs, list) else ())):
        options = one.get("options") if isinstance(one, dict) else None
        unknown = sorted(set(options) - set(_OPTIONS)) if isinstance(options, dict) else []
        if unknown:
            raise InvalidOption(
                f"unknown option {unknown[0][:40]!r}; there are {', '.join(_OPTIONS)}"
            )


def _fit(body: dict[str, Any], into: type[T]) -> T:
    try:
        return fit(body, into)
    except RequestError as error:
        if ".options" in error.message:
            raise InvalidOption(error.message) from None
        raise
