"""Sources: a short sound in each of fourteen formats, to be damaged."""

from pathlib import Path

from media_files import run

SOUND = ("-f", "lavfi", "-i", "sine=f=330:r=44100:d=0.8", "-ac", "2")
TAGS = ("-metadata", "title=A title", "-metadata", "artist=Someone")
FORMATS = {
    "wav": "",
    "aiff": "-write_id3v2 1",
    "flac": "",
    "mp3": "-c:a libmp3lame -b:a 96k",
    "m4a": "-c:a aac",
    "aac": "-c:a aac -f adts",
    "ogg": "-c:a libvorbis",
    "opus": "-c:a libopus",
    "wma": "-c:a wmav2 -f asf",
    "wv": "-c:a wavpack",
    "caf": "-c:a pcm_s16be",
    "mka": "-c:a libopus -f matroska",
    "tta": "-c:a tta",
    "ac3": "-c:a ac3",
}


def make_sources(folder: Path) -> dict[str, bytes]:
    """Make them; return their bytes by extension."""
    found = {}
    for extension, arguments in FORMATS.items():
        path = folder / f"source.{extension}"
        run(*SOUND, *TAGS, *arguments.split(), path)
        found[extension] = path.read_bytes()
    return found
