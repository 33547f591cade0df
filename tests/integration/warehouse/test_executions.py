"""The row that every run leaves."""

from __future__ import annotations

from datetime import UTC, date, datetime
from typing import Any

import psycopg
import pytest

from chartline.soundcharts.calls import Call
from chartline.warehouse import calls, executions
from chartline.warehouse.executions import Counts, Execution, ItemFailure

Conn = psycopg.Connection[Any]


@pytest.fixture
def execution(warehouse: Conn) -> Execution:
    warehouse.autocommit = True
    return opened(warehouse)


def opened(conn: Conn) -> Execution:
    return executions.open_execution(conn, dag_id="d", run_id="r", chart_slug="c", trigger="manual")


def failure(kind: str = "not_found", entity: str = "x") -> ItemFailure:
    return ItemFailure("track_audience", entity, "spotify", kind, "why")


def test_opening_again_is_the_same_row_with_its_failures_forgotten(warehouse: Conn, execution: Execution) -> None:
    executions.add_failures(warehouse, execution.id, [failure()])
    executions.add_counts(warehouse, execution.id, Counts(tracks_created=3, deferred=2))
    executions.close(warehouse, execution.id, "failed", "broken")
    again = opened(warehouse)
    assert (again.id, again.status, again.started_at) == (execution.id, "running", execution.started_at)
    row = executions.close(warehouse, again.id, "complete", None)
    assert (row["failures"], row["error"], row["tracks_created"], row["deferred"]) == ({}, None, 3, 0)


def test_a_run_is_closed_with_its_calls_and_failures_by_kind(warehouse: Conn, execution: Execution) -> None:
    call = Call(datetime.now(UTC), "song", "x", "", 200, 5, 10, 99, None)
    calls.record(warehouse, [call, call], execution.id)
    executions.add_failures(
        warehouse, execution.id, [failure(), failure("cut_answer", "y"), failure("cut_answer", "z")]
    )
    row = executions.close(warehouse, execution.id, "partial", None)
    assert (row["calls"], row["failures"]) == (2, {"cut_answer": 2, "not_found": 1})
    assert row["finished_at"] >= row["started_at"]


def test_an_item_has_one_failure_a_run_its_last(warehouse: Conn, execution: Execution) -> None:
    executions.add_failures(warehouse, execution.id, [failure("server_trouble")])
    executions.add_failures(warehouse, execution.id, [failure("not_found")])
    assert executions.spent(warehouse, execution.id).failures == {"not_found": 1}
    executions.forget_failures(warehouse, execution.id, "track_audience", [("x", "spotify")])
    assert executions.spent(warehouse, execution.id).failures == {}


def test_days_are_added_up_and_forgotten_when_the_run_is_opened_again(warehouse: Conn, execution: Execution) -> None:
    one, two = date(2026, 11, 1), date(2026, 11, 2)
    executions.note_days(warehouse, execution.id, absent=[two], left=[one])
    executions.note_days(warehouse, execution.id, absent=[two, one])
    assert executions.days(warehouse, execution.id) == ([one, two], [one])
    assert [executions.asked_early(warehouse, execution.id) for _ in range(2)] == [1, 2]
    opened(warehouse)
    assert executions.days(warehouse, execution.id) == ([], [])
    assert executions.asked_early(warehouse, execution.id) == 3


def test_the_latest_reason_stays_and_trouble_that_passed_is_forgotten(warehouse: Conn, execution: Execution) -> None:
    executions.note_error(warehouse, execution.id, "first")
    executions.note_error(warehouse, execution.id, "second")
    assert executions.close(warehouse, execution.id, "failed", "last")["error"] == "second"
    assert executions.close(warehouse, execution.id, "complete", None)["error"] is None
