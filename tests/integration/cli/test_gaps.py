"""`chartline gaps`, as a person and a program use it."""

from __future__ import annotations

import json
from datetime import UTC, date, datetime, timedelta
from typing import Any

import psycopg
import pytest

from chartline.schedules import service
from chartline.warehouse import charts, rankings

from ..conftest import Say

Days = list[date]


@pytest.fixture
def holes(conn: psycopg.Connection[Any]) -> Days:
    """The last 59 days, the newest first, which the chart day wants: the 4 newest are missing, one lost its rows."""
    days = [datetime.now(UTC).date() - timedelta(days=n) for n in range(1, 60)]
    service.add(conn, "day", {"sync_historical_data": True, "history_days": 59})
    found = charts.find(conn, "day")
    assert found
    with conn.transaction():
        rankings.store_calendar(conn, found.id, [f"{day}T12:00:00+00:00" for day in days])
    for day in days[4:]:
        conn.execute(
            "insert into chart_ranking (chart_id, day, stamp, total, entries, fetched_at)"
            " values (%(chart)s, %(day)s, '', %(entries)s, %(entries)s, now())",
            {"chart": found.id, "day": day, "entries": 5 if day == days[9] else 0},
        )
    return days


def test_all_charts_are_a_line_each_with_what_they_lack_below(say: Say, holes: Days) -> None:
    code, out, _ = say("gaps")
    assert code == 0
    head, line, *told = out.splitlines()
    assert head.split() == ["CHART", "FROM", "TO", "LISTED", "STORED", "MISSING", "SHORT", "ABSENT"]
    assert line.split()[0] == "day"
    assert line.split()[1:] == [str(holes[-1]), str(holes[0]), "59", "55", "4", "1", "0"]
    assert f"day: missing 4: {holes[3]} to {holes[0]}" in told
    assert f"day: short 1: {holes[9]}" in told
    assert told[-1] == (
        "Heal them now with chartline.gap_audit (it also runs daily): "
        """chartline airflow dags trigger chartline.gap_audit --conf '{"chart": "day"}'"""
    )


def test_one_chart_is_shown_by_month(say: Say, holes: Days) -> None:
    code, out, _ = say("gaps", "day")
    assert code == 0
    rows = [line.split() for line in out.splitlines() if line.startswith("day ")]
    assert [row[1] for row in rows] == sorted({f"{day:%Y-%m}" for day in holes})
    assert sum(int(row[4]) for row in rows) == 4
    assert sum(int(row[5]) for row in rows) == 1
    month = f"{holes[0]:%Y-%m}"
    _, out, _ = say("gaps", "--month", month)
    assert [line.split()[1] for line in out.splitlines() if line.startswith("day ")] == [month]


def test_programs_get_json(say: Say, holes: Days) -> None:
    _, out, _ = say("gaps", "day", "--json")
    (chart,) = json.loads(out)
    assert chart["missing"] == [day.isoformat() for day in reversed(holes[:4])]
    assert chart["short"] == [holes[9].isoformat()]
    assert sum(month["missing"] for month in chart["months"]) == 4


def test_what_it_cannot_answer_is_refused_by_name(say: Say, holes: Days) -> None:
    for words, told in (
        (("gaps", "nothing-like-it"), "chart: nothing-like-it is not in the catalogue."),
        (("gaps", "week"), "chart: week is not followed."),
        (("gaps", "--month", "November"), "month: 'November' is not a month"),
    ):
        code, out, complaint = say(*words)
        assert (code, out) == (2, "")
        assert told in complaint


def test_a_complete_list_says_nothing_of_healing_and_an_empty_one_how_to_begin(say: Say) -> None:
    assert say("gaps")[1] == "No chart is followed. Follow one with: chartline schedules add SLUG\n"


@pytest.mark.usefixtures("account")
def test_refresh_asks_for_the_calendars_first(say: Say, conn: psycopg.Connection[Any], simulator: Any) -> None:
    asked = {"sync_historical_data": True, "history_days": 30}
    service.add(conn, "demo-global-daily", asked, client=simulator.client)
    code, out, told = say("gaps", "demo-global-daily", "--refresh", "--json")
    assert code == 0
    assert told == "The calendars are up to date with 1 call.\n"  # of many pages: the first reaches back far enough
    (chart,) = json.loads(out)
    now = datetime.now(UTC)
    first = now.date() - timedelta(days=30)
    there = simulator.service.world.days("demo-global-daily", now)
    assert chart["missing"] == [str(day) for day in reversed(there) if day >= first]
    assert say("gaps", "--refresh")[2] == "The calendars are up to date with 0 calls.\n"
    conn.execute("update chart set slug = 'gone-since' where slug = 'demo-global-daily'")
    code, _, told = say("gaps", "--refresh")
    assert code == 1
    assert "gone-since: its calendar could not be brought up to date: unknown_chart" in told
