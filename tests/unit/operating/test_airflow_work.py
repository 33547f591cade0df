"""What Airflow does and nothing else tells of: runs held for their date, files of the future, parses without end."""

from __future__ import annotations

import os
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

from chartline.operating import health
from chartline.operating.airflow_work import APART, LOOKS, ParseWatch, Seen, Waiting, ahead, is_ahead, see

NOW = datetime(2027, 3, 1, 0, 10, tzinfo=UTC)
STEP = timedelta(seconds=APART)


def test_runs_that_wait_for_their_date_are_ours_only() -> None:
    asked: list[Any] = []

    def ask(method: str, path: str, json: Any = None, params: Any = None) -> Any:
        asked.append((method, path, params))
        if path == "dags":
            return {"dags": [{"dag_id": "chartline.chart_sync.one", "last_parsed_time": "2027-03-01T00:09:00Z"}]}
        run = {"dag_run_id": "manual", "logical_date": "2030-01-01T00:00:00Z"}
        return {
            "dag_runs": [
                {"dag_id": name, **run}
                for name in ("chartline.chart_sync.one", "chartline.chart_cascade", "somebody_elses")
            ]
        }

    seen = see(ask, NOW)
    assert [run.dag_id for run in seen.waiting] == ["chartline.chart_sync.one", "chartline.chart_cascade"]
    assert seen.waiting[0].text == "manual waits for 2030-01-01 00:00 UTC"
    assert seen.parsed_at == NOW - timedelta(minutes=1)
    assert asked[0][2]["logical_date_gt"] == NOW.isoformat()
    assert len(asked) == 2


def test_ahead() -> None:
    assert is_ahead("2027-03-01T00:10:01Z", NOW)
    assert not is_ahead("2027-03-01T00:10:00+00:00", NOW)
    assert not is_ahead(None, NOW)


def test_files_of_the_future_are_named(tmp_path: Path) -> None:
    for name, seconds in (("old.py", -1e6), ("new.py", 0.5), ("late.py", 4.0), ("later.txt", 4.0)):
        (tmp_path / name).touch()
        os.utime(tmp_path / name, (NOW.timestamp() + seconds,) * 2)
    assert ahead(tmp_path, NOW) == ["late.py"]
    assert ahead(tmp_path / "nowhere", NOW) == []


def test_a_file_that_is_parsed_at_each_look_is_parsed_without_end() -> None:
    watch = ParseWatch()
    told = [watch.saw(NOW + n * STEP - timedelta(seconds=2), NOW + n * STEP) for n in range(LOOKS + 2)]
    assert told == [False] * (LOOKS - 1) + [True] * 3
    assert watch.suspects


def test_looks_in_quick_succession_count_once() -> None:
    watch = ParseWatch()
    for n in range(50):
        at = NOW + timedelta(milliseconds=20 * n)
        assert not watch.saw(at, at)


def test_regular_parses_are_none_without_end() -> None:
    """Every five minutes, looked at every five seconds; and looked at just after each."""
    watch, often = ParseWatch(), ParseWatch()
    for n in range(200):
        at = NOW + n * STEP
        parsed = NOW + timedelta(minutes=5) * ((at - NOW) // timedelta(minutes=5))
        assert not watch.saw(parsed, at)
        assert not often.saw(NOW + n * timedelta(minutes=5), NOW + n * timedelta(minutes=5, seconds=11))


def test_health_says_what_to_do(tmp_path: Path, monkeypatch: Any) -> None:
    monkeypatch.setenv("AIRFLOW__CORE__DAGS_FOLDER", str(tmp_path))
    watch = ParseWatch()
    quiet = health.of_airflow(Seen([], None), watch, NOW)
    assert [(check.name, check.status) for check in quiet] == [("waiting_runs", "ok"), ("dag_files", "ok")]
    (tmp_path / "late.py").touch()
    os.utime(tmp_path / "late.py", (NOW.timestamp() + 60,) * 2)
    waiting = Waiting("chartline.chart_sync.one", "manual", datetime(2030, 1, 1, tzinfo=UTC))
    runs, files = health.of_airflow(Seen([waiting], None), watch, NOW)
    assert (runs.status, runs.subjects[0].chart, files.status) == ("warning", "one", "warning")
    assert "late.py" in files.detail
    assert runs.advice
    assert files.advice
