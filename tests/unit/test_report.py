"""The report says what became of each tag, the cover and the chapters, and why."""

from msgspec import json

from wavemill_common.catalogue import find_format
from wavemill_common.media import Chapter, Cover, MediaInfo
from wavemill_common.options import ChapterMark, ConvertOptions
from wavemill_common.remarks import losses
from wavemill_common.report import Fate, PartFate, Report, TagFate
from wavemill_converter.check.report import abridged, compare, shortened

CHAPTERS = (Chapter(0, 5, "One"), Chapter(5, 10, "Two"))
COVER = Cover("image/jpeg", width=10, height=10)
SOURCE = MediaInfo(duration=10.0, tags={"title": "T", "mood": "M"}, cover=COVER, chapters=CHAPTERS)
NOTHING = ConvertOptions()


def report(result: MediaInfo, target: str = "mp3", options: ConvertOptions = NOTHING) -> Report:
    return compare(SOURCE, result, options, find_format(target))


def fates(found: Report) -> dict[str, Fate]:
    return {tag.name: tag.fate for tag in found.tags}


def test_all_that_arrived_is_kept() -> None:
    found = report(SOURCE)
    assert fates(found) == {"title": Fate.KEPT, "mood": Fate.KEPT}
    assert found.cover == PartFate(fate=Fate.KEPT, before=1, after=1)
    assert found.chapters == PartFate(fate=Fate.KEPT, before=2, after=2)
    assert losses(found) == ()


def test_a_format_without_room_says_so() -> None:
    found = report(MediaInfo(), "aac")
    assert found.tags[0] == TagFate(
        name="title", fate=Fate.DROPPED, why="AAC (ADTS) has no room for tags"
    )
    assert {remark.code: remark.message for remark in losses(found)} == {
        "tag_dropped": "2 tags were dropped (title, mood): AAC (ADTS) has no room for tags",
        "cover_dropped": "the cover was dropped: AAC (ADTS) keeps no covers",
        "chapters_dropped": "2 chapters were dropped: AAC (ADTS) keeps no chapters",
    }


def test_a_fixed_set_of_tags_is_named_as_the_reason() -> None:
    found = report(MediaInfo(tags={"title": "T"}), "m4a")
    assert found.tags[1].why == "M4A keeps only the tags that Apple has named"


def test_a_tag_that_wav_calls_otherwise_has_arrived() -> None:
    source = MediaInfo(tags={"Software": "S", "COMMENTS": "C"})
    found = compare(source, MediaInfo(tags={"comment": "C"}), NOTHING, find_format("wav"))
    assert set(fates(found).values()) == {Fate.KEPT}
    found = compare(source, MediaInfo(tags={"comment": "D"}), NOTHING, find_format("wav"))
    assert fates(found)["COMMENTS"] is Fate.DROPPED


def test_what_the_caller_asked_for_is_no_loss() -> None:
    options = ConvertOptions(
        metadata={"title": "New", "mood": None, "artist": "A"}, cover="remove", chapters="remove"
    )
    found = report(MediaInfo(tags={"TITLE": "New", "artist": "A"}), "mp3", options)
    assert fates(found) == {"title": Fate.SET, "mood": Fate.REMOVED, "artist": Fate.SET}
    assert found.cover == PartFate(fate=Fate.REMOVED, before=1, after=0, why="as asked")
    assert found.chapters == PartFate(fate=Fate.REMOVED, before=2, after=0, why="as asked")
    assert losses(found) == ()


def test_what_arrived_otherwise_is_shown_as_it_is() -> None:
    found = report(MediaInfo(tags={"title": "Tx", "mood": "M"}, cover=COVER, chapters=CHAPTERS))
    assert found.tags[0].fate is Fate.CHANGED
    assert found.tags[0].after == "Tx"


def test_given_cover_and_chapters_are_set() -> None:
    options = ConvertOptions(cover="conversions/j/cover-0.png", chapters=(ChapterMark(start=0.0),))
    result = MediaInfo(tags=SOURCE.tags, cover=COVER, chapters=(Chapter(0, 10),))
    found = report(result, "mp3", options)
    assert found.cover == PartFate(fate=Fate.SET, before=1, after=1, why="as asked")
    assert found.chapters == PartFate(fate=Fate.SET, before=2, after=1, why="as asked")


def test_chapters_of_a_trimmed_result_are_changed_as_asked() -> None:
    result = MediaInfo(tags=SOURCE.tags, cover=COVER, chapters=(Chapter(0, 5, "Two"),))
    found = report(result, "mp3", ConvertOptions(trim_start=5.0))
    assert found.chapters == PartFate(fate=Fate.CHANGED, before=2, after=1, why="trimmed as asked")


def test_number_and_total_may_be_together_now() -> None:
    source = MediaInfo(tags={"track": "3", "TRACKTOTAL": "12"})
    found = compare(source, MediaInfo(tags={"track": "3/12"}), NOTHING, find_format("mp3"))
    assert fates(found) == {"track": Fate.KEPT, "TRACKTOTAL": Fate.KEPT}


def test_values_are_compared_whole_before_they_are_cut() -> None:
    source = MediaInfo(tags={"lyrics": "x" * 5000})
    result = MediaInfo(tags={"lyrics": "x" * 4999 + "y"})
    found = compare(source, result, NOTHING, find_format("mp3"))
    assert found.tags[0].fate is Fate.CHANGED
    assert len(found.tags[0].after or "") == 1000
    assert abridged(source).tags == {"lyrics": "x" * 1000}


def test_a_record_stays_small_whatever_a_file_holds() -> None:
    tags = {f"tag {number}": "x" * 5000 for number in range(5000)}
    chapters = tuple(Chapter(at, at + 1, "t" * 5000) for at in range(5000))
    source = MediaInfo(tags=tags, chapters=chapters)
    found = compare(source, MediaInfo(), NOTHING, find_format("mp3"))
    assert len(json.encode(shortened(found))) < 60_000
    assert len(json.encode(abridged(source))) < 120_000
    assert len(losses(found)[0].message) < 1000
