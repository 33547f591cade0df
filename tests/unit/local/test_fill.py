"""When waiting is over, and why it was in vain."""

from __future__ import annotations

from contextlib import contextmanager, nullcontext
from types import SimpleNamespace
from typing import Any

import pytest

from chartline.local import fill
from chartline.local.screen import Screen
from chartline.warehouse.reads.progress import ChartProgress

PAST, FUTURE = "2020-01-01T00:00:00Z", "2999-01-01T00:00:00Z"


def chart(slug: str = "top", status: str | None = "complete", **more: Any) -> ChartProgress:
    fields: dict[str, Any] = {"name": "", "error": None, "failures": {}, "calls": 1, "day": "2026-11-19"}
    return ChartProgress(slug=slug, status=status, entries=2, left_chart=0, total=2, **fields | more)


class Airflow:
    """What its REST API would answer."""

    web = "http://here"

    def __init__(self) -> None:
        self.dags: list[dict[str, Any]] = []
        self.runs: dict[str, list[dict[str, str]]] = {}
        self.errors: list[dict[str, str]] = []

    def add(self, slug: str = "top", *, paused: bool = False, due: str | None = FUTURE, **runs: str) -> None:
        dag_id = f"chartline.chart_sync.{slug}"
        self.dags.append({"dag_id": dag_id, "is_paused": paused, "next_dagrun_run_after": due})
        self.runs[dag_id] = [{"dag_run_id": name, "state": state} for name, state in runs.items()]

    def api(self, method: str, path: str, json: object = None, *, params: dict[str, Any] | None = None) -> Any:
        assert method == "GET"
        if path == "dags":
            return {"dags": self.dags}
        if path == "importErrors":
            return {"import_errors": self.errors}
        dag_id = path.split("/")[1]
        states = (params or {}).get("state")
        return {"dag_runs": [run for run in self.runs[dag_id] if not states or run["state"] in states]}


@pytest.fixture
def airflow() -> Airflow:
    return Airflow()


@pytest.fixture
def wait(airflow: Airflow, monkeypatch: pytest.MonkeyPatch) -> Any:
    """Waits with these states of the charts, one a look; the last one stays. Fails when it waits for longer."""

    def run(*looks: list[ChartProgress]) -> list[str]:
        left = list(looks)
        patience = iter(range(20))
        monkeypatch.setattr(fill, "connect", lambda url: nullcontext(SimpleNamespace()))
        monkeypatch.setattr(
            "chartline.local.fill.progress.charts", lambda conn: left.pop(0) if len(left) > 1 else left[0]
        )
        monkeypatch.setattr("chartline.local.fill.progress.work", lambda conn: [])
        monkeypatch.setattr("chartline.local.fill.time.sleep", lambda seconds: next(patience))
        stack: Any = SimpleNamespace(airflow=airflow, warehouse_url="", require_alive=lambda: None)
        return fill.wait_filled(stack, _Quiet())

    return run


class _Quiet(Screen):
    @contextmanager
    def filling(self) -> Any:
        yield lambda charts, work: None


def test_filled(airflow: Airflow, wait: Any) -> None:
    airflow.add(run="success")
    assert wait([chart()]) == []


def test_nothing_is_followed(wait: Any) -> None:
    assert wait([]) == []


def test_it_waits_for_the_run_under_way(airflow: Airflow, wait: Any) -> None:
    airflow.add(run="running")
    with pytest.raises(StopIteration):  # patience, of this test
        wait([chart()])
    airflow.runs["chartline.chart_sync.top"][0]["state"] = "success"
    assert wait([chart(status="running")], [chart()]) == []  # it ended between the two looks


def test_it_waits_for_a_run_that_is_due(airflow: Airflow, wait: Any) -> None:
    airflow.add(due=PAST, run="success")
    with pytest.raises(StopIteration):
        wait([chart()])


def test_it_waits_until_the_files_are_read(wait: Any) -> None:
    with pytest.raises(StopIteration):
        wait([chart(status=None)])


def test_a_failed_run_is_told(airflow: Airflow, wait: Any) -> None:
    airflow.add(run="failed")
    assert wait([chart(status="failed", error="No ranking was stored.")]) == ["top: failed: No ranking was stored."]
    assert wait([chart(status="deferred", failures={"quota_spent": 3})]) == ["top: deferred: 3 quota_spent"]


def test_a_file_that_cannot_be_read_is_told(airflow: Airflow, wait: Any) -> None:
    airflow.errors = [{"filename": "chart_sync.py", "stack_trace": "Traceback\nImportError: no such thing\n"}]
    (reason,) = wait([chart(status=None)])
    assert "chart_sync.py cannot be read: ImportError: no such thing" in reason


def test_a_paused_dag_is_told(airflow: Airflow, wait: Any) -> None:
    airflow.add(paused=True, due=PAST)
    (reason,) = wait([chart(status=None)])
    assert "chartline.chart_sync.top is paused" in reason


def test_a_run_that_left_no_account_is_told(airflow: Airflow, wait: Any) -> None:
    airflow.add(manual="failed")
    (reason,) = wait([chart(status="running")])
    assert "ended as failed" in reason
    assert "http://here/dags/chartline.chart_sync.top/runs/manual" in reason


def test_one_in_vain_does_not_hide_the_others(airflow: Airflow, wait: Any) -> None:
    airflow.add("paused", paused=True)
    airflow.add("bad", run="failed")
    reasons = wait([chart("paused", status=None), chart("bad", status="failed", error="why")])
    assert [reason.split(":")[0] for reason in reasons] == ["paused", "bad"]


def test_a_standstill_ends_it(airflow: Airflow, wait: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    airflow.add(run="running")
    monkeypatch.setattr(fill, "STANDSTILL", -1.0)
    assert wait([chart(status="running")]) == ["top: no progress for -0 minutes."]
