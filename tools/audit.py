"""Ask for known vulnerabilities in what is pinned, by pip-audit: python tools/audit.py.

Ends with 0 where there are none, 1 where there are some, and 2 where nobody could tell.
"""

import json
import subprocess
import sys
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent
LOCKS = ("run", "dev", "aws")
UNKNOWN = 2
NO_DATA = """\
Nothing was audited: {reason}
pip-audit asks PyPI's JSON interface (or, with PIP_AUDIT_VULNERABILITY_SERVICE=osv, OSV's) for what
is known of each package. Run `make audit` where one of them can be reached."""


def main() -> int:
    """Audit every lock file; say what was found."""
    found: dict[str, dict[str, object]] = {}
    for name in LOCKS:  # one by one: they may pin different versions
        reply, complaint = ask(name)
        if reply is None:
            print(NO_DATA.format(reason=complaint))
            return UNKNOWN
        found |= {f"{one['name']} {one.get('version', name)}": one for one in reply}
    return tell(list(found.values()))


def ask(name: str) -> tuple[list[dict[str, object]] | None, str]:
    """What pip-audit says of one lock file's packages; None and its last words if nothing."""
    program = str(Path(sys.executable).with_name("pip-audit"))
    file = str(ROOT / "requirements" / f"{name}.txt")
    quiet = ("--disable-pip", "--progress-spinner", "off", "-f", "json")
    ran = subprocess.run([program, *quiet, "-r", file], check=False, capture_output=True, text=True)
    try:
        return json.loads(ran.stdout)["dependencies"], ""
    except (json.JSONDecodeError, KeyError):
        return None, (ran.stderr.strip() or "pip-audit said nothing").splitlines()[-1][:300]


def tell(found: list[dict[str, object]]) -> int:
    """Print what pip-audit found; return how to end."""
    skipped = [one for one in found if "skip_reason" in one]
    for one in found:
        for known in one.get("vulns") or []:  # type: ignore[attr-defined]  # JSON
            fixed = ", ".join(known["fix_versions"]) or "none yet"
            print(f"{one['name']} {one['version']}: {known['id']}; fixed in: {fixed}")
    if len(skipped) == len(found):
        reason = skipped[0]["skip_reason"] if skipped else "no package is pinned"
        print(NO_DATA.format(reason=f"of {len(skipped)} packages none is known ({reason})"))
        return UNKNOWN
    if skipped:
        print(f"not audited: {', '.join(str(one['name']) for one in skipped)}")
    vulnerable = sum(1 for one in found if one.get("vulns"))
    print(f"{len(found) - len(skipped)} packages audited, {vulnerable} with known vulnerabilities")
    return 1 if vulnerable else UNKNOWN if skipped else 0


if __name__ == "__main__":
    sys.exit(main())
