"""What `doctor` says of the installed packages."""

from __future__ import annotations

from importlib import metadata
from pathlib import Path

import pytest

from chartline.operating import doctor
from chartline.operating.doctor import OK, WARNING, Line


@pytest.fixture
def locked(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    path = tmp_path / "requirements.txt"
    monkeypatch.setattr(doctor, "REQUIREMENTS", path)
    return path


def packages() -> Line:
    return next(line for line in doctor._versions() if line.check == "packages")


def test_versions_are_compared_with_the_locked_ones_whose_lines_go_on_with_hashes(locked: Path) -> None:
    here = metadata.version("pydantic")
    locked.write_text(f"# made by bin/lock\npydantic=={here} \\\n    --hash=sha256:00\n    # via -r requirements.in\n")
    assert packages().state == OK
    locked.write_text("pydantic==0.1 ; python_version > '3' \\\n    --hash=sha256:00\n")
    assert packages().state == WARNING
    assert f"pydantic {here} (==0.1)" in packages().what


def test_a_file_with_nothing_to_compare_is_not_taken_for_a_good_one(locked: Path) -> None:
    locked.write_text("# nothing\n")
    assert packages().state == WARNING
