"""Check that the lock files are in step with what is declared, offline: python tools/locks.py.

Each requirement of a project file (and, in turn, of the members that it names) must be pinned in
its lock file at a version that it allows, with hashes; what is pinned must be of use there. What is
of use to the benches cannot be told: what they need is not installed here.
"""

import re
import sys
import tomllib
from collections.abc import Iterator
from importlib.metadata import PackageNotFoundError, requires
from pathlib import Path

from packaging.requirements import Requirement
from packaging.utils import canonicalize_name

ROOT = Path(__file__).resolve().parent.parent
LOCKS = ROOT / "requirements"
MEMBERS = {
    "wavemill-common": "libs/common",
    "wavemill-client": "libs/client",
    "wavemill-gateway": "services/gateway",
    "wavemill-converter": "services/converter",
    "wavemill-janitor": "services/janitor",
    "wavemill-standalone": "deploy/standalone",
}
DECLARED = {
    "common": "wavemill-common",
    "gateway": "wavemill-gateway",
    "converter": "wavemill-converter",
    "janitor": "wavemill-janitor",
    "run": "wavemill-standalone",
    "dev": "wavemill-standalone",
}
BENCHES = ("bench", "peers")
_PIN = re.compile(r"^([A-Za-z0-9_.\[\],-]+)==([^ ;\\]+)", re.MULTILINE)


def problems() -> list[str]:
    """What is out of step; nothing where all is well."""
    return [problem for name in (*DECLARED, *BENCHES) for problem in _problems(name)]


def pins(name: str) -> dict[str, str]:
    """The versions that a lock file pins."""
    text = (LOCKS / f"{name}.txt").read_text()
    return {canonicalize_name(found[1].split("[")[0]): found[2] for found in _PIN.finditer(text)}


def _problems(name: str) -> Iterator[str]:
    pinned, wanted = pins(name), [*_declared(name)]
    for one in wanted:
        version = pinned.get(canonicalize_name(one.name))
        if version is None:
            yield f"requirements/{name}.txt does not pin {one.name}"
        elif not one.specifier.contains(version, prereleases=True):
            yield f"requirements/{name}.txt pins {one.name} {version}, but {one} is wanted"
    if unhashed := _without_hash(name):
        yield f"requirements/{name}.txt has no hash for {', '.join(unhashed)}"
    if name in BENCHES:
        return
    if useless := set(pinned) - _closure(wanted):
        yield f"requirements/{name}.txt pins what nothing needs: {', '.join(sorted(useless))}"


def _declared(name: str) -> Iterator[Requirement]:
    """What a lock file is made of."""
    if name in DECLARED:
        yield from _wanted(DECLARED[name])
    yield from _listed("peers" if name == "peers" else "build")
    if name in {"dev", "bench"}:
        yield from map(Requirement, _project(ROOT)["dependency-groups"][name])


def _listed(name: str) -> Iterator[Requirement]:
    lines = (LOCKS / f"{name}.in").read_text().splitlines()
    return (Requirement(line) for line in lines if line)


def _wanted(member: str) -> Iterator[Requirement]:
    """What a member needs, and what the members that it names need."""
    for line in _project(ROOT / MEMBERS[member])["project"]["dependencies"]:
        if line in MEMBERS:
            yield from _wanted(line)
        else:
            yield Requirement(line)


def _project(folder: Path) -> dict[str, dict[str, list[str]]]:
    found: dict[str, dict[str, list[str]]] = tomllib.loads((folder / "pyproject.toml").read_text())
    return found


def _without_hash(name: str) -> list[str]:
    blocks = re.split(r"\n(?=\S)", (LOCKS / f"{name}.txt").read_text())
    return [one.split("==")[0] for one in blocks if one.strip() and "--hash=sha256:" not in one]


def _closure(wanted: list[Requirement]) -> set[str]:
    """All that is needed, on any machine, by what is installed here."""
    found, ahead = set[str](), list(wanted)
    while ahead:
        one = ahead.pop()
        name = canonicalize_name(one.name)
        for extra in ("", *one.extras):
            if f"{name}[{extra}]" not in found:
                found |= {name, f"{name}[{extra}]"}
                ahead += _needs(name, extra)
    return found


def _needs(name: str, extra: str) -> list[Requirement]:
    """What a package needs, be it for another system; with an extra, what that needs."""
    try:
        lines = requires(name) or []
    except PackageNotFoundError:
        return []  # for another system
    found = map(Requirement, lines)
    return [
        one
        for one in found
        if "extra ==" not in str(one.marker or "") or one.marker.evaluate({"extra": extra})  # type: ignore[union-attr]
    ]


if __name__ == "__main__":
    if found := problems():
        sys.exit("\n".join([*found, "run make lock"]))
