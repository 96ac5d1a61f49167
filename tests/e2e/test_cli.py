"""The command `wavemill` as a user types it: real processes, with a server and without one."""

import json
import os
import pty
import re
import shlex
import signal
import subprocess
import sys
import tempfile
from collections.abc import Callable
from pathlib import Path
from typing import Any

import psutil
import pytest

from support.audio import decoded, make_sweep
from support.ports import free_port
from support.server import Wavemill, wait_until

README = Path(__file__).parents[2] / "README.md"
COMMAND = (sys.executable, "-m", "wavemill_standalone")
PATIENCE = 120.0  # seconds


def environ(server: Wavemill | None, **more: str) -> dict[str, str]:
    kept = {n: v for n, v in os.environ.items() if not n.startswith("WAVEMILL_")}
    return {**kept, **({"WAVEMILL_SERVER": server.url} if server else {}), **more}


def run(
    folder: Path, *words: str, server: Wavemill | None = None, **more: str
) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        [*COMMAND, *words],
        cwd=folder,
        env=environ(server, **more),
        check=False,
        capture_output=True,
        text=True,
        timeout=PATIENCE,
    )


def told(done: subprocess.CompletedProcess[str]) -> dict[str, dict[str, Any]]:
    """What --json printed, by source: every line of it must be an object."""
    outcomes = [json.loads(line) for line in done.stdout.splitlines()]
    return {outcome["source"]: outcome for outcome in outcomes}


def names(folder: Path) -> list[str]:
    return sorted(str(path.relative_to(folder)) for path in folder.rglob("*") if path.is_file())


def put(source: Path, *targets: Path) -> None:
    for target in targets:
        target.parent.mkdir(parents=True, exist_ok=True)
        target.write_bytes(source.read_bytes())


# --- what it converts -----------------------------------------------------------------------------


def test_twenty_mixed_files_become_twenty_results_in_one_command(
    wavemill: Wavemill, lena: Path, tmp_path: Path
) -> None:
    endings = ("wav", "flac", "mp3", "m4a", "ogg")
    for ending in endings:
        places = [tmp_path / "in" / f"{letter}.{ending}" for letter in "ab"]
        put(lena / f"lena.{ending}", *places, tmp_path / "in" / "sub" / f"Ä ü.{ending}")
        put(lena / f"lena.{ending}", tmp_path / "in" / "sub" / f"only-{ending}.{ending}")
    (tmp_path / "in" / "cover.jpg").write_bytes(b"no sound")

    done = run(
        tmp_path, "convert", "-r", "in", "--to", "opus", "--quality", "voice", "--out", "out",
        "--trim-end", "1", "--parallel", "3", "--json", server=wavemill,
    )  # fmt: skip

    outcomes = told(done)
    assert done.returncode == 0, done.stdout + done.stderr
    assert len(outcomes) == 20
    assert len(names(tmp_path / "out")) == 20
    assert "sub/only-wav.opus" in names(tmp_path / "out")
    assert "a.flac.opus" in names(tmp_path / "out")
    for outcome in outcomes.values():
        (made,) = outcome["files"]
        assert (tmp_path / made["file"]).stat().st_size == made["size"]
        assert abs(made["duration"] - 1) < 0.1


def test_without_a_server_it_brings_its_own_and_takes_it_away_again(
    lena: Path, tmp_path: Path
) -> None:
    put(lena / "lena.wav", tmp_path / "talk.wav")
    (tmp_path / "tmp").mkdir()

    done = run(tmp_path, "convert", "talk.wav", "--to", "mp3", TMPDIR=str(tmp_path / "tmp"))

    assert done.returncode == 0, done.stderr
    assert done.stdout.startswith("talk.wav -> talk.mp3 (")
    assert done.stderr == ""
    assert abs(decoded(tmp_path / "talk.mp3")[0] - 12.27) < 0.05
    assert names(tmp_path) == ["talk.mp3", "talk.wav"]


def test_a_given_directory_is_worked_in_and_kept(lena: Path, tmp_path: Path) -> None:
    put(lena / "lena.wav", tmp_path / "talk.wav")

    done = run(tmp_path, "convert", "talk.wav", "--to", "mp3", "--data-dir", "data")

    assert done.returncode == 0, done.stderr
    assert (tmp_path / "data" / "objects").is_dir()


def test_the_flags_do_what_they_say(wavemill: Wavemill, lena: Path, tmp_path: Path) -> None:
    put(lena / "lena.wav", tmp_path / "talk.wav")

    done = run(
        tmp_path, "convert", "talk.wav", "--to", "flac", "--trim-start", "0:02", "--trim-end",
        "5.5", "--sample-rate", "22050", "--channels", "1", "--tag", "title=Höre!", "--loudness",
        "-20", "--option", "loudness.truePeakDb=-2", "--option", "fadeIn=0.5", server=wavemill,
    )  # fmt: skip
    seen = run(tmp_path, "inspect", "talk.flac", "--json", server=wavemill)

    assert done.returncode == 0, done.stderr
    assert decoded(tmp_path / "talk.flac") == (3.5, 22050, 1)
    media = json.loads(seen.stdout)["media"]
    assert media["codec"] == "flac"
    assert media["sampleRate"] == 22050
    assert media["tags"]["title"] == "Höre!"


def test_a_book_is_split_into_a_folder_of_its_chapters(wavemill: Wavemill, tmp_path: Path) -> None:
    make_sweep(tmp_path / "plain.wav", 4)
    marks = '[{"start": 0, "title": "One"}, {"start": 2, "title": "Two"}]'
    book = run(
        tmp_path, "convert", "plain.wav", "--to", "m4b", "--option", f"chapters={marks}",
        server=wavemill,
    )  # fmt: skip
    assert book.returncode == 0, book.stderr

    done = run(
        tmp_path, "convert", "plain.m4b", "--to", "mp3", "--split", "chapters", "--out", "books",
        server=wavemill,
    )  # fmt: skip

    assert done.returncode == 0, done.stderr
    parts = names(tmp_path / "books")
    assert len(parts) == 2
    assert all(part.startswith("plain/") and part.endswith(".mp3") for part in parts)


def test_formats_are_listed_for_people_and_for_programs(wavemill: Wavemill, tmp_path: Path) -> None:
    shown = run(tmp_path, "formats", server=wavemill)
    document = json.loads(run(tmp_path, "formats", "--json", server=wavemill).stdout)

    assert re.search(r"^mp3 +MP3 +\.mp3 +voice small .*32k-320k", shown.stdout, re.MULTILINE)
    assert {"opus", "flac"} <= {one["id"] for one in document["formats"]}


def test_the_lines_of_the_readme_work_as_printed(
    wavemill: Wavemill, lena: Path, tmp_path: Path
) -> None:
    put(lena / "lena.wav", tmp_path / "talk.wav", tmp_path / "more.wav")
    blocks = re.findall(r"```sh\n(wavemill convert .*?)```", README.read_text(), re.DOTALL)
    (block,) = blocks
    for line in block.strip().splitlines():
        done = run(tmp_path, *shlex.split(line)[1:], server=wavemill)
        assert done.returncode == 0, done.stderr
        assert done.stdout
    assert names(tmp_path / "opus") == ["more.opus", "talk.opus"]


# --- what it never does ---------------------------------------------------------------------------


def test_a_file_that_is_there_is_not_overwritten_unless_that_is_said(
    wavemill: Wavemill, lena: Path, tmp_path: Path
) -> None:
    put(lena / "lena.wav", tmp_path / "talk.wav")
    (tmp_path / "talk.mp3").write_text("mine")
    words = ("convert", "talk.wav", "--to", "mp3", "--json", "--preview")

    refused = run(tmp_path, *words, server=wavemill)
    assert refused.returncode == 1
    assert told(refused)["talk.wav"]["error"]["code"] == "file_exists"
    skipped = run(tmp_path, *words, "--skip-existing", server=wavemill)
    assert (skipped.returncode, told(skipped)["talk.wav"]["status"]) == (0, "skipped")
    assert (tmp_path / "talk.mp3").read_text() == "mine"

    assert run(tmp_path, *words, "--overwrite", server=wavemill).returncode == 0
    assert decoded(tmp_path / "talk.mp3")[0] > 10


def test_a_result_never_takes_the_place_of_its_source(
    wavemill: Wavemill, lena: Path, tmp_path: Path
) -> None:
    put(lena / "lena.mp3", tmp_path / "talk.mp3")

    done = run(tmp_path, "convert", "talk.mp3", "--to", "mp3", "--overwrite", server=wavemill)

    assert done.returncode == 1
    assert "--out" in done.stderr
    assert (tmp_path / "talk.mp3").read_bytes() == (lena / "lena.mp3").read_bytes()


# --- how it ends ----------------------------------------------------------------------------------


def test_one_bad_file_does_not_harm_the_others(
    wavemill: Wavemill, lena: Path, tmp_path: Path
) -> None:
    put(lena / "lena.wav", tmp_path / "good.wav")
    (tmp_path / "bad.wav").write_text("this is no sound, it is a text")
    odd = os.fsdecode(b"caf\xe9")  # Latin-1, as an old disk has it
    put(lena / "lena.wav", tmp_path / f"{odd}.wav")

    done = run(tmp_path, "convert", "*.wav", "--to", "mp3", "--json", server=wavemill)

    assert done.returncode == 1
    outcomes = told(done)
    assert outcomes["good.wav"]["status"] == "completed"
    assert outcomes[f"{odd}.wav"]["status"] == "completed"
    assert outcomes["bad.wav"]["status"] == "failed"
    assert outcomes["bad.wav"]["error"]["code"] == "invalid_format"
    assert names(tmp_path) == ["bad.wav", f"{odd}.mp3", f"{odd}.wav", "good.mp3", "good.wav"]


def test_what_makes_no_sense_is_refused_before_anything_is_done(
    wavemill: Wavemill, lena: Path, tmp_path: Path
) -> None:
    put(lena / "lena.wav", tmp_path / "talk.wav")
    before = wavemill.kept.keys()
    for words, advice in (
        (("talk.wav", "--to", "mp4000"), "choose one of mp3"),
        (("talk.wav", "--to", "mp3", "--bit-depth", "24"), "these formats can"),
        (("talk.wav", "--to", "mp3", "--quality", "best"), "choose one of voice"),
        (("talk.wav", "--to", "mp3", "--tag", "title"), "NAME=VALUE"),
        (("talk.wav", "--to", "mp3", "--trim-start", "soon"), "1:30"),
        (("none.wav", "--to", "mp3"), "no file none.wav"),
        (("*.flac", "--to", "mp3"), r"no file matches"),
        ((".", "--to", "mp3"), "-r"),
    ):
        done = run(tmp_path, "convert", *words, server=wavemill)
        assert done.returncode == 2, words
        assert advice in done.stderr
        assert done.stdout == ""
        assert "Traceback" not in done.stderr
    assert wavemill.kept.keys() == before


def test_a_server_that_is_not_there_is_told_at_once(lena: Path, tmp_path: Path) -> None:
    put(lena / "lena.wav", tmp_path / "talk.wav")
    url = f"http://127.0.0.1:{free_port()}"
    for words in (("convert", "talk.wav", "--to", "mp3"), ("inspect", "talk.wav"), ("formats",)):
        done = run(tmp_path, *words, "--server", url)
        assert done.returncode == 3
        assert url in done.stderr
        assert done.stdout == ""


def test_every_command_shows_examples_of_its_use(tmp_path: Path) -> None:
    for words in ((), ("up",), ("convert",), ("inspect",), ("formats",), ("config",)):
        done = run(tmp_path, *words, "--help")
        assert done.returncode == 0
        assert not words or f"wavemill {words[0]}" in done.stdout.partition("examples:")[2]


# --- how it is ended ------------------------------------------------------------------------------


def start(folder: Path, *words: str, server: Wavemill | None, **more: str) -> Any:
    return subprocess.Popen(
        [*COMMAND, *words],
        cwd=folder,
        env=environ(server, **more),
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
        start_new_session=True,
    )


@pytest.mark.parametrize(("number", "code"), [(signal.SIGINT, 130), (signal.SIGTERM, 143)])
def test_ctrl_c_cancels_the_jobs_and_leaves_nothing_half_done(
    start_wavemill: Callable[..., Wavemill],
    long_audio: Path,
    tmp_path: Path,
    number: signal.Signals,
    code: int,
) -> None:
    server = start_wavemill()
    sources = ["a.mp3", "b.mp3", "c.mp3"]
    folder = tmp_path / "work"
    put(long_audio, *(folder / name for name in sources))
    process = start(folder, "convert", "*.mp3", "--to", "flac", "-j", "2", "--json", server=server)
    wait_until(lambda: len(server.ffmpegs()) >= 2, 60)

    process.send_signal(number)
    output, errors = process.communicate(timeout=90)

    assert process.returncode == code
    assert "Traceback" not in errors
    outcomes = [json.loads(line) for line in output.splitlines()]
    assert {one["source"]: one["status"] for one in outcomes} == dict.fromkeys(sources, "cancelled")
    wait_until(lambda: not server.ffmpegs(), 20)
    wait_until(lambda: not server.kept.keys(), 20)
    assert names(folder) == sources


def test_a_command_that_is_killed_takes_its_own_wavemill_with_it(
    long_audio: Path, tmp_path: Path
) -> None:
    put(long_audio, tmp_path / "a.mp3")
    (tmp_path / "tmp").mkdir()
    process = start(
        tmp_path, "convert", "a.mp3", "--to", "flac", server=None, TMPDIR=str(tmp_path / "tmp")
    )
    top = psutil.Process(process.pid)

    def below() -> list[psutil.Process]:
        return top.children(recursive=True)

    wait_until(lambda: any("ffmpeg" in one.name() for one in below()), 60)
    processes = below()
    assert len(processes) >= 5
    process.kill()
    process.communicate(timeout=10)

    _, alive = psutil.wait_procs(processes, timeout=30)
    assert not alive
    wait_until(lambda: names(tmp_path / "tmp") == [], 10)
    assert names(tmp_path) == ["a.mp3"]


def test_on_a_terminal_there_are_bars_and_a_pipe_gets_results_alone(
    wavemill: Wavemill, lena: Path, tmp_path: Path
) -> None:
    put(lena / "lena.wav", tmp_path / "talk.wav")
    ours, theirs = pty.openpty()
    with tempfile.TemporaryFile("w+") as printed:
        process = subprocess.Popen(
            [*COMMAND, "convert", "talk.wav", "--to", "mp3", "--json"],
            cwd=tmp_path,
            env=environ(wavemill, TERM="xterm", COLUMNS="100"),
            stdout=printed,
            stderr=theirs,
        )
        os.close(theirs)
        shown = read_all(ours)
        assert process.wait(PATIENCE) == 0
        printed.seek(0)
        (line,) = printed.read().splitlines()

    assert json.loads(line)["status"] == "completed"
    assert b"talk.wav" in shown
    assert b"\x1b[" in shown


def read_all(terminal: int) -> bytes:
    """What a terminal is shown until its last writer is gone."""
    shown = b""
    try:
        while block := os.read(terminal, 65536):
            shown += block
    except OSError:  # how Linux tells the end of a terminal
        pass
    finally:
        os.close(terminal)
    return shown
