from __future__ import annotations

from typing import Any

import psycopg
import pytest

from chartline.errors import BadInput
from chartline.schedules import declare, service
from chartline.warehouse import schedules

Conn = psycopg.Connection[Any]

FILE = """
charts:
  - chart: day
    track_platforms: [spotify, airplay]
    history_days: 30
  - chart: week
    cron: "0 9 * * 5"
"""


def told(conn: Conn, text: str, **options: Any) -> list[str]:
    return [str(difference) for difference in declare.apply(conn, declare.read(text, "charts.yaml"), **options)]


def followed(conn: Conn) -> list[str]:
    return [row["slug"] for row in schedules.rows(conn)]


def test_a_file_is_applied_and_a_second_time_changes_nothing(conn: Conn) -> None:
    assert [line.split("\n")[0] for line in told(conn, FILE, created_by="git")] == ["+ day", "+ week"]
    day, week = schedules.get(conn, "day"), schedules.get(conn, "week")
    assert day is not None
    assert week is not None
    assert (day.sync_frequency, day.track_platforms, day.history_days) == ("daily", ("spotify", "airplay"), 30)
    assert (week.sync_frequency, week.cron, week.created_by) == ("custom", "0 9 * * 5", "git")
    assert told(conn, FILE) == []


def test_the_differences_say_what_was_and_what_will_be(conn: Conn) -> None:
    service.add(conn, "day", {"history_days": 7, "sync_immediately": False})
    (change,) = told(conn, "charts: [{chart: day, history_days: 30}]", dry_run=True)
    assert change == "~ day\n    sync_immediately: False -> True\n    history_days: 7 -> 30"


def test_a_dry_run_changes_nothing(conn: Conn) -> None:
    service.add(conn, "year")
    assert len(told(conn, FILE, dry_run=True, prune=True)) == 3
    assert followed(conn) == ["year"]


def test_what_the_file_does_not_name_stays_unless_pruned(conn: Conn) -> None:
    service.add(conn, "year")
    told(conn, FILE)
    assert followed(conn) == ["day", "week", "year"]
    assert told(conn, FILE, prune=True) == ["- year"]
    assert followed(conn) == ["day", "week"]


def test_all_or_nothing(conn: Conn) -> None:
    service.add(conn, "year")
    declared = declare.read(FILE + "  - chart: nobody\n  - chart: no-one\n", "charts.yaml")
    with pytest.raises(BadInput) as caught:
        declare.apply(conn, declared, prune=True)
    assert caught.value.what.splitlines() == [
        "charts.yaml: chart: nobody is not in the catalogue.",
        "charts.yaml: chart: no-one is not in the catalogue.",
    ]
    assert followed(conn) == ["year"]


def test_a_failure_half_way_takes_back_the_first_half(conn: Conn) -> None:
    conn.execute("alter table chart_sync_schedule add check (history_days <> 13)")
    with pytest.raises(psycopg.errors.CheckViolation):
        told(conn, "charts: [{chart: day}, {chart: week, history_days: 13}]")
    assert followed(conn) == []


def test_what_is_exported_can_be_applied_and_says_only_what_is_special(conn: Conn) -> None:
    told(conn, FILE)
    text = declare.export(conn)
    assert declare.read(text, "x") == {
        "day": {"history_days": 30, "track_platforms": ["spotify", "airplay"]},
        "week": {"sync_frequency": "custom", "cron": "0 9 * * 5"},
    }
    for slug in ("day", "week"):
        service.remove(conn, slug)
    told(conn, text)
    assert declare.export(conn) == text


def test_a_wrong_row_is_not_exported_but_a_file_mends_it(conn: Conn) -> None:
    told(conn, FILE)
    conn.execute("update chart_sync_schedule set history_days = -1 where cron is null")
    with pytest.raises(BadInput, match=r"^day: history_days: "):
        declare.export(conn)
    assert told(conn, FILE) == ["~ day\n    history_days: -1 -> 30"]


def test_a_chart_that_the_warehouse_has_not_met_is_asked(conn: Conn, simulator: Any) -> None:
    text = "charts: [{chart: demo-france-daily}]"
    assert told(conn, text, dry_run=True, client=simulator.client)[0].startswith("+ demo-france-daily\n")
    assert followed(conn) == []
    told(conn, text)
    assert followed(conn) == ["demo-france-daily"]
