"""A stack before it is started: its folder, its addresses, what stands in its way."""

from __future__ import annotations

import json
import os
import socket
import stat
from pathlib import Path

import pytest

from chartline.local import access
from chartline.local.ports import LOOPBACK, PortTaken
from chartline.local.processes import Service
from chartline.local.source import Source, from_environment, simulated
from chartline.local.stack import Ports, SourceChanged, Stack
from chartline.schedules import snapshot

REAL = Source("soundcharts", simulated("https://customer.api.soundcharts.com", "a", "b").connection)


def mode(path: Path) -> int:
    return stat.S_IMODE(path.stat().st_mode)


def test_only_the_owner_looks_in(tmp_path: Path) -> None:
    Stack(tmp_path / "home")
    assert mode(tmp_path / "home") == (0o711 if os.geteuid() == 0 else 0o700)
    assert {mode(path) for path in (tmp_path / "home").iterdir()} == {0o700}
    assert {mode(path) for path in (tmp_path / "home" / "secrets").iterdir()} == {0o600}


def test_what_is_written_is_its_owners_alone_whatever_the_umask(tmp_path: Path) -> None:
    before = os.umask(0)
    try:
        stack = Stack(tmp_path / "home")
        stack._require_same_source()
        access.write(stack.home, {}, {}, {"a": "postgresql://b:c@d/e"})
        snapshot.write(stack.home / "schedules.jsonl", [])
        (stack.home / "schedules.jsonl").chmod(0o644)  # as an earlier version left it
        snapshot.write(stack.home / "schedules.jsonl", [])
        service = Service(
            "x", ["sh", "-c", "touch made"], dict(os.environ), logs=stack.home / "logs", run=stack.home / "run"
        )
        service.start()
        while service.alive:
            assert service._process is not None
            service._process.wait()
    finally:
        os.umask(before)
    found = {path: mode(path) for path in stack.home.rglob("*")}
    assert stack.home / "logs" / "made" in found
    assert {path: bits for path, bits in found.items() if bits & 0o077} == {}


def test_the_password_is_new_only_once(tmp_path: Path) -> None:
    assert Stack(tmp_path).is_new
    assert not Stack(tmp_path).is_new


def test_free_ports_are_chosen_and_kept(tmp_path: Path) -> None:
    first = Stack(tmp_path)
    assert 0 not in (first.ports.web, first.ports.simulator)
    assert Stack(tmp_path).ports == first.ports
    assert Stack(tmp_path, ports=Ports(web=8181)).ports.web == 8181


def test_a_taken_port_is_said_before_anything_starts(tmp_path: Path) -> None:
    with socket.create_server((LOOPBACK, 0)) as busy:
        port = busy.getsockname()[1]
        stack = Stack(tmp_path / "web", ports=Ports(web=port))
        with pytest.raises(PortTaken, match=rf"{port}, meant for Airflow's web pages.*--port"):
            stack.start()
        with pytest.raises(PortTaken, match=rf"{port}, meant for the simulator.*CHARTLINE_SIMULATOR_PORT"):
            Stack(tmp_path / "sim", ports=Ports(simulator=port)).start()
        stack.stop()
    assert not stack.postgres.running


def test_made_up_and_paid_data_never_mix(tmp_path: Path) -> None:
    Stack(tmp_path)._require_same_source()
    Stack(tmp_path)._require_same_source()
    with pytest.raises(SourceChanged, match=r"simulator's made-up data.*bin/up --reset"):
        Stack(tmp_path, source=REAL)._require_same_source()


def test_secrets_are_not_shown(tmp_path: Path) -> None:
    stack = Stack(tmp_path)
    assert repr(stack) == f"Stack('{tmp_path}')"


def test_every_program_gets_both_connections(tmp_path: Path) -> None:
    stack = Stack(tmp_path, extra_env={"CHARTLINE_POOL_FETCH": "4"})
    (stack.postgres.folder).mkdir()
    (stack.postgres.folder / "port").write_text("5432\n")
    (stack.postgres.folder / "superuser-password").write_text("x\n")
    env = stack.env
    warehouse = json.loads(env["AIRFLOW_CONN_CHARTLINE_WAREHOUSE"])
    assert warehouse["port"] == 5432
    assert env["CHARTLINE_WAREHOUSE_URL"] == (
        f"postgresql://chartline:{warehouse['password']}@127.0.0.1:5432/chartline"
    )
    assert json.loads(env["AIRFLOW_CONN_SOUNDCHARTS"])["host"] == stack.simulator_url
    assert env["CHARTLINE_HOME"] == str(tmp_path)
    assert env["CHARTLINE_POOL_FETCH"] == "4"
    assert stack._command_env().keys() >= {"CHARTLINE_WAREHOUSE_URL", "AIRFLOW_CONN_SOUNDCHARTS", "PYTHONPATH"}
    assert "AIRFLOW__CORE__FERNET_KEY" not in stack._command_env()


def test_the_command_line_may_steer_the_simulator_and_airflow_s_tasks_may_not(tmp_path: Path) -> None:
    stack = Stack(tmp_path / "one")
    token = stack.secrets.simulator_control
    assert stack._command_env()["CHARTLINE_SIMULATOR_TOKEN"] == token
    assert token not in json.dumps(stack.env)
    real = Stack(tmp_path / "two", source=from_environment({"SOUNDCHARTS_APP_ID": "a", "SOUNDCHARTS_API_KEY": "b"}))
    assert "CHARTLINE_SIMULATOR_TOKEN" not in real._command_env()
