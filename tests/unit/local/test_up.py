"""`bin/up`: what it refuses, and how it ends."""

from __future__ import annotations

import argparse
import errno
import os
import signal
import subprocess
import sys
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest

from chartline.errors import BadInput
from chartline.local import up
from chartline.local.home import alone
from chartline.local.stack import Ports
from chartline.places import REPOSITORY


@pytest.fixture
def home(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.setenv("CHARTLINE_HOME", str(tmp_path))
    for name in list(os.environ):
        if name.startswith("SOUNDCHARTS_") or name in ("CHARTLINE_PORT", "CHARTLINE_POSTGRES_PORT"):
            monkeypatch.delenv(name)
    return tmp_path


def test_help_answers_at_once_without_any_package() -> None:
    """A newcomer's Python has none of them yet."""
    env = {"PYTHONPATH": str(REPOSITORY / "include"), "PATH": os.environ["PATH"]}
    done = subprocess.run(
        [sys.executable, "-S", "-m", "chartline.local.up", "--help"],
        env=env, capture_output=True, text=True, check=True,
    )  # fmt: skip
    for word in ("--once", "--reset", "--port", "SOUNDCHARTS_APP_ID", "CHARTLINE_HOME", "CHARTLINE_SIMULATOR_PORT"):
        assert word in done.stdout


def test_an_unknown_option_is_refused() -> None:
    with pytest.raises(SystemExit) as ended:
        up.main(["--twice"])
    assert ended.value.code == 2


@pytest.mark.parametrize("text", ["0", "65536", "eighty", "-1"])
def test_a_port_that_is_none_is_refused_by_name(text: str) -> None:
    with pytest.raises(BadInput, match=f"CHARTLINE_PORT: {text} is not a port"):
        up._ports(None, {"CHARTLINE_PORT": text})


def test_ports_from_the_option_the_environment_and_by_default() -> None:
    assert up._ports(None, {}) == Ports(web=8080)
    assert up._ports(None, {"CHARTLINE_PORT": "9000", "CHARTLINE_POSTGRES_PORT": "9001"}) == Ports(9000, 9001, 0)
    assert up._ports(7000, {"CHARTLINE_PORT": "9000", "CHARTLINE_SIMULATOR_PORT": "9002"}) == Ports(7000, 0, 9002)


def test_half_of_the_credentials_stop_it_before_anything_is_started(
    home: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setenv("SOUNDCHARTS_APP_ID", "mine")
    assert up.main(["--once"]) == 1
    assert "SOUNDCHARTS_API_KEY missing" in capsys.readouterr().err
    assert not (home / "postgres").exists()


def test_a_second_one_says_who_runs(home: Path, capsys: pytest.CaptureFixture[str]) -> None:
    with alone(home):
        assert up.main(["--once"]) == 1
    assert f"already running in {home} (process {os.getpid()})" in capsys.readouterr().err


def test_reset_says_what_it_removed(home: Path, capsys: pytest.CaptureFixture[str]) -> None:
    (home / "logs").mkdir()
    assert up.main(["--reset"]) == 0
    assert f"Removed {home / 'logs'}" in capsys.readouterr().out
    assert up.main(["--reset"]) == 0
    assert "nothing to remove" in capsys.readouterr().out
    assert not (home / "secrets").exists()


class FakeStack:
    """Records what is asked of it; `on_start` is called in `start`."""

    made: FakeStack
    source_kind = "simulator"

    def __init__(self, home: Path, **given: Any) -> None:
        FakeStack.made, self.given = self, given
        self.events: list[tuple[Any, ...]] = []
        self.started_empty, self.is_new, self.on_start = True, True, lambda: None
        self.airflow = SimpleNamespace(web="http://127.0.0.1:1")

    def start(self, charts: tuple[str, ...]) -> None:
        self.events.append(("start", charts))
        FakeStack.on_start_of_all()

    on_start_of_all = staticmethod(lambda: None)

    def stop(self) -> None:
        self.events.append(("stop",))

    def require_alive(self) -> None:
        os.kill(os.getpid(), signal.SIGINT)


@pytest.fixture
def faked(home: Path, monkeypatch: pytest.MonkeyPatch) -> type[FakeStack]:
    monkeypatch.setattr("chartline.local.stack.Stack", FakeStack)
    monkeypatch.setattr("chartline.local.summary.addresses", lambda stack, with_password: f"password {with_password}")
    monkeypatch.setattr("chartline.local.summary.report", lambda stack, **_: ["what"])
    monkeypatch.setattr("chartline.local.fill.wait_filled", lambda stack, screen: [])
    monkeypatch.setattr("chartline.local.up.time.sleep", lambda seconds: None)
    monkeypatch.setattr(FakeStack, "on_start_of_all", staticmethod(lambda: None))
    return FakeStack


def test_once_ends_well_when_filled(faked: type[FakeStack]) -> None:
    assert up.main(["--once"]) == 0
    assert faked.made.events == [("start", up.DEMO_CHARTS), ("stop",)]


def test_once_ends_badly_with_the_reasons(
    faked: type[FakeStack], monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setattr("chartline.local.fill.wait_filled", lambda stack, screen: ["top: the DAG is paused"])
    assert up.main(["--once"]) == 1
    assert "top: the DAG is paused" in capsys.readouterr().out


def test_ctrl_c_stops_everything_and_is_no_failure(faked: type[FakeStack]) -> None:
    before = signal.getsignal(signal.SIGINT)
    assert up.main([]) == 0
    assert faked.made.events[-1] == ("stop",)
    assert signal.getsignal(signal.SIGINT) == before


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM, signal.SIGHUP])
def test_a_signal_during_the_start_stops_what_was_started(
    faked: type[FakeStack], monkeypatch: pytest.MonkeyPatch, number: signal.Signals
) -> None:
    monkeypatch.setattr(FakeStack, "on_start_of_all", staticmethod(lambda: os.kill(os.getpid(), number)))
    assert up.main(["--once"]) == 130
    assert faked.made.events[-1] == ("stop",)


def test_with_credentials_nothing_is_followed_unasked(faked: type[FakeStack], monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("SOUNDCHARTS_APP_ID", "mine")
    monkeypatch.setenv("SOUNDCHARTS_API_KEY", "hidden")
    assert up.main(["--once"]) == 0
    assert faked.made.events[0] == ("start", ())
    assert faked.made.given["source"].kind == "soundcharts"


@pytest.mark.parametrize(("new", "terminal"), [(True, True), (True, False), (False, True), (False, False)])
def test_the_password_is_told_at_a_terminals_first_start_only(
    faked: type[FakeStack],
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
    new: bool,
    terminal: bool,
) -> None:
    monkeypatch.setattr("rich.console.Console.is_terminal", terminal)
    monkeypatch.setattr(FakeStack, "on_start_of_all", staticmethod(lambda: setattr(FakeStack.made, "is_new", new)))
    assert up.main(["--once"]) == 0
    assert f"password {new and terminal}" in capsys.readouterr().out


def test_a_full_disk_is_a_message(
    home: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    def full(*_: object) -> None:
        raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC), str(home / "lock"))

    monkeypatch.setattr("chartline.local.home.alone", full)
    assert up.main(["--once"]) == 1
    assert f"{home / 'lock'}: No space left on device" in capsys.readouterr().err


def test_options_have_no_secret_defaults() -> None:
    assert up._options([]) == argparse.Namespace(once=False, reset=False, port=None)
