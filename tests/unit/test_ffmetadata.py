"""What we write for ffmpeg is read as it was meant."""

import subprocess

from hypothesis import given, settings
from hypothesis import strategies as st
from media_files import FFMPEG

from wavemill_common.media import Chapter
from wavemill_converter.probe.ffmetadata import (
    parse_global_tags,
    parse_stream_tags,
    writable,
    write_ffmetadata,
)

TEXT = st.text(st.characters(exclude_categories=["Cs"], exclude_characters="\0"), max_size=60)
NAMES = st.text(st.characters(exclude_categories=["Cs"], exclude_characters="\0\r"), min_size=1)
NASTY = {
    "[CHAPTER]": "[STREAM]",
    ";comment": "#not a comment",
    "a=b": "c\\=d\\\\",
    "title": "one\n[CHAPTER]\nSTART=5\n\ntwo\\",
    "crlf": "one\r\ntwo\rthree",
    "long": "ß" * 100_000,
}


@given(st.dictionaries(NAMES, TEXT))
def test_tags_come_back_as_they_were(tags: dict[str, str]) -> None:
    assert parse_global_tags(write_ffmetadata(tags).decode()) == all_writable(tags)


@given(st.dictionaries(NAMES, TEXT), st.lists(TEXT, max_size=3))
def test_no_tag_can_pose_as_a_chapter_nor_a_chapter_as_a_tag(
    tags: dict[str, str], titles: list[str]
) -> None:
    chapters = [Chapter(at, at + 1.0, title) for at, title in enumerate(titles)]
    text = write_ffmetadata(tags, chapters).decode()
    assert parse_global_tags(text) == all_writable(tags)
    assert text.count("\n[CHAPTER]\nTIMEBASE=1/1000\nSTART=") >= len(chapters)


def all_writable(tags: dict[str, str]) -> dict[str, str]:
    return {name: writable(value) for name, value in tags.items()}


def through_ffmpeg(text: bytes) -> str:
    words = [
        "-f",
        "ffmetadata",
        "-i",
        "pipe:0",
        "-fflags",
        "+bitexact",
        "-f",
        "ffmetadata",
        "pipe:1",
    ]
    command = [FFMPEG, "-v", "error", *words]
    return subprocess.run(command, input=text, check=True, capture_output=True).stdout.decode()


def test_ffmpeg_reads_what_we_write_and_we_read_what_it_writes() -> None:
    text = through_ffmpeg(write_ffmetadata(NASTY, [Chapter(0.25, 1.5, "= [CHAPTER] ;\n#")]))
    assert parse_global_tags(text) == all_writable(NASTY)
    assert "START=250\nEND=1500\ntitle=\\= [CHAPTER] \\;\\\n\\#\n" in text


@settings(max_examples=10, deadline=None)
@given(st.dictionaries(st.sampled_from(["title", "artist", "x"]), TEXT.filter(bool)))
def test_ffmpeg_gives_any_text_back(tags: dict[str, str]) -> None:
    assert parse_global_tags(through_ffmpeg(write_ffmetadata(tags))) == all_writable(tags)


def test_what_ffmpeg_cannot_read_is_written_as_near_as_can_be() -> None:
    assert writable("one\r\ntwo\rthree") == "one\ntwo\nthree"
    assert writable("C:\\") == "C:\\ "


def test_a_zero_would_end_the_line_so_it_is_left_out() -> None:
    assert write_ffmetadata({"a": "b\0c"}) == b";FFMETADATA1\na=bc\n"


def test_the_tags_of_the_first_stream_stand_in_its_section() -> None:
    text = (
        ";FFMETADATA1\ntitle=file\n[STREAM]\ntitle=one\n[STREAM]\ntitle=two\n[CHAPTER]\nSTART=0\n"
    )
    assert parse_stream_tags(text) == {"title": "one"}
    assert parse_stream_tags(";FFMETADATA1\ntitle=file\n") == {}
