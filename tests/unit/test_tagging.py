"""Which tags and chapters a result shall have, and when ffmpeg may copy them by itself."""

import pytest
from msgspec import structs

from wavemill_common.catalogue import find_format
from wavemill_common.media import Chapter, MediaInfo
from wavemill_common.options import ChapterMark, ConvertOptions
from wavemill_common.tag_names import canonical, canonical_tags
from wavemill_converter.plan.tag_names import written
from wavemill_converter.plan.tagging import Tagging, plan_tags
from wavemill_converter.probe.source import Probed

CHAPTERS = (Chapter(0.0, 60.5, "One"), Chapter(60.5, 90.0, "Two"), Chapter(90.0, 100.0))
PLAIN = {"title": "Title", "artist": "Someone"}


def source(
    tags: dict[str, str] | None = None, chapters: tuple[Chapter, ...] = (), **more: object
) -> Probed:
    read = PLAIN if tags is None else tags
    media = MediaInfo(duration=100.0, tags=canonical_tags(read), chapters=chapters)
    probed = Probed(
        media=media,
        demuxer="mp3",
        layout="stereo",
        channels=2,
        sample_rate=44_100,
        bits=16,
        floating=False,
        lossless=False,
        size=1000,
        tags_as_read=read,
    )
    return structs.replace(probed, **more)


def planned(
    target: str, probed: Probed | None = None, options: ConvertOptions | None = None
) -> Tagging | None:
    return plan_tags(probed or source(), find_format(target), options or ConvertOptions())


def tags(target: str, probed: Probed | None = None, **options: object) -> dict[str, str]:
    found = planned(target, probed, structs.replace(ConvertOptions(), **options))
    assert found is not None
    return found.tags


@pytest.mark.parametrize("target", ["mp3", "m4a", "flac", "opus", "wav", "mka", "wv", "wma"])
def test_ordinary_tags_are_left_to_ffmpeg(target: str) -> None:
    assert planned(target) is None


@pytest.mark.parametrize("target", ["mp3", "m4a", "mka", "wma"])
def test_chapters_are_left_to_ffmpeg_where_it_can_write_them(target: str) -> None:
    assert planned(target, source(chapters=CHAPTERS)) is None


def test_a_format_without_tags_gets_none() -> None:
    assert planned("aac", source(), ConvertOptions(strip_metadata=True)) is None


@pytest.mark.parametrize("target", ["flac", "ogg", "opus"])
def test_chapters_of_the_xiph_formats_are_tags(target: str) -> None:
    found = planned(target, source(chapters=CHAPTERS))
    assert found is not None
    assert found.chapters == ()
    assert found.tags == PLAIN | {
        "CHAPTER000": "00:00:00.000",
        "CHAPTER000NAME": "One",
        "CHAPTER001": "00:01:00.500",
        "CHAPTER001NAME": "Two",
        "CHAPTER002": "00:01:30.000",
    }


def test_the_callers_tags_replace_add_and_remove_whatever_their_case() -> None:
    given = {"TITLE": "New", "Artist": None, "AlbumArtist": "All", "my tag": "mine", "x": ""}
    assert tags("mp3", metadata=given) == {"title": "New", "album_artist": "All", "my tag": "mine"}


def test_nothing_but_the_callers_tags_is_left_when_the_sources_are_stripped() -> None:
    found = planned("mp3", None, ConvertOptions(strip_metadata=True, metadata={"title": "New"}))
    assert found == Tagging(tags={"title": "New"}, strips=True)


def test_a_tag_gets_the_name_that_its_new_container_uses() -> None:
    read = {"TBPM": "120", "TSRC": "X", "album_artist": "All", "date": "2020"}
    assert tags("flac", source(read))["bpm"] == "120"
    assert tags("m4a", source(read))["tmpo"] == "120"
    assert tags("wma", source(read))["WM/ISRC"] == "X"
    ape = tags("wv", source(read))
    assert (ape["Album Artist"], ape["Year"]) == ("All", "2020")


def test_wav_has_a_place_for_the_software_and_for_comments() -> None:
    read = {"Software": "Recorder", "COMMENTS": "by hand"}
    assert tags("wav", source(read)) == {"ISFT": "Recorder", "comment": "by hand"}
    assert planned("flac", source(read)) is None
    both = {"comments": "others", "comment": "the one"}
    assert tags("wav", source(both)) == {"comment": "the one"}


def test_number_and_total_are_one_tag_but_in_the_xiph_formats() -> None:
    read = {"TRACKNUMBER": "3", "TRACKTOTAL": "12", "disc": "1/2"}
    assert tags("mp3", source(read)) == {"track": "3/12", "disc": "1/2"}
    flac = tags("flac", source(read))
    assert (flac["track"], flac["TRACKTOTAL"]) == ("3", "12")


def test_what_stands_beside_the_sound_of_an_mp4_does_not_become_a_tag_of_an_ogg() -> None:
    found = planned("ogg", source(demuxer="mov", stream_tags={"handler_name": "SoundHandler"}))
    assert found == Tagging(tags=PLAIN, strips=True)


def test_a_cover_that_has_to_be_a_tag_needs_a_text_of_ours() -> None:
    covered = source(covers=(1,), pictures=1)
    assert planned("opus", covered) == Tagging(tags=PLAIN, strips=True)
    assert planned("opus", covered, ConvertOptions(cover="remove")) is None
    assert planned("mp3", covered) is None
    assert planned("ogg", source(), ConvertOptions(cover="conversions/j/cover-0.png")) is not None


def test_chapters_move_with_a_trimmed_result() -> None:
    options = ConvertOptions(trim_start=60.0, trim_end=95.0)
    found = planned("mp3", source(chapters=CHAPTERS), options)
    assert found is not None
    assert found.chapters == (
        Chapter(0.0, 0.5, "One"),
        Chapter(0.5, 30.0, "Two"),
        Chapter(30.0, 35.0),
    )


def test_given_chapters_end_where_the_next_begins_and_the_last_with_the_sound() -> None:
    marks = (ChapterMark(start=0.0, title="A"), ChapterMark(start=40.0, title="B"))
    found = planned("m4b", source(chapters=CHAPTERS), ConvertOptions(chapters=marks))
    assert found is not None
    assert found.chapters == (Chapter(0.0, 40.0, "A"), Chapter(40.0, 100.0, "B"))


def test_a_given_chapter_beyond_the_end_is_left_out() -> None:
    marks = (ChapterMark(start=0.0), ChapterMark(start=400.0))
    found = planned("m4b", source(), ConvertOptions(chapters=marks))
    assert found is not None
    assert found.chapters == (Chapter(0.0, 100.0),)


def test_removed_chapters_are_gone() -> None:
    found = planned("mp3", source(chapters=CHAPTERS), ConvertOptions(chapters="remove"))
    assert found == Tagging(tags=PLAIN)


def test_names_mean_the_same_in_every_container() -> None:
    assert canonical("TBPM") == canonical("WM/BeatsPerMinute") == canonical("bpm") == "bpm"
    assert canonical("lyrics-DEU") == canonical("UnsyncedLyrics") == "lyrics"
    assert canonical("My Own") == "My Own"
    assert canonical_tags({"date": "2020-01-02", "TYER": "2020"}) == {"date": "2020-01-02"}


@pytest.mark.parametrize("muxer", ["mp3", "asf", "ipod", "wv", "wav", "flac"])
def test_a_written_name_is_understood_again(muxer: str) -> None:
    for name in ("bpm", "isrc", "grouping", "description", "album_artist", "sort_album", "date"):
        assert canonical(written(name, muxer)) == name
