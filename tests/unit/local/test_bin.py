"""The commands in bin/: what they say when the machine lacks something."""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest

from chartline.places import REPOSITORY

SCRIPTS = sorted(path for path in [*(REPOSITORY / "bin").iterdir(), REPOSITORY / ".ci" / "run"] if path.is_file())
BASH = shutil.which("bash") or "/bin/bash"


def run(
    script: str,
    path: Path,
    home: Path | str,
    *,
    folder: Path = REPOSITORY / "bin",
    cwd: Path | None = None,
    **env: str,
) -> subprocess.CompletedProcess[str]:
    """A command with nothing on PATH but `path`."""
    return subprocess.run(
        [BASH, str(folder / script)],
        env={"PATH": str(path), "CHARTLINE_HOME": str(home), **env},
        capture_output=True, text=True, check=False, stdin=subprocess.DEVNULL, cwd=cwd,
    )  # fmt: skip


def python(path: Path, name: str, says: str) -> None:
    """A Python that answers any question with `says`."""
    program = path / name
    program.write_text(f"#!{BASH}\necho '{says}'\n")
    program.chmod(0o755)


@pytest.fixture
def path(tmp_path: Path) -> Path:
    """A folder with the system's own tools, and nothing else."""
    folder = tmp_path / "path"
    folder.mkdir()
    for tool in ("dirname", "basename", "cat", "cksum", "id", "mkdir", "readlink", "rm", "sleep", "tail"):
        (folder / tool).symlink_to(str(shutil.which(tool)))
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


def test_a_python_that_is_named_may_lie_anywhere(path: Path, tmp_path: Path) -> None:
    folder = tmp_path / "R&D (100%) $x é"
    folder.mkdir()
    python(folder, "python 3", "3.9")
    done = run("up", path, tmp_path / "home", CHARTLINE_PYTHON=str(folder / "python 3"))
    assert f"{folder}/python 3 is 3.9" in done.stderr


def test_a_python_without_venv_is_named(path: Path, tmp_path: Path) -> None:
    python(path, "python3", "3.12 without-venv")
    done = run("up", path, tmp_path / "home")
    assert done.returncode == 1
    assert "python3 is 3.12 without-venv" in done.stderr
    assert "python3-venv" in done.stderr


@pytest.fixture
def home(tmp_path: Path) -> Path:
    """A state folder whose environment is whole, in which all is said to be installed."""
    home = tmp_path / "home"
    subprocess.run([sys.executable, "-m", "venv", "--without-pip", str(home / "venv")], check=True)
    (home / "venv" / "made-in").write_text(f"{home}/venv\n")
    stamp(home, "requirements.txt")
    return home


def stamp(home: Path, name: str) -> None:
    with (REPOSITORY / name).open() as file:
        sum_ = subprocess.run([str(shutil.which("cksum"))], stdin=file, capture_output=True, check=True).stdout
    (home / "venv" / f"installed-{name}").write_bytes(sum_)


def outdate(home: Path) -> None:
    (home / "venv" / "installed-requirements.txt").write_text("another\n")


def test_an_environment_that_is_there_is_used_as_it_is(path: Path, home: Path) -> None:
    """The stamp of what was installed spares a second installation; a changed file brings one."""
    done = run("up", path, home)
    assert "Installing" not in done.stdout
    outdate(home)
    done = run("up", path, home)
    assert done.returncode == 1
    assert "Installing requirements.txt" in done.stdout
    assert "No module named pip" in done.stderr
    assert f"{home}/venv/install.log" in done.stderr


@pytest.mark.parametrize("spelling", ["home/", "./home", "path/../home", "link", "loop/home", "{tmp}/home", "home"])
def test_one_folder_is_one_folder_however_it_is_written(path: Path, home: Path, tmp_path: Path, spelling: str) -> None:
    (tmp_path / "link").symlink_to("home")
    (tmp_path / "loop").symlink_to(".")
    mark = home / "venv" / "mark"
    mark.touch()
    python(path, "python3", "good")  # there is one to make another environment with
    done = run("up", path, spelling.replace("{tmp}", str(tmp_path)), cwd=tmp_path)
    assert "Making" not in done.stdout + done.stderr
    assert mark.exists()
    assert "No module named 'chartline'" not in done.stderr


def test_a_folder_that_was_moved_gets_a_new_environment(path: Path, home: Path, tmp_path: Path) -> None:
    """The programs in it name the old place."""
    home.rename(tmp_path / "moved")
    done = run("up", path, tmp_path / "moved")
    assert done.returncode == 1
    assert "found none" in done.stderr  # no Python to make it with is on this PATH


@contextmanager
def using(home: Path, path: Path) -> Iterator[None]:
    """A command that runs from the environment until it is told to end."""
    code = f'. "{REPOSITORY}/bin/venv.sh"; prepare requirements.txt; echo ready; read -r _'
    running = subprocess.Popen(
        [BASH, "-c", code], env={"PATH": str(path), "CHARTLINE_HOME": str(home)},
        stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True,
    )  # fmt: skip
    assert running.stdout is not None
    assert running.stdout.readline() == "ready\n"
    yield
    running.communicate("\n")


def prepare(path: Path, home: Path) -> subprocess.Popen[str]:
    """What every command begins with, but that nothing is downloaded: it says what it does."""
    code = f"""
. "{REPOSITORY}/bin/venv.sh"
make_venv() {{
    echo making
    rm -rf "$VENV"
    "$found" -m venv --without-pip "$VENV"
    printf '%s\\n' "$VENV" >"$VENV/made-in"
}}
install() {{ sleep 0.5; sum_of "$1" >"$(stamp_of "$1")"; echo installed; }}
prepare requirements.txt
"$PYTHON" -c 'print("ready")'
"""
    env = {"PATH": str(path), "CHARTLINE_HOME": str(home), "CHARTLINE_PYTHON": sys.executable}
    return subprocess.Popen([BASH, "-c", code], env=env, text=True, stdout=subprocess.PIPE, stderr=subprocess.PIPE)


def test_what_another_command_runs_from_is_not_changed(path: Path, home: Path) -> None:
    assert "Installing" not in run("up", path, home).stdout
    with using(home, path):
        assert run("chartline", path, home).returncode == 1, "rich is not there, but it got so far"
        outdate(home)
        done = run("chartline", path, home)
        assert done.returncode == 1
        assert "cannot be changed while others use it" in done.stderr
        assert "Installing" not in done.stdout + done.stderr
        (home / "venv" / "made-in").write_text("elsewhere\n")
        assert "cannot be changed" in run("up", path, home, CHARTLINE_PYTHON=sys.executable).stderr
    out, _ = prepare(path, home).communicate(timeout=60)
    assert out.split() == ["making", "installed", "ready"]


def test_what_only_adds_is_installed_beside_those_at_work(path: Path, home: Path) -> None:
    with using(home, path):
        done = run("test", path, home)
        assert "Installing requirements-dev.txt" in done.stdout


def test_two_at_once_make_one_environment(path: Path, tmp_path: Path) -> None:
    """The second waits for the first, and takes what it made."""
    both = [prepare(path, tmp_path / "home") for _ in range(2)]
    told = [one.communicate(timeout=60) for one in both]
    words = sorted(out.split() for out, _ in told)
    assert words == [["making", "installed", "ready"], ["ready"]], told
    assert "waiting for it" in "".join(err for _, err in told)


def test_a_folder_of_somebody_else_is_refused(path: Path, home: Path) -> None:
    if os.geteuid() != 0:
        pytest.skip("only root gives a folder away")
    os.chown(home, 12345, 12345)
    done = run("up", path, home)
    assert done.returncode == 1
    assert "belongs to another user" in done.stderr


def test_a_folder_with_a_colon_is_refused_in_words(path: Path, tmp_path: Path) -> None:
    done = run("up", path, tmp_path / "a:b")
    assert done.returncode == 1
    assert "colon" in done.stderr


def test_a_folder_that_cannot_be_made_is_named(path: Path, tmp_path: Path) -> None:
    (tmp_path / "file").touch()
    for name in ("file", "file/below"):
        done = run("up", path, tmp_path / name)
        assert done.returncode == 1
        assert f"{tmp_path / name} cannot be made" in done.stderr


@pytest.mark.parametrize("script", [path.name for path in SCRIPTS if path.name not in ("venv.sh", "run")])
def test_a_command_called_by_a_link_finds_its_own_folder(script: str, path: Path, tmp_path: Path) -> None:
    (tmp_path / "first").symlink_to(REPOSITORY / "bin" / script)
    (tmp_path / "called").symlink_to("first")
    done = run("called", path, tmp_path / "home", folder=tmp_path)
    assert "there is no python3" in done.stderr
