"""Charts that are not followed any more, while runs of theirs may be at work."""

from __future__ import annotations

from typing import Any

import psycopg

from chartline.schedules import service, snapshot
from chartline.soundcharts.models import ChartLight
from chartline.warehouse import charts, executions, schedules


def follow(conn: psycopg.Connection[Any], slug: str) -> None:
    chart = ChartLight(slug=slug, name=slug, platform="spotify", frequency="daily", country_code="")
    with conn.transaction():
        charts.upsert_chart(conn, chart)
    service.add(conn, slug)


def test_a_removed_chart_is_left_for_half_an_hour_and_while_a_run_says_it_is_at_work(
    warehouse: psycopg.Connection[Any],
) -> None:
    warehouse.autocommit = True
    for slug in ("kept", "removed", "busy"):
        follow(warehouse, slug)
    assert schedules.left(warehouse) == []
    service.remove(warehouse, "removed")
    service.remove(warehouse, "busy")
    run = executions.open_execution(
        warehouse, dag_id="chartline.chart_sync.busy", run_id="r", chart_slug="busy", trigger="scheduled"
    )
    executions.open_execution(
        warehouse, dag_id="chartline.chart_cascade", run_id="r", chart_slug="other", trigger="manual"
    )
    assert schedules.left(warehouse) == ["busy", "removed"]
    warehouse.execute("update change_log set at = at - interval '31 minutes'")
    assert schedules.left(warehouse) == ["busy"]
    executions.close(warehouse, run.id, "complete", None)
    assert schedules.left(warehouse) == []


def test_a_chart_that_is_followed_again_is_not_left(warehouse: psycopg.Connection[Any]) -> None:
    warehouse.autocommit = True
    follow(warehouse, "again")
    service.remove(warehouse, "again")
    service.add(warehouse, "again")
    assert schedules.left(warehouse) == []


def test_the_list_on_disk_tells_of_it(warehouse: psycopg.Connection[Any], warehouse_url: str, tmp_path: Any) -> None:
    warehouse.autocommit = True
    follow(warehouse, "removed")
    service.remove(warehouse, "removed")
    path = tmp_path / "schedules.jsonl"
    snapshot.write(path, *schedules.snapshot_rows(warehouse_url))
    line = snapshot.load_one(path, "removed")
    assert line is not None
    assert (line.left, line.schedule) == (True, None)


def test_former_dag_ids_stay_while_runs_of_them_are_open(warehouse: psycopg.Connection[Any]) -> None:
    warehouse.autocommit = True
    for dag_id in ("chart_sync.a", "chart_cascade", "chart_sync.b", "chartline.chart_sync.c"):
        executions.open_execution(warehouse, dag_id=dag_id, run_id="r", chart_slug="a", trigger="scheduled")
    warehouse.execute("update chart_sync_execution set status = 'complete' where dag_id like 'chart_sync.%'")
    warehouse.execute("update chart_sync_execution set finished_at = now() where dag_id = 'chart_sync.a'")
    warehouse.execute(
        "update chart_sync_execution set finished_at = now() - interval '31 minutes' where dag_id = 'chart_sync.b'"
    )
    for state, dag_id in (("open", "gap_audit"), ("solved", "audience_refresh"), ("open", "chartline.gap_audit")):
        warehouse.execute(
            """insert into alert (kind, subject, title, fingerprint, state, details)
               values ('approval', %(dag)s, '', '', %(state)s, jsonb_build_object('dag_id', %(dag)s::text))""",
            {"dag": dag_id, "state": state},
        )
    assert schedules.former_dag_ids(warehouse) == ["chart_cascade", "chart_sync.a", "gap_audit"]
