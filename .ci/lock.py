"""Whether requirements*.txt still pin what pyproject.toml and requirements*.in ask for; asks no network."""

from __future__ import annotations

import re
import sys
import tomllib
from pathlib import Path

from packaging.requirements import Requirement
from packaging.utils import canonicalize_name

ROOT = Path(__file__).resolve().parents[1]
PIN = re.compile(r"^([A-Za-z0-9._-]+)(?:\[[^]]*\])?==([^\s;]+)")


def asked(name: str) -> list[Requirement]:
    """What `<name>.txt` is made from: its .in file, and for Chartline itself pyproject.toml."""
    lines = [line.split("#")[0].strip() for line in (ROOT / f"{name}.in").read_text().splitlines()]
    lines = [line for line in lines if line and not line.startswith("-")]
    if name == "requirements":
        project = tomllib.loads((ROOT / "pyproject.toml").read_text())["project"]
        lines += [*project["dependencies"], *project["optional-dependencies"]["local"]]
    return [Requirement(line) for line in lines]


def pinned(path: Path) -> dict[str, list[str]]:
    """Name → versions of a compiled file (several where they depend on the platform)."""
    found: dict[str, list[str]] = {}
    for line in path.read_text().splitlines():
        if match := PIN.match(line):
            found.setdefault(canonicalize_name(match[1]), []).append(match[2])
    return found


def without_hash(path: Path) -> list[str]:
    """Pins of a compiled file that a changed package would pass."""
    lines = path.read_text().splitlines()
    following = [*lines[1:], ""]
    return [line for line, next_ in zip(lines, following, strict=True) if PIN.match(line) and "--hash=" not in next_]


def problems() -> list[str]:
    """What is missing, or pinned without a hash, or to a version that the .in file refuses, or in two versions."""
    main, dev = pinned(ROOT / "requirements.txt"), pinned(ROOT / "requirements-dev.txt")
    found = []
    uv = pinned(ROOT / "requirements-uv.txt")
    for name, pins in (("requirements", main), ("requirements-dev", main | dev), ("requirements-uv", uv)):
        found += [f"{name}.txt has no hash of {line}" for line in without_hash(ROOT / f"{name}.txt")]
        for wanted in asked(name):
            versions = pins.get(canonicalize_name(wanted.name), [])
            if not any(wanted.specifier.contains(version, prereleases=True) for version in versions):
                found.append(f"{name}.txt does not pin {wanted}")
    found += [f"{name} is pinned twice, differently" for name in main.keys() & dev.keys() if main[name] != dev[name]]
    return found


if __name__ == "__main__":
    wrong = problems()
    print("\n".join([*wrong, "Work it out anew with: bin/lock"]) if wrong else "requirements are pinned")
    sys.exit(bool(wrong))
