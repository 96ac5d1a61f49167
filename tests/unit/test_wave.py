"""When a WAV may be looked at in one packet: where that can miss nothing."""

import struct

import pytest
from hypothesis import given
from hypothesis import strategies as st

from wavemill_converter.probe.wave import HEAD, look_options

SOUND = bytes(range(1, 251)) * 4000
SHORT = ("-max_size", "135168", "-max_probe_packets", "1")


def chunk(name: bytes, body: bytes) -> bytes:
    return name + struct.pack("<I", len(body)) + body + b"\0" * (len(body) % 2)


def wave(sound: bytes, *between: bytes, rate: int = 44_100, bits: int = 16) -> bytes:
    frame = 2 * bits // 8
    form = chunk(b"fmt ", struct.pack("<HHIIHH", 1, 2, rate, rate * frame, frame, bits))
    body = b"".join((b"WAVE", form, *between, chunk(b"data", sound)))
    return (b"RIFF" + struct.pack("<I", len(body)) + body)[:HEAD]


def test_sound_that_begins_at_once_is_looked_at_shortly() -> None:
    assert look_options(wave(SOUND)) == SHORT
    assert look_options(wave(bytes(16_000) + SOUND)) == SHORT
    assert look_options(wave(SOUND, chunk(b"LIST", b"odd"))) == SHORT


def test_what_begins_later_is_looked_at_as_far_as_ffmpeg_does() -> None:
    assert look_options(wave(bytes(200_000) + SOUND)) == ()
    assert look_options(wave(bytes(200_000), chunk(b"LIST", b"INFOdata with text" * 9))) == ()


@pytest.mark.parametrize("word", ["7ffe8001", "fe7f0180", "1fffe800", "ff1f00e8", "64582025"])
@pytest.mark.parametrize("at", [66_000, 177_777, 560_000])
def test_where_dts_may_begin_is_looked_at_as_far_as_ffmpeg_does(word: str, at: int) -> None:
    assert look_options(wave(SOUND[:at] + bytes.fromhex(word) + SOUND[at:])) == ()


@pytest.mark.parametrize("at", [0, 60_000, 570_000])
def test_where_it_would_be_seen_at_once_or_never_nothing_is_lost(at: int) -> None:
    word = bytes.fromhex("fe7f0180")
    assert look_options(wave(SOUND[:at] + word + SOUND[at:])) == SHORT


def test_what_ffmpeg_could_see_beyond_the_head_is_not_guessed() -> None:
    assert look_options(wave(SOUND, rate=96_000)) == ()
    assert look_options(wave(SOUND, chunk(b"JUNK", bytes(900_000)))) == ()
    assert look_options(wave(SOUND, chunk(b"JUNK", bytes(HEAD)))) == ()


def test_only_16_bits_of_wav_are_meant() -> None:
    assert look_options(wave(SOUND, bits=24)) == ()
    assert look_options(b"RF64" + wave(SOUND)[4:]) == ()
    assert look_options(b"ID3\4" + wave(SOUND)[4:]) == ()


@given(st.binary(max_size=200), st.integers(0, 60))
def test_no_head_is_too_odd(noise: bytes, cut: int) -> None:
    assert look_options(noise) == ()
    assert look_options(b"RIFF" + noise[:4] + b"WAVE" + noise) in ((), SHORT)
    assert look_options(wave(SOUND)[:cut]) in ((), SHORT)
