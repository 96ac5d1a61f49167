"""Tag exceptions: all that does not arrive, each with its reason. Whatever is not here must arrive.

An exception that does not happen any more fails its test, so that it is taken out.
"""

from dataclasses import dataclass

from wavemill_common.catalogue import FORMATS

APPLE = ("m4a", "m4b", "alac")
NO_TAGS = ("aac", "ac3", "mp2", "amr")
COVER, CHAPTERS = "(cover)", "(chapters)"


@dataclass(frozen=True)
class Exceptional:
    """What is lost between these sources and these targets; empty means all of them."""

    what: tuple[str, ...]
    why: str
    sources: tuple[str, ...] = ()
    targets: tuple[str, ...] = ()

    def is_about(self, source: str, target: str) -> bool:
        """Whether it is about this pair."""
        return source in (self.sources or (source,)) and target in (self.targets or (target,))


EXCEPTIONS = (
    Exceptional(
        ("publisher", "language", "encoded_by", "isrc", "mood", "MY_TAG"),
        "ffmpeg writes only the tags that Apple has named; Apple's free ones it only reads",
        targets=APPLE,
    ),
    Exceptional(
        (
            *("album_artist", "composer", "disc", "publisher", "lyrics", "bpm"),
            *("grouping", "mood", "MY_TAG"),
        ),
        "RIFF's INFO list has no such tag, and ffmpeg writes no ID3 chunk",
        targets=("wav",),
    ),
    Exceptional(("bpm",), "ffmpeg does not read MP4's tmpo", sources=("m4a",)),
    Exceptional(
        ("lyrics",), "ffmpeg reads no more than 1,023 bytes of a CAF tag", sources=("caf",)
    ),
    Exceptional(
        (COVER,),
        "these hold no picture, or ffmpeg cannot write one into them",
        targets=("webm", "wma", "wv", "wav", "caf", "tta", *NO_TAGS),
    ),
    Exceptional(
        (CHAPTERS,),
        "these hold no chapters",
        targets=("wav", "wv", "caf", "tta", *NO_TAGS),
    ),
)


def excepted(source: str, target: str) -> set[str]:
    """What may be missing in this pair."""
    return {name for one in EXCEPTIONS if one.is_about(source, target) for name in one.what}


def rows() -> list[dict[str, str]]:
    """The exceptions as a table."""
    return [
        {
            "from": ", ".join(one.sources) or "all",
            "to": ", ".join(one.targets) or "all",
            "lost": ", ".join(one.what),
            "because": one.why,
        }
        for one in EXCEPTIONS
    ] + [{"from": "all", "to": ", ".join(NO_TAGS), "lost": "all tags", "because": "bare streams"}]


TARGETS = tuple(one.id for one in FORMATS.values() if one.tags)
