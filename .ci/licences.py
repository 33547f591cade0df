"""Refuse packages that are under the GPL, or say nothing of their licence. Looks at what is installed.

A licence that leaves the choice of another one is no hindrance, nor is the LGPL of a library that is used as it is;
both are named in THIRD-PARTY.md, and here.
"""

from __future__ import annotations

import re
import sys
from collections.abc import Iterator
from importlib import metadata

GNU = re.compile(r"\bA?GPL|\bLGPL|GNU ", re.IGNORECASE)
LESSER = {"psycopg", "psycopg-binary", "psycopg2-binary"}  # LGPL: used as they are, from Python
CHOICE = {"text-unidecode"}  # the Artistic License, or the GPL


def licence(package: metadata.PackageMetadata) -> str:
    """What a package says of its licence, in one line; empty when it says nothing."""
    if expression := package.get("License-Expression"):
        return expression
    kinds = [kind for kind in package.get_all("Classifier") or () if kind.startswith("License ::")]
    if kinds:
        return "; ".join(kind.rpartition(" :: ")[2] for kind in kinds)
    text = (package.get("License") or "").strip().splitlines()
    return text[0] if text and text[0] != "UNKNOWN" else ""


def problems() -> Iterator[str]:
    """One line for each package that may not be here."""
    seen = 0
    for distribution in metadata.distributions():
        seen += 1
        name, found = distribution.metadata["Name"], licence(distribution.metadata)
        if not found:
            yield f"{name} says nothing of its licence"
        elif GNU.search(found) and name not in LESSER | CHOICE:
            yield f"{name} is under: {found}"
    if seen < 100:
        yield f"only {seen} packages are here: this is not the environment of requirements.txt"


if __name__ == "__main__":
    wrong = list(problems())
    print("\n".join(wrong) if wrong else "no package under the GPL")
    sys.exit(bool(wrong))
