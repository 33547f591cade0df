"""How the simulator is started by hand."""

from __future__ import annotations

import os
import subprocess
import sys
import time
from pathlib import Path

import pytest
import requests

from chartline.local.ports import free_port
from simulator.settings import CONTROL_HEADER, TOKEN_VARIABLE

INCLUDE = Path(__file__).parents[2] / "include"


@pytest.mark.parametrize("token", ["of-the-variable", ""])
def test_the_variable_s_token_opens_the_control_paths_and_none_is_written_into_a_log(
    token: str, tmp_path: Path
) -> None:
    port = free_port()
    env = {**os.environ, "PYTHONPATH": str(INCLUDE), TOKEN_VARIABLE: token}
    with (tmp_path / "log").open("w") as log:
        process = subprocess.Popen(
            [sys.executable, "-m", "simulator", "--port", str(port), "--odd-answers", "0.25"],
            env=env, stdout=log, stderr=log,
        )  # fmt: skip
    try:
        answer = _asked(port, {CONTROL_HEADER: token})
        assert answer.status_code == (200 if token else 401)
        if token:
            assert answer.json()["odd_answers"] == 0.25
        assert _asked(port, {}).status_code == 401
    finally:
        process.terminate()
        process.wait(10)
    assert CONTROL_HEADER not in (tmp_path / "log").read_text()


def _asked(port: int, headers: dict[str, str]) -> requests.Response:
    deadline = time.monotonic() + 60
    with requests.Session() as http:
        http.trust_env = False
        while True:
            try:
                return http.get(f"http://127.0.0.1:{port}/_control/settings", headers=headers, timeout=10)
            except requests.ConnectionError:
                if time.monotonic() > deadline:
                    raise
                time.sleep(0.1)
