from __future__ import annotations

from datetime import UTC, date, datetime

import pytest

from chartline.domain import dag_ids
from chartline.domain.run_ids import PAST, heal_run_id, interval_id, kind, looks_past, window_day, window_id


def utc(year: int, month: int, day: int, hour: int = 0, minute: int = 0, second: int = 0) -> datetime:
    return datetime(year, month, day, hour, minute, second, tzinfo=UTC)


@pytest.mark.parametrize(
    ("run_id", "text", "past"),
    [
        (interval_id(utc(2026, 3, 10)), "scheduled__2026-03-10", False),
        (interval_id(utc(2026, 3, 10, 6)), "scheduled__2026-03-10T06:00", False),
        (window_id(utc(2026, 3, 10), utc(2026, 4, 10), 7), "scheduled__2026-03-10_to_2026-04-09_7", True),
        (window_id(utc(2026, 3, 10, 6), utc(2026, 3, 12, 18), 7), "scheduled__2026-03-10T06:00_to_2026-03-12T18:00_7",
         True),
        (heal_run_id("one", date(2026, 3, 10), utc(2026, 11, 20, 4, 15)), "heal__one_2026-03-10_20261120T041500", True),
        ("backfill__2026-03-21T00:00:00.000264+00:00", "backfill__2026-03-21T00:00:00.000264+00:00", True),
        ("manual__2026-11-20T14:30:00+00:00", "manual__2026-11-20T14:30:00+00:00", False),
        ("from_a_to_b", "from_a_to_b", False),
    ],
)  # fmt: skip
def test_an_id_tells_whether_its_run_seems_to_fill_the_past(run_id: str, text: str, past: bool) -> None:
    assert run_id == text
    assert looks_past(run_id) is past


def test_only_windows_tell_a_day() -> None:
    assert window_day("scheduled__2026-03-10_to_2026-04-09_7") == date(2026, 3, 10).toordinal()
    assert {window_day(other) for other in ("scheduled__2026-03-10", "heal__one_2026-03-10_x", "a_to_b")} == {0}


@pytest.mark.parametrize(
    ("dag_id", "run_type", "run_id", "found"),
    [
        (dag_ids.of_chart("one"), "scheduled", "scheduled__2026-03-10", "scheduled"),
        (dag_ids.of_chart("one"), "scheduled", "scheduled__2026-03-10_to_2026-04-09_7", "window"),
        (dag_ids.of_chart("one"), "backfill", "backfill__2026-03-21T00:00:00.000264+00:00", "backfill"),
        (dag_ids.of_chart("one"), "operator_triggered", "heal__one_2026-03-10_20261120T041500", "heal"),
        (dag_ids.of_chart("one"), "operator_triggered", "mine", "manual"),
        (dag_ids.of_chart("one"), "manual", "manual__2026-11-20T14:30:00+00:00", "manual"),
        (dag_ids.CHART_CASCADE, "manual", "heal__mine", "on_demand"),
        (dag_ids.AUDIENCE_REFRESH, "manual", "refresh__track_x", "refresh"),
        # Ids that look like what the run is not:
        (dag_ids.of_chart("one"), "manual", "heal__mine", "manual"),
        (dag_ids.of_chart("one"), "manual", "scheduled__2026-03-10_to_2026-04-09_7", "manual"),
        (dag_ids.of_chart("one"), "manual", "backfill__mine", "manual"),
        (dag_ids.of_chart("one"), "backfill", "scheduled__2026-03-10", "backfill"),
    ],
)
def test_the_kind_of_a_run_is_told_by_its_dag_and_type_first(
    dag_id: str, run_type: str, run_id: str, found: str
) -> None:
    assert kind(dag_id, run_type, run_id) == found
    assert (found in PAST) is (found in ("window", "backfill", "heal"))
