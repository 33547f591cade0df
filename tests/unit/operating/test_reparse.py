"""A change of the schedules is seen at once: by Airflow's API where there is one, else by the DAG file's time."""

from __future__ import annotations

import os
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from chartline.operating import reparse
from chartline.operating.reparse import AT_LEAST, DAG_FILE, SOON


class Api:
    """Airflow's, with these DAGs."""

    def __init__(self, *dags: str, refuses: bool = False) -> None:
        self.dags, self.refuses = dags, refuses
        self.asked: list[str] = []

    def __call__(self, method: str, path: str, json: Any = None, params: Any = None) -> Any:
        if self.refuses:
            raise ValueError("no")
        self.asked.append(f"{method} {path}")
        return {"dags": [{"dag_id": dag, "file_token": f"token-{dag}"} for dag in self.dags]}


@pytest.fixture
def file(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """The DAG file, a year old."""
    monkeypatch.setenv("AIRFLOW__CORE__DAGS_FOLDER", str(tmp_path))
    made = tmp_path / DAG_FILE
    made.touch()
    os.utime(made, (time.time() - 3e7,) * 2)
    return made


def test_airflow_is_asked_and_once_more_when_a_parse_under_way_is_over(file: Path) -> None:
    api, later = Api("chartline.chart_sync.one"), list[Callable[[], object]]()
    assert reparse.ask(api, later.append) == SOON
    assert api.asked == ["GET dags", "PUT parseDagFile/token-chartline.chart_sync.one"]
    later[0]()
    assert api.asked[2:] == api.asked[:2]
    assert file.stat().st_mtime < time.time() - 1e7


@pytest.mark.parametrize("api", [None, Api(), Api("chartline.chart_sync.one", refuses=True)])
def test_else_the_dag_file_is_touched_never_ahead_of_the_clock(file: Path, api: Any) -> None:
    before = time.time()
    assert reparse.ask(api, lambda once: None) == SOON
    assert before - 1 < file.stat().st_mtime <= time.time()


def test_a_file_of_the_future_is_brought_back(file: Path) -> None:
    os.utime(file, (time.time() + 9e6,) * 2)
    reparse.ask(None, lambda once: None)
    assert file.stat().st_mtime <= time.time()


def test_elsewhere_the_regular_parse_finds_it(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("AIRFLOW__CORE__DAGS_FOLDER", str(tmp_path / "nowhere"))
    assert reparse.ask_reparse() == AT_LEAST


def test_a_command_has_it_asked_once_more_after_its_end(file: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    assert reparse.ask_reparse() == SOON
    first = file.stat().st_mtime
    deadline = time.monotonic() + 60
    while file.stat().st_mtime < first + reparse.AGAIN_AFTER and time.monotonic() < deadline:
        time.sleep(0.1)
    assert first + reparse.AGAIN_AFTER <= file.stat().st_mtime <= time.time()


def test_the_tests_have_dag_files_of_their_own() -> None:
    own = Path(os.environ["AIRFLOW__CORE__DAGS_FOLDER"])
    assert own.resolve() != (Path(__file__).parents[3] / "dags").resolve()
    assert (own / DAG_FILE).exists()
