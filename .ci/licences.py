"""Refuse packages under the GPL, and those that say nothing of their licence: what is installed, and npm's lock.

A licence that leaves the choice of another one is no hindrance, nor is the LGPL of a library that is used as it is,
where the table of THIRD-PARTY.md names the package so, and says what follows.
"""

from __future__ import annotations

import json
import re
import sys
from collections.abc import Iterator
from importlib import metadata
from pathlib import Path

ROOT = Path(__file__).resolve().parents[1]
GNU = re.compile(r"\bA?GPL|\bLGPL|GNU ", re.IGNORECASE)
ROW = re.compile(r"^\| ([^|]+) \| ([^|]*(?:LGPL|choice is ours)[^|]*) \| [^|]+ \|$", re.MULTILINE)


def licence(package: metadata.PackageMetadata) -> str:
    """What a package says of its licence, in one line; empty when it says nothing."""
    if expression := package.get("License-Expression"):
        return expression
    kinds = [kind for kind in package.get_all("Classifier") or () if kind.startswith("License ::")]
    if kinds:
        return "; ".join(kind.rpartition(" :: ")[2] for kind in kinds)
    lines = (package.get("License") or "").splitlines()
    said = [line.strip() for line in lines if line.strip() and not line.startswith(("Copyright", "UNKNOWN"))]
    return said[0] if said else ""


def named(text: str) -> set[str]:
    """The packages that a text like THIRD-PARTY.md names with the LGPL, or with a choice, and with what follows."""
    return {name.split("(")[0].strip() for row in ROW.findall(text) for name in row[0].split(", ")}


def of_npm(lock: Path) -> Iterator[tuple[str, str]]:
    """Name and licence of each package that npm's lock file names."""
    for name, package in json.loads(lock.read_text())["packages"].items():
        if name:
            yield name.removeprefix("node_modules/"), package.get("license", "")


def problems() -> Iterator[str]:
    """One line for each package that may not be here."""
    fine = named((ROOT / "THIRD-PARTY.md").read_text())
    here = [(one.metadata["Name"], licence(one.metadata)) for one in metadata.distributions()]
    for name, found in [*here, *of_npm(ROOT / ".ci" / "node" / "package-lock.json")]:
        if not found:
            yield f"{name} says nothing of its licence"
        elif GNU.search(found) and name not in fine:
            yield f"{name} is under: {found}"
    if len(here) < 100:
        yield f"only {len(here)} packages are here: this is not the environment of requirements.txt"


if __name__ == "__main__":
    wrong = list(problems())
    print("\n".join(wrong) if wrong else "no package under the GPL")
    sys.exit(bool(wrong))
