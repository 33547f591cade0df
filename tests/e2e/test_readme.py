"""README's commands, literally and in its order, in a folder and an environment that make everything difficult.

A copy of the repository lies in a folder of an odd name and is reached by a link; there is a proxy that leads nowhere,
a strict umask, a far time zone and no locale. Two sections cannot be run here:

- *With Docker*, as there may be no engine: its set-up is compared in tests/unit/local/test_compose.py, its commands are
  parsed in tests/unit/test_docs.py.
- The last line of *Use your Soundcharts account*, as there is no account: that a part of the credentials is refused is
  tried.
"""

from __future__ import annotations

import fcntl
import json
import os
import re
import shutil
import signal
import stat
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator
from pathlib import Path

import psutil
import pytest

from chartline.local.ports import free_port
from chartline.local.postgres import binaries
from chartline.local.processes import last_words
from chartline.places import REPOSITORY

pytestmark = pytest.mark.timeout(900)

BACKFILLED = "chartline.chart_sync.spotify-fr-weekly"
ODD = "R&D (100%) $x é"
BLOCK = re.compile(r"^## (.*?)$|^```(sh|sql)\n(.*?)^```$", re.MULTILINE | re.DOTALL)
NOT_HERE = ("With Docker", "Use your Soundcharts account")
NOT_COPIED = shutil.ignore_patterns(".git", ".chartline", "__pycache__", ".*_cache", "tests", "images")


def sections() -> Iterator[tuple[str, str, str]]:
    """Heading, language and text of each block of README, in its order."""
    heading = ""
    for title, language, text in BLOCK.findall((REPOSITORY / "README.md").read_text()):
        heading = title or heading
        if text:
            yield heading, language, text


class Copy:
    """A copy of the repository, used as README says."""

    def __init__(self, link: Path) -> None:
        self.link, self.home, self.port = link, link.resolve() / ".chartline", free_port()
        self.env = {name: value for name, value in os.environ.items() if not name.startswith(("CHARTLINE", "AIRFLOW"))}
        self.env = {name: value for name, value in self.env.items() if name not in ("PYTHONPATH", "LC_ALL")}
        self.env["PATH"] += f"{os.pathsep}{binaries()}"  # psql, for a machine that has none
        self.env |= {"CHARTLINE_PORT": str(self.port), "CHARTLINE_PYTHON": sys._base_executable}  # type: ignore[attr-defined]

    def make_environment(self) -> None:
        """From the registry, for which the machine's own proxies hold."""
        self.run("bin/chartline --help")
        dead = "http://127.0.0.1:9"
        self.env |= {
            "http_proxy": dead,
            "https_proxy": dead,
            "HTTP_PROXY": dead,
            "all_proxy": dead,
            "no_proxy": "intra",
        }
        self.env |= {"TZ": "America/Los_Angeles", "LANG": "C", "x": "not a part of a folder's name"}

    def run(self, script: str, *, timeout: float = 400) -> str:
        """What a script for bash wrote; it must end well."""
        done = subprocess.run(
            ["bash", "-euo", "pipefail", "-c", script.replace("127.0.0.1:8080", f"127.0.0.1:{self.port}")],
            env=self.env, cwd=self.link, umask=0o077, text=True, timeout=timeout, check=False,
            stdin=subprocess.DEVNULL, stdout=subprocess.PIPE, stderr=subprocess.STDOUT,
        )  # fmt: skip
        assert done.returncode == 0, f"exit code {done.returncode}: {script}\n{done.stdout[-4000:]}"
        return done.stdout

    def up(self, log: Path) -> subprocess.Popen[bytes]:
        """`bin/up`, when it says that the charts are filled."""
        with log.open("wb") as out:
            process = subprocess.Popen(
                ["bash", "-c", "exec bin/up"], env=self.env, cwd=self.link, umask=0o077,
                stdin=subprocess.DEVNULL, stdout=out, stderr=out, start_new_session=True,
            )  # fmt: skip
        deadline = time.monotonic() + 300
        while "Chartline keeps the charts up to date" not in log.read_text():
            assert process.poll() is None, log.read_text()
            assert time.monotonic() < deadline, log.read_text()
            time.sleep(0.5)
        return process

    def secrets(self) -> dict[str, str]:
        """Every secret of the installation by name."""
        folder = self.home / "secrets"
        kept: dict[str, str] = json.loads((folder / "secrets.json").read_text())
        return kept | {"superuser": (self.home / "postgres" / "superuser-password").read_text().strip()}


@pytest.fixture(scope="module")
def copy() -> Iterator[Copy]:
    folder = Path(tempfile.mkdtemp(prefix="chartline-readme-", dir="/tmp"))
    folder.chmod(0o711)  # PostgreSQL's user, when we are root, passes through
    shutil.copytree(REPOSITORY, folder / ODD, ignore=NOT_COPIED, symlinks=True)
    (folder / "link").symlink_to(ODD)
    copied = Copy(folder / "link")
    try:
        copied.make_environment()
        yield copied
    finally:
        shutil.rmtree(folder, ignore_errors=True)


@pytest.fixture(scope="module")
def filled(copy: Copy) -> str:
    """What `bin/up --once` said."""
    return copy.run("bin/up --once")


def test_once_fills_the_charts_with_the_calls_that_are_needed(filled: str) -> None:
    found = re.search(r"Calls made: ([\d,]+), counted .* Calls needed: ([\d,]+),", filled)
    assert found, filled
    assert found[1] == found[2], filled
    assert int(found[1].replace(",", "")) > 1000


def test_no_secret_is_in_what_it_says(filled: str, copy: Copy) -> None:
    assert [name for name, secret in copy.secrets().items() if secret in filled] == []


def test_every_file_is_its_owners_alone(filled: str, copy: Copy) -> None:
    open_ = {}
    for path in copy.home.rglob("*"):
        below = path.relative_to(copy.home).parts
        if below[0] == "venv" or below[:2] == ("postgres", "data") or path.is_symlink():
            continue
        if path.stat().st_mode & 0o077 and below != ("postgres",):
            open_[str(path)] = stat.filemode(path.stat().st_mode)
    assert open_ == {}
    assert copy.home.stat().st_mode & 0o066 == 0


def test_every_command_of_readme_in_its_order(filled: str, copy: Copy, tmp_path: Path) -> None:
    running = copy.up(tmp_path / "up.log")
    try:
        said = copy.run(script(), timeout=600)
        words = {word for process in psutil.process_iter() for word in words_of(process)}
        shown = [name for name, secret in copy.secrets().items() if any(secret in word for word in words)]
        assert shown == [], "a secret is on a command line"
    except BaseException as trouble:
        trouble.add_note(last_words(tmp_path / "up.log", 30))
        raise
    finally:
        running.send_signal(signal.SIGINT)
        assert running.wait(120) == 0
    assert '"detail"' not in said, "the REST API refused something"
    assert "ERROR" not in said


def words_of(process: psutil.Process) -> list[str]:
    try:
        return list(process.cmdline())
    except psutil.Error:
        return []


def script() -> str:
    """README's blocks as one script for one shell, as a person types them."""
    lines = []
    for heading, language, text in sections():
        if heading in NOT_HERE:
            continue
        lines.append(f"echo {heading!r}")
        if "backfill" in text:  # README: the DAG appears in a few seconds
            lines.append(
                "until bin/airflow dags details chartline.chart_sync.spotify-fr-weekly >/dev/null 2>&1; "
                "do sleep 1; done"
            )
        query = f"bin/chartline psql -v ON_ERROR_STOP=1 <<'SQL'\n{text}SQL"
        lines.append(text if language == "sh" else query)
    return "\n".join(lines)


def test_readme_has_the_blocks_that_are_run() -> None:
    whole = script()
    for word in ("catalogue refresh", "schedules add", "schedules apply", "backfill create", "dags trigger", "curl -K",
                 "bin/chartline psql", "latest_ranking", "chart_sync_execution"):  # fmt: skip
        assert word in whole, word
    assert {heading for heading, *_ in sections()} >= set(NOT_HERE)


def test_the_account_section(filled: str, copy: Copy) -> None:
    [block] = [text for heading, language, text in sections() if heading == "Use your Soundcharts account"]
    reset, account, start = block.splitlines()
    assert (reset, start) == ("bin/up --reset", "bin/up")
    names = re.findall(r"(\w+)=", account)
    with (copy.home / "lock").open() as lock:  # nobody runs there any more
        fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
    refused = copy.run(f"{names[0]}=mine bin/up --once && exit 1 || test $? = 1")
    assert f"{names[1]} missing" in refused
    assert "Start anew" in copy.run(reset)
    assert not {"postgres", "secrets", "logs"} & {path.name for path in copy.home.iterdir()}
