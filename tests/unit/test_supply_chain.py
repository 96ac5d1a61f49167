"""What we stand on: pinned, hashed, in step with what is declared, and listed with its licence."""

import json
import re
import shutil
from pathlib import Path

import audit
import licences_page
import locks
import pytest
import sbom


@pytest.fixture
def copied(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """Lock files that may be spoilt."""
    shutil.copytree(locks.LOCKS, tmp_path / "requirements")
    monkeypatch.setattr(locks, "LOCKS", tmp_path / "requirements")
    return tmp_path / "requirements"


def spoil(path: Path, pattern: str, by: str) -> None:
    text, count = re.subn(pattern, by, path.read_text(), count=1, flags=re.MULTILINE)
    assert count == 1
    path.write_text(text)


def test_the_lock_files_are_in_step_with_what_is_declared() -> None:
    assert locks.problems() == [], "run make lock"


@pytest.mark.parametrize(
    ("name", "pattern", "by", "said"),
    [
        ("run", r"^aiohttp==\S+", "aiohttp==3.0.0", "pins aiohttp 3.0.0, but"),
        ("dev", r"^ruff==", "ruffian==", "does not pin ruff"),
        ("gateway", r"^mutagen==(.+\n)( +--hash.+\n)+", r"mutagen==\1", "no hash for mutagen"),
        ("janitor", r"\A", "leftpad==1.0 \\\\\n    --hash=sha256:00\n", "nothing needs: leftpad"),
    ],
)
def test_one_that_is_not_is_named(
    copied: Path, name: str, pattern: str, by: str, said: str
) -> None:
    spoil(copied / f"{name}.txt", pattern, by)
    assert any(f"{name}.txt" in one and said in one for one in locks.problems())


def test_the_page_of_licences_is_made_from_the_packages() -> None:
    written = licences_page.TARGET.read_text()
    assert set(locks.pins("run")) <= set(re.findall(r"^\| (\S+) \|", written, re.MULTILINE))
    assert "unknown" not in written
    assert re.search(r"^\| ffmpeg \| GPL-", written, re.MULTILINE)


def test_the_bill_of_materials_has_the_bundled_programs_too(tmp_path: Path) -> None:
    count = sbom.write(tmp_path / "bill.json")
    bill = json.loads((tmp_path / "bill.json").read_text())
    parts = {one["name"]: one for one in bill["components"]}
    assert len(parts) == count > 30
    assert bill["specVersion"] == "1.6"
    for name in ("ffmpeg", "valkey-server"):
        assert re.match(r"\d+\.\d+", parts[name]["version"])
        assert len(parts[name]["hashes"][0]["content"]) == 64
    assert all(one["licenses"] for one in parts.values())


@pytest.mark.parametrize(
    ("found", "status", "said"),
    [
        ([{"name": "a", "version": "1", "vulns": []}], 0, "1 packages audited, 0 with"),
        ([{"name": "a", "skip_reason": "not there"}], 2, "Nothing was audited"),
        (
            [{"name": "a", "version": "1", "vulns": []}, {"name": "b", "skip_reason": "x"}],
            2,
            "not audited: b",
        ),
        (
            [{"name": "a", "version": "1", "vulns": [{"id": "CVE-1", "fix_versions": ["2"]}]}],
            1,
            "a 1: CVE-1",
        ),
    ],
)
def test_an_audit_says_what_it_knows_and_what_it_does_not(
    capsys: pytest.CaptureFixture[str], found: list[dict[str, object]], status: int, said: str
) -> None:
    assert audit.tell(found) == status
    assert said in capsys.readouterr().out
