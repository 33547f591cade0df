"""Programs: started, found again, stopped with all that they started."""

from __future__ import annotations

import json
import os
import sys
import time
from collections.abc import Iterator
from pathlib import Path

import psutil
import pytest

from chartline.local.processes import Service, ServiceFailed, stop_all

SLEEPER = "import time; time.sleep(300)"
DEAF = "import signal, time; signal.signal(signal.SIGTERM, signal.SIG_IGN); print('deaf', flush=True); time.sleep(300)"
PARENT = f"import subprocess, sys, time; print(subprocess.Popen([sys.executable, '-c', {DEAF!r}]).pid, flush=True)\n"
PARENT += "time.sleep(300)"


@pytest.fixture
def service(tmp_path: Path) -> Iterator[Service]:
    made = make(tmp_path, SLEEPER)
    yield made
    made.kill()


def make(folder: Path, code: str, grace: float = 5.0, name: str = "sleeper") -> Service:
    command = [sys.executable, "-c", code]
    return Service(name, command, dict(os.environ), logs=folder / "logs", run=folder / "run", grace=grace)


def wait_for(folder: Path, text: str, name: str = "sleeper") -> str:
    deadline = time.monotonic() + 20
    log = folder / "logs" / f"{name}.log"
    while not (log.exists() and text in log.read_text()):
        assert time.monotonic() < deadline
        time.sleep(0.02)
    return log.read_text()


def ended(pid: int) -> bool:
    try:
        return bool(psutil.Process(pid).status() == psutil.STATUS_ZOMBIE)
    except psutil.NoSuchProcess:
        return True


def test_start_and_stop(service: Service, tmp_path: Path) -> None:
    service.start()
    pid = service.pid
    assert pid is not None
    began = service.alive
    assert os.getsid(pid) != os.getsid(0)  # a Ctrl-C in our terminal does not reach it
    service.stop()
    assert (began, service.alive) == (True, False)
    assert ended(pid)
    assert not list((tmp_path / "run").iterdir())
    service.stop()  # again: nothing to do


def test_the_deaf_and_their_children_are_ended_by_force(tmp_path: Path) -> None:
    service = make(tmp_path, PARENT, grace=0.2)
    service.start()
    child = int(wait_for(tmp_path, "deaf").split()[0])
    service.stop()
    assert ended(child)


def test_only_the_main_process_is_asked(tmp_path: Path) -> None:
    """A signal to the whole group would end the sleeping child at once; it is the parent that must see to it."""
    code = "import signal, subprocess, sys\n"
    code += f"child = subprocess.Popen([sys.executable, '-c', {SLEEPER!r}])\n"
    code += "def end(*_):\n    print('asked', child.poll(), flush=True); child.kill(); sys.exit(0)\n"
    code += "signal.signal(signal.SIGTERM, end); print('ready', flush=True); signal.pause()"
    service = make(tmp_path, code)
    service.start()
    wait_for(tmp_path, "ready")
    service.stop()
    assert "asked None" in (tmp_path / "logs" / "sleeper.log").read_text()


def test_several_at_once(tmp_path: Path) -> None:
    services = [make(tmp_path, SLEEPER, name=f"sleeper-{number}") for number in range(3)]
    for service in services:
        service.start()
    stop_all(services)
    assert not any(service.alive for service in services)


def test_an_end_of_its_own_is_told_with_its_last_words(tmp_path: Path) -> None:
    service = make(tmp_path, "import sys; print('no port left'); sys.exit(3)")
    service.start()
    wait_for(tmp_path, "no port left")
    while service.alive:
        time.sleep(0.02)
    with pytest.raises(ServiceFailed, match=r"sleeper ended by itself \(exit code 3\)(.|\n)*no port left"):
        service.require_alive()
    service.stop()


def test_what_a_killed_chartline_left_is_stopped(service: Service, tmp_path: Path) -> None:
    service.start()
    left = service.pid
    assert left is not None
    successor = make(tmp_path, SLEEPER)  # knows the first one by its note only
    successor.start()
    assert ended(left)
    assert successor.alive
    successor.stop()


def test_another_program_with_the_same_number_is_left_alone(service: Service, tmp_path: Path) -> None:
    (tmp_path / "run").mkdir()
    note = tmp_path / "run" / "sleeper.json"
    note.write_text(json.dumps({"pid": os.getpid(), "created": 1.0}))
    service.stop_leftover()  # would end this very test
    assert not note.exists()


def test_a_long_log_is_set_aside(service: Service, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("chartline.local.processes.LOG_LIMIT", 3)
    (tmp_path / "logs").mkdir()
    (tmp_path / "logs" / "sleeper.log").write_text("long ago")
    service.start()
    assert (tmp_path / "logs" / "sleeper.log.1").read_text() == "long ago"
