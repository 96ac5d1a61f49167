"""What the gateway's quick look tells of a file."""

import io
from pathlib import Path

import mutagen
import pytest

from wavemill_gateway.media_reader import MAX_TEXT, describe

ASSETS = Path(__file__).parent.parent / "assets"


@pytest.mark.parametrize("name", ["lena.mp3", "lena.flac", "lena.ogg"])
def test_the_tags_are_told_with_the_rest(name: str) -> None:
    media = describe(mutagen.File(ASSETS / name, easy=True))
    assert (media.sample_rate, media.channels) == (44_100, 1)
    assert media.duration == pytest.approx(12.27, abs=0.01)
    tags = media.tags or {}
    assert (tags["artist"], tags["date"]) == ("Lena Stolze", "2014")


def test_very_many_tags_are_cut_to_what_a_record_can_hold() -> None:
    found = mutagen.File(io.BytesIO((ASSETS / "lena.flac").read_bytes()))
    for number in range(100):
        found.tags[f"tag{number}"] = "x" * 5000
    tags = describe(found).tags or {}
    assert 10 < len(tags) < 64
    assert sum(len(name) + len(value) for name, value in tags.items()) < MAX_TEXT + 1024
