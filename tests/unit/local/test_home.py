"""The state folder: held by one, cleared without harm to what is not state."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import pytest

from chartline.local.home import REPOSITORY, STATE, AlreadyRunning, alone, clear, state_folder


def test_where_it_is(tmp_path: Path) -> None:
    assert state_folder({}) == REPOSITORY / ".chartline"
    assert state_folder({"CHARTLINE_HOME": str(tmp_path)}) == tmp_path
    assert state_folder({"CHARTLINE_HOME": "beside"}) == Path.cwd() / "beside"


def test_a_second_one_is_told_who_is_there(tmp_path: Path) -> None:
    with (
        alone(tmp_path),
        pytest.raises(AlreadyRunning, match=f"already running in {tmp_path} \\(process {os.getpid()}\\)"),
        alone(tmp_path),
    ):
        pass
    with alone(tmp_path):  # and let go
        pass


def test_a_killed_holder_lets_go(tmp_path: Path) -> None:
    code = "import os, sys; from pathlib import Path; from chartline.local.home import alone\n"
    code += "with alone(Path(sys.argv[1])): os._exit(9)"
    env = dict(os.environ, PYTHONPATH=str(REPOSITORY / "include"))
    assert subprocess.run([sys.executable, "-c", code, str(tmp_path)], env=env, check=False).returncode == 9
    with alone(tmp_path):
        pass


def test_clear_leaves_the_environment_and_strangers(tmp_path: Path) -> None:
    for name in ("venv", "notes", "postgres", "secrets"):
        (tmp_path / name / "inner").mkdir(parents=True)
    (tmp_path / "schedules.jsonl").write_text("{}")
    assert {path.name for path in clear(tmp_path)} == {"postgres", "secrets", "schedules.jsonl"}
    assert {path.name for path in tmp_path.iterdir()} == {"venv", "notes"}
    assert clear(tmp_path) == []


def test_the_environment_is_not_state() -> None:
    assert "venv" not in STATE
