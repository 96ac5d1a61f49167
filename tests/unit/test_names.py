"""Names: harmless for headers and keys, whatever a client calls its file."""

import re
from urllib.parse import unquote

import pytest
from hypothesis import given
from hypothesis import strategies as st

from wavemill_gateway.names import FALLBACK, MAX_NAME_BYTES, attachment, clean_name, extension_of

ANY_TEXT = st.text(st.characters())  # surrogates too: they come from broken encodings


@pytest.mark.parametrize(
    ("sent", "kept"),
    [
        ("song.mp3", "song.mp3"),
        ("Ünïcode name.wav", "Ünïcode name.wav"),
        ("u\u0308.wav", "ü.wav"),
        ("../../etc/passwd", "passwd"),
        ("C:\\Music\\a.mp3", "a.mp3"),
        ("folder/", FALLBACK),
        ("..", FALLBACK),
        (" . ", FALLBACK),
        ("", FALLBACK),
        ("a\r\nSet-Cookie: b\0.mp3", "aSet-Cookie: b.mp3"),
        ("a\x7f\x9fb.mp3", "ab.mp3"),
        ("gpj.\u202e3pm", "gpj.3pm"),
        ("a\ud800.mp3", "a.mp3"),
        ("  spaces.mp3  ", "spaces.mp3"),
        ("🎵" * 100 + ".mp3", "🎵" * 62 + ".mp3"),
        ("x" * 300, "x" * 255),
    ],
)
def test_a_name_keeps_what_a_person_reads(sent: str, kept: str) -> None:
    assert clean_name(sent) == kept


@given(name=ANY_TEXT)
def test_a_clean_name_is_short_and_has_nothing_that_could_steer(name: str) -> None:
    kept = clean_name(name)
    assert 1 <= len(kept.encode()) <= MAX_NAME_BYTES
    assert not re.search(r"[\x00-\x1f\x7f-\x9f/\\\u202a-\u202e\u2066-\u2069]", kept)
    assert clean_name(kept) == kept


@given(name=ANY_TEXT)
def test_an_extension_is_fit_for_a_key(name: str) -> None:
    assert re.fullmatch(r"[a-z0-9]{1,8}", extension_of(clean_name(name)))


@pytest.mark.parametrize(
    ("name", "extension"),
    [("a.MP3", "mp3"), ("a.tar.gz", "gz"), ("a", "bin"), ("a.", "bin"), ("a.verylongone", "bin")],
)
def test_an_extension_is_the_last_one(name: str, extension: str) -> None:
    assert extension_of(name) == extension


@given(name=ANY_TEXT)
def test_an_attachment_is_one_header_that_gives_the_name_back(name: str) -> None:
    kept = clean_name(name)
    header = attachment(kept)
    found = re.fullmatch(r"attachment; filename=\"([ -~]+)\"; filename\*=UTF-8''([!-~]+)", header)
    assert found is not None
    assert not set(found[1]) & set('"\\/;%')
    assert unquote(found[2]) == kept


@pytest.mark.parametrize(
    ("name", "plain"),
    [
        ("Ünïcode.mp3", "Unicode.mp3"),
        ("名前.flac", "audio.flac"),
        ('a"b;c%d.mp3', "a_b_c_d.mp3"),
        ("a\uff0fb.mp3", "a_b.mp3"),  # a full-width slash becomes a real one when it is folded
        ("名", "audio"),
    ],
)
def test_the_plain_form_is_as_near_as_ascii_allows(name: str, plain: str) -> None:
    assert f'filename="{plain}"' in attachment(name)
