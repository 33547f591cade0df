"""psql, Airflow's command and a login for curl: with the installation's settings, and no secret on a command line."""

from __future__ import annotations

import json
import os
import subprocess
import sys
import threading
from collections.abc import Iterator
from http.server import BaseHTTPRequestHandler, HTTPServer
from pathlib import Path
from typing import ClassVar

import psutil
import pytest

from chartline.cli import main
from chartline.local import access
from chartline.places import REPOSITORY

PASSWORD = "S3cret-of-the-warehouse"  # pragma: allowlist secret
TOKEN = "T0ken-of-airflow"


class Airflow(BaseHTTPRequestHandler):
    """Gives a token for the right password."""

    asked: ClassVar[list[dict[str, str]]] = []

    def do_POST(self) -> None:
        body = json.loads(self.rfile.read(int(self.headers["Content-Length"])))
        self.asked.append(body)
        self.send_response(201 if body["password"] == PASSWORD else 401)
        self.end_headers()
        self.wfile.write(json.dumps({"access_token": TOKEN}).encode())

    def log_message(self, *_: object) -> None:
        """Say nothing."""


@pytest.fixture
def web() -> Iterator[str]:
    server = HTTPServer(("127.0.0.1", 0), Airflow)
    threading.Thread(target=server.serve_forever, daemon=True).start()
    yield f"http://127.0.0.1:{server.server_port}"
    server.shutdown()
    server.server_close()


@pytest.fixture
def home(tmp_path: Path, web: str, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A state folder after a start, and a psql that tells what it was given, then waits."""
    home = tmp_path / "R&D (100%) $x é"
    (home / "secrets").mkdir(parents=True)
    (home / "secrets" / "airflow-logins.json").write_text(json.dumps({"admin": PASSWORD, "viewer": "another"}))
    reader = f"postgresql://chartline_reader:{PASSWORD}@127.0.0.1:5433/chartline?sslmode=disable"
    command = {"AIRFLOW__API__BASE_URL": web, "CHARTLINE_READER_URL": reader, "CHARTLINE_HOME": str(home)}
    command["CHARTLINE_WAREHOUSE_URL"] = reader.replace("chartline_reader", "chartline")
    airflow = {"AIRFLOW_HOME": str(home / "airflow"), "AIRFLOW__DATABASE__SQL_ALCHEMY_CONN": "x", "PATH": "/not/this"}
    access.write(home, command, airflow, {"chartline": reader})
    fake = tmp_path / "bin"
    fake.mkdir()
    (fake / "psql").write_text('#!/bin/sh\nenv | grep ^PG | sort\nprintf "%s\\n" "$@"\nread -r _\n')
    (fake / "psql").chmod(0o755)
    monkeypatch.setenv("CHARTLINE_HOME", str(home))
    monkeypatch.setenv("PATH", f"{fake}{os.pathsep}{os.environ['PATH']}")
    for name in ("AIRFLOW__API__BASE_URL", "CHARTLINE_READER_URL", "CHARTLINE_WAREHOUSE_URL"):
        monkeypatch.delenv(name, raising=False)
    return home


def start(*words: str) -> subprocess.Popen[str]:
    env = dict(os.environ, PYTHONPATH=f"{REPOSITORY / 'include'}{os.pathsep}{REPOSITORY / 'plugins'}")
    return subprocess.Popen(
        [sys.executable, "-m", "chartline.local.command", *words],
        env=env, text=True, stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=subprocess.PIPE,
    )  # fmt: skip


def ended(*words: str) -> tuple[int, str, str]:
    process = start(*words)
    out, err = process.communicate("\n", timeout=60)
    return process.returncode, out, err


def words_of_all_processes() -> str:
    found = []
    for process in psutil.process_iter():
        try:
            found.append("\0".join(process.cmdline()))
        except psutil.Error:
            continue
    return "\n".join(found)


def test_psql_is_the_readers_and_shows_no_password(home: Path) -> None:
    process = start("psql", "-c", "select 1")
    assert process.stdout is not None
    lines = [process.stdout.readline().strip() for _ in range(6)]
    seen = words_of_all_processes()
    process.communicate("\n", timeout=60)
    assert "select 1" in seen, "it was looked at while it ran"
    assert PASSWORD not in seen
    assert lines == [
        "PGDATABASE=chartline", "PGHOST=127.0.0.1", f"PGPASSWORD={PASSWORD}", "PGPORT=5433", "PGSSLMODE=disable",
        "PGUSER=chartline_reader",
    ]  # fmt: skip


def test_psql_of_the_owner_is_asked_for_by_name(home: Path) -> None:
    code, out, _ = ended("psql", "--owner", "-A")
    assert code == 0
    assert "PGUSER=chartline\n" in out
    assert out.endswith("-A\n")


def test_without_psql_it_says_where_to_get_it(home: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("PATH", "/nowhere")
    code, _, err = ended("psql")
    assert code == 1
    assert "apt-get install postgresql-client" in err


def test_a_token(home: Path, web: str) -> None:
    assert ended("token") == (0, f"{TOKEN}\n", "")
    assert Airflow.asked[-1] == {"username": "admin", "password": PASSWORD}


def test_a_file_for_curl_goes_past_proxies_and_is_private(home: Path, web: str) -> None:
    code, out, err = ended("token", "--curl")
    assert (code, err) == (0, "")
    path = Path(out.rstrip("\n"))
    assert path == home / "secrets" / "curl-admin"
    assert path.stat().st_mode & 0o077 == 0
    text = path.read_text()
    assert f'header = "Authorization: Bearer {TOKEN}"' in text
    assert 'noproxy = "127.0.0.1,localhost,::1"' in text


@pytest.mark.parametrize(
    ("words", "reason"), [(["--user", "nobody"], "'nobody' is not a user"), (["--user", "viewer"], "gave no token")]
)
def test_no_token_says_why(home: Path, words: list[str], reason: str) -> None:
    code, out, err = ended("token", *words)
    assert code in (1, 2)
    assert reason in err
    assert not out
    assert "another" not in err


def test_airflow_is_told_its_settings(home: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Its own command, seen by a module that stands in for it."""
    monkeypatch.setenv("AIRFLOW_HOME", "/another")
    monkeypatch.setenv("http_proxy", "http://dead:9")
    monkeypatch.setenv("x", "something")
    env = access.airflow_command_env(home)
    assert env["AIRFLOW_HOME"] == str(home / "airflow")
    assert "127.0.0.1" in env["no_proxy"]
    assert "x" not in env, "Airflow would put its value where the folder's name has $x"
    assert env["PATH"] == os.environ["PATH"], "only what is Airflow's or ours was written down"
    (tmp_path / "airflow.py").write_text("import os, sys; print(sys.argv[1:], os.umask(0), os.environ['AIRFLOW_HOME'])")
    code = "import sys; from chartline.cli import main; sys.exit(main(sys.argv[1:]))"
    env["PYTHONPATH"] = f"{tmp_path}{os.pathsep}{REPOSITORY / 'include'}"
    done = subprocess.run(
        [sys.executable, "-c", code, "airflow", "dags", "trigger", "x", "--conf", "{}", "--help"],
        env=env, capture_output=True, text=True, check=True,
    )  # fmt: skip
    assert done.stdout == f"['dags', 'trigger', 'x', '--conf', '{{}}', '--help'] 63 {home / 'airflow'}\n"


def test_airflow_without_a_start_makes_no_installation_of_its_own(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setenv("CHARTLINE_HOME", str(tmp_path))
    code, _, err = ended("airflow", "version")
    assert (code, err) == (1, f"There is no Airflow in {tmp_path} yet.\nStart it with: bin/up\n")
    for name in ("AIRFLOW_HOME", "AIRFLOW__DATABASE__SQL_ALCHEMY_CONN"):
        monkeypatch.delenv(name, raising=False)
    assert main(["airflow", "version"]) == 1
    assert "No Airflow installation is known" in capsys.readouterr().err


def test_programs_find_the_warehouse_by_a_service(home: Path) -> None:
    path = home / "secrets" / "pg_service.conf"
    assert path.stat().st_mode & 0o077 == 0
    assert path.read_text().splitlines()[0] == "[chartline]"
    assert f"password={PASSWORD}" in path.read_text().splitlines()
