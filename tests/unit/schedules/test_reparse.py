"""A change of the schedules is seen at once where the DAG file can be touched."""

from __future__ import annotations

import time
from pathlib import Path

import pytest

from chartline.schedules.reparse import DAG_FILE, ask_reparse


def test_the_dag_file_is_marked_as_changed(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    import os

    monkeypatch.setenv("AIRFLOW__CORE__DAGS_FOLDER", str(tmp_path))
    file = tmp_path / DAG_FILE
    file.touch()
    os.utime(file, (0, 0))
    assert "seconds" in ask_reparse()
    assert file.stat().st_mtime > time.time()  # past the end of a parse that is under way and knows nothing of it


def test_elsewhere_the_regular_parse_finds_it(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("AIRFLOW__CORE__DAGS_FOLDER", str(tmp_path / "nowhere"))
    assert "next parses" in ask_reparse()
