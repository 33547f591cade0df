""".ci/run: a check that could not run has failed."""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

from chartline.places import REPOSITORY


@pytest.fixture
def repository(tmp_path: Path) -> Path:
    """One whose command line cannot be imported and of which git knows no file; in our environment."""
    folder = tmp_path / "repository"
    for name in (".ci", "bin"):
        shutil.copytree(REPOSITORY / name, folder / name, ignore=shutil.ignore_patterns("__pycache__"))
    for path in (REPOSITORY / "pyproject.toml", REPOSITORY / "THIRD-PARTY.md", *REPOSITORY.glob("requirements*")):
        shutil.copy(path, folder)
    for name in ("chartline", "simulator"):
        (folder / "include" / name).mkdir(parents=True)
        (folder / "include" / name / "__init__.py").touch()
    (folder / "include" / "chartline" / "cli.py").write_text('raise ImportError("on purpose")\n')
    for name in ("bin/lock", ".ci/shell", ".ci/pages"):  # they would ask for packages
        (folder / name).write_text("#!/bin/sh\n")
    subprocess.run(["git", "init", "--quiet", folder], check=True)
    return folder


def test_what_could_not_be_checked_has_failed(repository: Path) -> None:
    done = subprocess.run(
        [repository / ".ci" / "run", "--checks"],
        env=os.environ | {"CHARTLINE_HOME": str(Path(sys.prefix).parent)},
        capture_output=True, text=True, check=False, stdin=subprocess.DEVNULL,
    )  # fmt: skip
    assert done.returncode == 1
    failed = done.stderr.splitlines()[-1]
    assert failed.startswith("Failed: ")
    for check in ("generated documents", "no secret in a file", "compose schema"):
        assert f"{check};" in failed
    for check in ("licences", "bill of materials", "requirements are pinned"):
        assert check not in failed
