"""A bill of materials of what Chartline installs, as CycloneDX JSON: `sbom.py` prints it, `sbom.py --check` checks it.

It names the packages of requirements.txt that this machine's system and Python need, with their versions, licences, and
the hashes one of which the installed file had.
"""

from __future__ import annotations

import re
import runpy
import sys
from importlib import metadata
from pathlib import Path

from cyclonedx.contrib.license.factories import LicenseFactory
from cyclonedx.contrib.this.builders import this_component
from cyclonedx.model import HashAlgorithm, HashType
from cyclonedx.model.bom import Bom
from cyclonedx.model.component import Component, ComponentType
from cyclonedx.output.json import JsonV1Dot6
from cyclonedx.schema import SchemaVersion
from cyclonedx.validation.json import JsonStrictValidator
from packageurl import PackageURL
from packaging.requirements import Requirement

ROOT = Path(__file__).resolve().parents[1]
HASH = re.compile(r"--hash=sha256:([0-9a-f]{64})")
licence_of = runpy.run_path(str(ROOT / ".ci" / "licences.py"))["licence"]


def locked() -> dict[Requirement, list[str]]:
    """Every pin of requirements.txt that holds here, with its sha256 sums."""
    found: dict[Requirement, list[str]] = {}
    for block in re.split(r"\n(?=[A-Za-z])", (ROOT / "requirements.txt").read_text()):
        pin = block.splitlines()[0].rstrip(" \\")
        if "==" not in pin or pin.startswith("#"):
            continue
        requirement = Requirement(pin)
        if requirement.marker is None or requirement.marker.evaluate():
            found[requirement] = HASH.findall(block)
    return found


def bill() -> Bom:
    """Raises `PackageNotFoundError` for a package that is locked and not installed."""
    made = Bom()
    chartline = Component(name="chartline", type=ComponentType.APPLICATION, bom_ref="chartline")
    made.metadata.component = chartline
    made.metadata.tools.components.add(this_component())
    licences = LicenseFactory()
    for requirement, sums in locked().items():
        package = metadata.metadata(requirement.name)
        version = next(iter(requirement.specifier)).version
        address = PackageURL("pypi", name=requirement.name, version=version)
        said = licence_of(package)
        made.components.add(
            Component(
                name=requirement.name,
                version=version,
                type=ComponentType.LIBRARY,
                purl=address,
                bom_ref=str(address),
                licenses=[licences.make_from_string(said)] if said else [],
                hashes=[HashType(alg=HashAlgorithm.SHA_256, content=content) for content in sums],
            )
        )
    made.register_dependency(chartline, made.components)
    return made


def problems(text: str, made: Bom) -> list[str]:
    """What is wrong with it: the schema of CycloneDX, a package without hash, another version installed."""
    error = JsonStrictValidator(SchemaVersion.V1_6).validate_str(text)
    found = [f"not CycloneDX: {error}"] if error else []
    found += [f"{one.name} has no hash" for one in made.components if not one.hashes]
    for one in made.components:
        if (here := metadata.version(one.name)) != one.version:
            found.append(f"{one.name} {here} is installed, {one.version} is locked")
    if len(made.components) < 100:
        found.append(f"it names {len(made.components)} packages")
    return found


def main(words: list[str]) -> int:
    made = bill()
    text = JsonV1Dot6(made).output_as_string(indent=2)
    if words != ["--check"]:
        print(text)
        return 0
    wrong = problems(text, made)
    print("\n".join(wrong) if wrong else f"a bill of {len(made.components)} packages")
    return bool(wrong)


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
