"""Page: docs/fidelity.md, written from a ledger. Pure."""

from collections.abc import Mapping, Sequence

from support.fidelity.ledger import Cell, Ledger

HEAD = """# What comes out is right

This page is written by `make fidelity`, which measures all of it anew (this time in {minutes}
minutes on {cores} cores). `make test`, and so CI, runs a subset on every change (98 tests, 64 s of
processor time): each input made here in two formats, so that all formats have their turn, every
reference command but the large ones, and ffmpeg 5.

The yardstick is what the same ffmpeg writes from a local file to a local, seekable file. A result
is made three times: by the streaming path, with the source coming through the proxy as from S3 and
as an open file as from the disk, and by way of files. All must hold the same bytes, and for
the pairs below also the bytes that a command writes which a person typed for it
(`tests/support/fidelity/references.py`). Every streamed result was decoded again and, where it is
lossless, compared sample by sample before it counted, as every result of a job is.
"""
TITLES = {
    "large": "Large results",
    "progress": "Progress",
    "memory": "Memory",
    "tags": "Tags, covers, chapters",
    "exceptions": "What does not arrive",
    "old": "ffmpeg 5",
}
ABOUT = {
    "large": """
Twenty-seven minutes of noise with cover, chapters and tags, as ALAC with its index at the end.
Early parts went up while ffmpeg still wrote; the peak is the memory file's.
""",
    "progress": """
A store that gives the source at an even pace slows each conversion down. The error is the mean
distance between what was reported and the true share: of the audio, and of the time that the
conversion took. ETA is its mean error as a share of the whole time. Where the duration is exact,
the first may be 0.03; where the bytes tell, the second 0.06. It must never go back.
""",
    "memory": """
A process of its own, with all of the converter's modules loaded, streams from and to a store. S3 is
a server in another process.
Memory and scratch are the most that memory files and temporary files held at once; RSS is the
converter's highest, without ffmpeg. They may be 64 MiB and 150 MB. What is stored was compared with
what a command written by hand makes.
""",
    "tags": """
Twenty tags, among them five thousand characters, line ends, emoji and everything that ffmpeg's own
text format escapes; a cover; eight chapters. Tagged by mutagen where it can, in the frames that
taggers use. Counted is what mutagen and another version's ffprobe find in the source and, byte for
byte the same, in the result; the job's own report has to say the same as they do.
""",
    "exceptions": """
All of it; what is not in this table arrives. An exception that does not happen fails the test.
""",
    "old": """
Some pairs by Debian's ffmpeg, which writes by `/proc/self/fd/N`.
""",
}
BY_FORMAT = """## By format

Other programs read the durations: how many agreed of those that could read it, and the largest
distance. Within 50 ms or 0.1 %, and the frames that a codec adds at its ends and its container
cannot tell from sound.
"""


def page(ledger: Ledger, versions: Mapping[str, str], seconds: float, cores: int) -> str:
    """The whole page; measuring took so many seconds."""
    took_part = ", ".join(f"{name} {version}" for name, version in versions.items())
    sections = [
        HEAD.format(minutes=max(1, round(seconds / 60)), cores=cores),
        f"Took part: {took_part}.\n",
        "".join(f"- {line}\n" for line in ledger.counts()),
        *(f"Left out: {what}, because {why}.\n" for what, why in ledger.skipped.items()),
        BY_FORMAT,
        table(ledger.by_format()),
        "## By input\n",
        table(ledger.by_input()),
        *(_section(ledger, name) for name in TITLES if name in ledger.tables),
        "## Compared with commands written by hand\n",
        _references(ledger),
    ]
    return "\n".join(sections)


def _section(ledger: Ledger, name: str) -> str:
    return f"## {TITLES[name]}\n{ABOUT[name]}\n{table(ledger.tables[name])}"


def _references(ledger: Ledger) -> str:
    shown = [
        f"{name} → {target}{'' if identical else ' (differs)'}"
        for (name, target), identical in ledger.references.items()
    ]
    return ", ".join(shown) + "\n"


def table(rows: Sequence[Mapping[str, Cell]]) -> str:
    """A Markdown table; the first row's keys are its head."""
    if not rows:
        return ""
    names = list(rows[0])
    lines = [names, ["---"] * len(names), *([_text(row[name]) for name in names] for row in rows)]
    return "".join(f"| {' | '.join(line)} |\n" for line in lines)


def _text(cell: Cell) -> str:
    return f"{cell:.3f}" if isinstance(cell, float) else str(cell)
