"""DAGs under their former ids: there while runs are open, without a schedule, the same chain."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from typing import Any

import pytest

from chartline.domain import dag_ids
from chartline.schedules import snapshot
from chartline.settings import settings

from .conftest import row

Parse = Callable[..., dict[str, Any]]


@pytest.fixture
def former(follow: Callable[..., None]) -> None:
    """Two charts are followed; of one, and of two standing DAGs, runs are open under former ids."""
    follow()
    open_ids = ["audience_refresh", "chart_cascade", "chart_sync.gone", "chart_sync.one", "gap_audit"]
    rows = [row("one", sync_historical_data=True), row("two"), {"slug": "gone", "left": True}]
    snapshot.write(snapshot.default_path(), rows, open_ids)


@pytest.fixture
def paused(monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    monkeypatch.setenv("CHARTLINE_PAUSED_AT_FIRST", "chart_sync.two, gap_audit")
    settings.cache_clear()
    yield
    monkeypatch.undo()
    settings.cache_clear()


def shape(dag: Any) -> dict[str, Any]:
    return {name: task.upstream_task_ids for name, task in dag.task_dict.items()}


def test_while_runs_of_a_former_id_are_open_its_dag_is_there_without_a_schedule(former: None, parse: Parse) -> None:
    dags = parse()
    old = {name for name in dags if not name.startswith("chartline.")}
    assert old == {"audience_refresh", "chart_cascade", "chart_sync.gone", "chart_sync.one", "gap_audit"}
    for name in old:
        today = dags[dag_ids.today(name)]
        assert shape(dags[name]) == shape(today)
        assert (dags[name].timetable.can_be_scheduled, dags[name].catchup) == (False, False)
        assert dags[name].tags == {*today.tags, "former"}
    assert dags["chartline.chart_sync.one"].timetable.can_be_scheduled
    assert set(dags["chart_sync.gone"].task_dict) == {"end_run"}


@pytest.mark.parametrize(
    ("file", "wanted"),
    [
        ("chart_sync.py", "chart_sync.two"),
        ("chart_cascade.py", "chart_cascade"),
        ("gap_audit.py", "chartline.gap_audit"),
    ],
)
def test_a_task_of_a_run_of_then_has_its_dag_whatever_the_list_says(
    follow: Callable[..., None], parse: Parse, monkeypatch: pytest.MonkeyPatch, file: str, wanted: str
) -> None:
    follow(row("one"), row("two"))
    monkeypatch.setenv("_AIRFLOW_PARSING_CONTEXT_DAG_ID", wanted)
    monkeypatch.setenv("_AIRFLOW_PARSING_CONTEXT_TASK_ID", "report_run")
    assert set(parse(file)) == {wanted}


def test_a_dag_that_was_paused_comes_paused(former: None, paused: None, parse: Parse) -> None:
    found = {name for name, dag in parse().items() if dag.is_paused_upon_creation and name.startswith("chartline.")}
    assert found == {"chartline.chart_sync.two", "chartline.gap_audit"}
