"""What a command line means: which files, which names for the results, which options."""

import argparse
import subprocess
import sys
from pathlib import Path

import pytest

from wavemill_standalone.commands.asking import add_options, read_options, read_time
from wavemill_standalone.commands.convert import verdict
from wavemill_standalone.commands.exits import FAILED, OK, UNREACHABLE, UsageError
from wavemill_standalone.commands.outcome import Outcome
from wavemill_standalone.commands.sources import Source, find_sources
from wavemill_standalone.commands.targets import plan
from wavemill_standalone.passing import environment


def touch(folder: Path, *names: str) -> None:
    for name in names:
        path = folder / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(b"")


def test_each_file_is_meant_once_in_the_order_of_the_words(tmp_path: Path) -> None:
    touch(tmp_path, "b.wav", "a.wav", "[x].wav")
    words = [str(tmp_path / word) for word in ("b.wav", "*.wav", "[x].wav")]

    found = [source.path.name for source in find_sources(words, recursive=False)]

    assert found == ["b.wav", "[x].wav", "a.wav"]


def test_a_directory_means_the_sounding_files_in_it(tmp_path: Path) -> None:
    touch(tmp_path, "a.WAV", "cover.jpg", "sub/b.mp3", ".hidden/c.mp3", "sub/._b.mp3")

    found = find_sources([str(tmp_path)], recursive=True)

    assert [(one.path.name, str(one.below)) for one in found] == [("a.WAV", "."), ("b.mp3", "sub")]
    with pytest.raises(UsageError, match="-r"):
        find_sources([str(tmp_path)], recursive=False)


def test_results_lie_beside_their_sources_or_below_a_folder_as_these_did() -> None:
    sources = [Source(Path("m/a.wav")), Source(Path("m/x/b.wav"), Path("x"))]

    assert plan(sources, "mp3", None) == [Path("m/a.mp3"), Path("m/x/b.mp3")]
    assert plan(sources, "mp3", Path("o")) == [Path("o/a.mp3"), Path("o/x/b.mp3")]
    assert plan(sources, "", Path("o")) == [Path("o/a"), Path("o/x/b")]


def test_no_two_results_have_the_same_name() -> None:
    paths = ("1/a.wav", "1/A.flac", "2/a.wav", "2/b.wav", "1/a.wav.mp3", "x.tar.wav")
    planned = plan([Source(Path(path)) for path in paths], "mp3", Path("o"))

    assert [path.name for path in planned] == [
        *("a.wav.mp3", "A.flac.mp3", "a.wav (2).mp3", "b.mp3", "a.wav (3).mp3", "x.tar.mp3")
    ]


@pytest.mark.parametrize(
    ("text", "seconds"), [("90", 90), ("1:30", 90), ("0:01:30.5", 90.5), ("1.25", 1.25)]
)
def test_times_are_seconds_or_clocks(text: str, seconds: float) -> None:
    assert read_time(text) == seconds


@pytest.mark.parametrize("text", ["", "soon", "1:2:3:4", "-1", "1:"])
def test_what_is_no_time_is_refused(text: str) -> None:
    with pytest.raises(argparse.ArgumentTypeError, match="1:30"):
        read_time(text)


def test_flags_become_the_options_of_the_interface(tmp_path: Path) -> None:
    picture = tmp_path / "cover.png"
    picture.write_bytes(b"\x89PNG\r\n")
    words = ["--trim-start", "1:00", "--fade-in", "2", "--loudness", "-16", "--tag", "title=A=B",
             "--tag", "comment=", "--cover", str(picture), "--split", "chapters",
             "--option", "loudness.truePeakDb=-1", "--option", "new=word"]  # fmt: skip
    parser = argparse.ArgumentParser()
    add_options(parser)

    assert read_options(parser.parse_args(words)) == {
        "trimStart": 60,
        "fadeIn": 2,
        "loudness": {"targetLufs": -16, "truePeakDb": -1},
        "metadata": {"title": "A=B", "comment": ""},
        "cover": "data:image/png;base64,iVBORw0K",
        "split": "chapters",
        "new": "word",
    }
    assert read_options(parser.parse_args([])) == {}


def test_the_exit_code_tells_a_lost_server_from_a_bad_file() -> None:
    def failed(code: str) -> Outcome:
        return Outcome(source="a", status="failed", error={"code": code, "message": "-"})

    done, lost = Outcome(source="b", status="completed"), failed("server_unreachable")
    assert verdict([done]) == OK
    assert verdict([lost, lost]) == UNREACHABLE
    assert verdict([done, lost]) == FAILED
    assert verdict([lost, failed("invalid_format")]) == FAILED


def test_a_wavemill_of_ones_own_uses_nothing_of_a_server_that_is_for_others() -> None:
    given = {"REDIS_URL": "redis://others", "WAVEMILL_ENV": "ecs", "HOST": "0.0.0.0",
             "WAVEMILL_STORAGE": "aws", "WAVEMILL_FFMPEG": "/opt/ffmpeg"}  # fmt: skip

    made = environment(given, 1234, Path("/d"))

    assert (made["HOST"], made["PORT"], made["DATA_DIR"]) == ("127.0.0.1", "1234", "/d")
    assert made["WAVEMILL_ENV"] == "embedded"
    assert made["WAVEMILL_FFMPEG"] == "/opt/ffmpeg"
    assert not {"REDIS_URL", "WAVEMILL_STORAGE"} & set(made)


def test_help_loads_nothing_that_only_the_work_needs() -> None:
    program = """if True:
        import sys
        from wavemill_standalone.cli import build_parser
        build_parser().format_help()
        print({"aiohttp", "asyncio", "msgspec", "redis", "rich", "structlog"} & sys.modules.keys())
    """
    done = subprocess.run(
        [sys.executable, "-c", program], capture_output=True, text=True, check=True
    )
    assert done.stdout == "set()\n", done.stderr
