"""What ffmpeg's verbose log counts is read, and nobody else sees it."""

from wavemill_converter.ffmpeg.levels import LevelledLog
from wavemill_converter.ffmpeg.lines import Log

NEW = "[out#0/mp3 @ 0x5] [verbose]   Output stream #0:0 (audio): 77 frames encoded (88200 samples)"
OLD = "[verbose]   Output stream #0:0 (audio): 78 frames encoded (89088 samples); 79 packets muxed"


def read(*lines: str) -> tuple[dict[int, int], tuple[str, ...], set[str]]:
    log = Log(["trouble"])
    levelled = LevelledLog(log)
    for line in lines:
        levelled.add(line)
    return levelled.encoded, log.tail, log.seen


def test_the_count_is_read_from_old_and_new_versions() -> None:
    assert read(NEW)[0] == {0: 88_200}
    assert read(OLD)[0] == {0: 89_088}


def test_every_output_has_a_count_of_its_own() -> None:
    assert read(NEW, NEW.replace("#0:0", "#1:0").replace("88200", "5"))[0] == {0: 88_200, 1: 5}


def test_a_tag_that_looks_like_a_count_is_only_a_tag() -> None:
    assert read(f"[info]     title           : {OLD}")[0] == {}


def test_what_is_for_people_stays_without_its_level() -> None:
    _, tail, seen = read(
        "[info] Input #0, mp3, from 'x':",
        "[in#0 @ 0x1] [dec:aac @ 0x2] [verbose] trouble that is none",
        "[in#0 @ 0x1] [error] trouble",
        "[info]     title           : trouble",
        "without a level",
    )
    assert tail == (
        "Input #0, mp3, from 'x':",
        "[in#0 @ 0x1] trouble",
        "    title           : trouble",
        "without a level",
    )
    assert seen == {"trouble"}
