"""Write dist/wavemill.cdx.json, a bill of materials of what runs: python tools/sbom.py."""

import sys
from pathlib import Path

from bill import Part, packages, programs
from cyclonedx.contrib.license.factories import LicenseFactory
from cyclonedx.model import HashAlgorithm, HashType
from cyclonedx.model.bom import Bom
from cyclonedx.model.component import Component, ComponentType
from cyclonedx.output import make_outputter
from cyclonedx.schema import OutputFormat, SchemaVersion
from cyclonedx.validation.json import JsonStrictValidator
from locks import MEMBERS
from packageurl import PackageURL

TARGET = Path(__file__).parent.parent / "dist" / "wavemill.cdx.json"
VERSION = "0.1.0"
SCHEMA = SchemaVersion.V1_6


def bill() -> Bom:
    """All of it, with wavemill at the root."""
    bom = Bom()
    root = _component(Part("wavemill", VERSION, "Apache-2.0", ""), ComponentType.APPLICATION)
    own = [_component(Part(name, VERSION, "Apache-2.0", "")) for name in MEMBERS]
    found = [_component(one) for one in packages()]
    found += [_component(one, ComponentType.APPLICATION) for one in programs()]
    bom.metadata.component = root
    for one in (*own, *found):
        bom.components.add(one)
    bom.register_dependency(root, [*own, *found])
    return bom


def write(target: Path) -> int:
    """Write it; return how many components it names."""
    made = bill()
    text = make_outputter(made, OutputFormat.JSON, SCHEMA).output_as_string(indent=2)
    if wrong := JsonStrictValidator(SCHEMA).validate_str(text):
        sys.exit(f"the bill is not valid CycloneDX: {wrong}")
    target.parent.mkdir(exist_ok=True)
    target.write_text(text)
    return len(made.components)


def _component(part: Part, kind: ComponentType = ComponentType.LIBRARY) -> Component:
    known = PackageURL("pypi", None, part.name, part.version) if part.where == "PyPI" else None
    return Component(
        name=part.name,
        version=part.version,
        type=kind,
        bom_ref=f"{part.name}@{part.version}",
        purl=known,
        licenses=[LicenseFactory().make_from_string(part.licence)],
        hashes=[HashType(alg=HashAlgorithm.SHA_256, content=part.sha256)] if part.sha256 else [],
        description=f"bundled in {part.where}" if part.sha256 else None,
    )


if __name__ == "__main__":
    print(f"{write(TARGET)} components in {TARGET}")
