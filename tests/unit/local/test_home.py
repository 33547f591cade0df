"""The state folder: held by one, cleared without harm to what is not state."""

from __future__ import annotations

import os
import stat
import subprocess
import sys
from pathlib import Path

import pytest

from chartline.local.home import STATE, AlreadyRunning, NotOurs, alone, clear, state_folder
from chartline.places import REPOSITORY


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


def test_one_folder_has_one_name(tmp_path: Path) -> None:
    (tmp_path / "link").symlink_to(tmp_path / "home")
    for spelling in ("home/", "./home", "x/../home", "link"):
        assert state_folder({"CHARTLINE_HOME": f"{tmp_path}/{spelling}"}) == tmp_path / "home"


@pytest.mark.parametrize("name", STATE)
def test_a_part_that_lies_elsewhere_is_refused(tmp_path: Path, name: str) -> None:
    (tmp_path / "elsewhere").mkdir()
    home = tmp_path / "home"
    home.mkdir()
    (home / name).symlink_to(tmp_path / "elsewhere")
    with pytest.raises(NotOurs, match=f"{name} is a link to {tmp_path}/elsewhere"), alone(home):
        pass


@pytest.mark.parametrize("part", ["", "secrets"])
def test_what_is_another_users_is_refused(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, part: str) -> None:
    home = tmp_path / "home"
    (home / "secrets").mkdir(parents=True)
    real = Path.lstat

    def lstat(path: Path) -> os.stat_result:
        found = real(path)
        theirs = list(found[:10])
        theirs[4] = found.st_uid + 1
        return os.stat_result(theirs) if path == home / part else found

    monkeypatch.setattr(Path, "lstat", lstat)
    with pytest.raises(NotOurs, match="belongs to another user"), alone(home):
        pass
    assert not list((home / "secrets").iterdir())


def test_it_is_closed_whatever_the_umask(tmp_path: Path) -> None:
    before = os.umask(0)
    try:
        with alone(tmp_path / "home"):
            pass
    finally:
        os.umask(before)
    assert stat.S_IMODE((tmp_path / "home").stat().st_mode) == (0o711 if os.geteuid() == 0 else 0o700)
    assert stat.S_IMODE((tmp_path / "home" / "lock").stat().st_mode) == 0o600


def test_the_environment_is_not_state() -> None:
    assert "venv" not in STATE
