"""The commands in bin/: what they say when the machine lacks something."""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

from chartline.local.home import REPOSITORY

SCRIPTS = sorted(path for path in [*(REPOSITORY / "bin").iterdir(), REPOSITORY / ".ci" / "run"] if path.is_file())
BASH = shutil.which("bash") or "/bin/bash"


def run(script: str, path: Path, home: Path, **env: str) -> subprocess.CompletedProcess[str]:
    """A command with nothing on PATH but `path` and the system's own tools."""
    for tool in ("dirname", "basename", "cat", "cksum", "mkdir", "rm", "tail"):
        if not (path / tool).exists():
            (path / tool).symlink_to(str(shutil.which(tool)))
    return subprocess.run(
        [BASH, str(REPOSITORY / "bin" / script)],
        env={"PATH": str(path), "CHARTLINE_HOME": str(home), **env},
        capture_output=True, text=True, check=False, stdin=subprocess.DEVNULL,
    )  # fmt: skip


def python(path: Path, name: str, says: str) -> None:
    """A Python that answers any question with `says`."""
    program = path / name
    program.write_text(f"#!{BASH}\necho '{says}'\n")
    program.chmod(0o755)


@pytest.fixture
def path(tmp_path: Path) -> Path:
    folder = tmp_path / "path"
    folder.mkdir()
    return folder


@pytest.mark.parametrize("script", SCRIPTS, ids=lambda path: path.name)
def test_scripts_are_sound(script: Path) -> None:
    subprocess.run([BASH, "-n", str(script)], check=True)
    assert os.access(script, os.X_OK) is (script.name != "venv.sh")


def test_no_python_at_all(path: Path, tmp_path: Path) -> None:
    done = run("up", path, tmp_path / "home")
    assert done.returncode == 1
    assert "there is no python3" in done.stderr
    assert not (tmp_path / "home" / "venv").exists()


def test_too_old_a_python_is_named(path: Path, tmp_path: Path) -> None:
    python(path, "python3", "3.9")
    done = run("up", path, tmp_path / "home")
    assert done.returncode == 1
    assert "Python 3.11 to 3.14" in done.stderr
    assert "python3 is 3.9" in done.stderr
    assert "CHARTLINE_PYTHON" in done.stderr


def test_a_python_without_venv_is_named(path: Path, tmp_path: Path) -> None:
    python(path, "python3", "3.12 without-venv")
    done = run("up", path, tmp_path / "home")
    assert done.returncode == 1
    assert "python3 is 3.12 without-venv" in done.stderr
    assert "python3-venv" in done.stderr


def test_an_environment_that_is_there_is_used_as_it_is(path: Path, tmp_path: Path) -> None:
    """The stamp of what was installed spares a second installation; a changed file brings one."""
    home = tmp_path / "home"
    subprocess.run([sys.executable, "-m", "venv", "--without-pip", str(home / "venv")], check=True)
    requirements = REPOSITORY / "requirements.txt"
    cksum = subprocess.run(
        [shutil.which("cksum") or "cksum"], stdin=requirements.open(), capture_output=True, check=True
    )
    (home / "venv" / "installed-requirements.txt").write_bytes(cksum.stdout)
    done = run("up", path, home)
    assert "Installing" not in done.stdout
    (home / "venv" / "installed-requirements.txt").write_text("another\n")
    done = run("up", path, home)
    assert done.returncode == 1
    assert "Installing requirements.txt" in done.stdout
    assert "No module named pip" in done.stderr
    assert f"{home}/venv/install.log" in done.stderr
