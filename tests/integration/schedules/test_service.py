from __future__ import annotations

import re
from collections.abc import Callable, Iterator
from datetime import datetime, timedelta
from typing import Any

import psycopg
import pytest

from chartline.domain.schedule import Schedule
from chartline.errors import BadInput, CredentialsRefused, UnknownChart
from chartline.schedules import declare, service
from chartline.soundcharts.models import ChartLight
from chartline.warehouse import charts, schedules

Conn = psycopg.Connection[Any]


@pytest.mark.parametrize(("slug", "frequency"), [("day", "daily"), ("week", "weekly"), ("year", "weekly")])
def test_the_frequency_is_the_charts_own_else_weekly(conn: Conn, slug: str, frequency: str) -> None:
    schedule = service.add(conn, slug, created_by="ada")
    assert schedule.sync_frequency == frequency
    assert schedule.created_by == "ada"
    assert schedules.get(conn, slug) == schedule


def test_all_settings_are_stored(conn: Conn) -> None:
    settings = {
        "is_active": False,
        "sync_frequency": "custom",
        "custom_interval_hours": 6,
        "cron": None,
        "sync_immediately": False,
        "sync_historical_data": True,
        "history_days": 30,
        "fetch_track_metadata": False,
        "fetch_artist_metadata": False,
        "fetch_track_audience": False,
        "fetch_artist_audience": False,
        "track_platforms": ["airplay"],
        "artist_platforms": [],
    }
    service.add(conn, "day", settings)
    stored = schedules.get(conn, "day")
    assert stored is not None
    assert stored.settings == settings


def test_a_second_schedule_for_a_chart_is_refused_by_name(conn: Conn) -> None:
    first = service.add(conn, "day")
    with pytest.raises(BadInput, match=r"^chart: day is followed already\. .*chartline schedules change day"):
        service.add(conn, "day", {"history_days": 3})
    assert schedules.get(conn, "day") == first


@pytest.mark.parametrize(
    ("settings", "reason"),
    [
        ({"track_platforms": ["apple-music"]}, "track_platforms: .*'apple-music'; it does for airplay"),
        ({"cron": "0 25 * * *"}, "cron: '0 25"),
        ({"custom_interval_hours": 9000}, "custom_interval_hours: .*8760"),
        ({"slug": "other"}, "slug: there is no such setting"),
        ({"colour": 1}, "colour: there is no such setting"),
    ],
)
def test_a_wrong_setting_is_refused_and_nothing_is_stored(
    conn: Conn, count: Callable[[str], int], settings: dict[str, Any], reason: str
) -> None:
    with pytest.raises(BadInput, match=reason):
        service.add(conn, "day", settings)
    assert count("chart_sync_schedule") == 0


def test_change_keeps_what_is_not_given(conn: Conn) -> None:
    service.add(conn, "day", {"history_days": 30, "track_platforms": ["airplay"]})
    changed = service.change(conn, "day", {"sync_immediately": False})
    assert (changed.history_days, changed.track_platforms, changed.sync_immediately) == (30, ("airplay",), False)


def test_cron_interval_and_frequency_take_each_others_place(conn: Conn) -> None:
    service.add(conn, "day", {"cron": "0  9 * * 1"})
    seen = []
    for settings in (
        {},
        {"custom_interval_hours": 6},
        {"history_days": 9},
        {"cron": "@daily"},
        {"sync_frequency": "monthly"},
    ):
        found = service.change(conn, "day", settings)
        seen.append((found.sync_frequency, found.custom_interval_hours, found.cron))
    assert seen == [
        ("custom", None, "0 9 * * 1"),
        ("custom", 6, None),
        ("custom", 6, None),
        ("custom", None, "@daily"),
        ("monthly", None, None),
    ]


def test_a_refused_change_changes_nothing(conn: Conn) -> None:
    before = service.add(conn, "day")
    with pytest.raises(BadInput, match="history_days"):
        service.change(conn, "day", {"history_days": 0, "is_active": False})
    assert schedules.get(conn, "day") == before


def test_a_row_made_invalid_by_hand_can_be_mended(conn: Conn) -> None:
    service.add(conn, "day")
    conn.execute("update chart_sync_schedule set sync_frequency = 'hourly', history_days = -1")
    with pytest.raises(BadInput, match="sync_frequency"):
        schedules.get(conn, "day")
    with pytest.raises(BadInput, match="sync_frequency"):
        service.change(conn, "day", {"history_days": 5})
    assert service.change(conn, "day", {"history_days": 5, "sync_frequency": "daily"}).history_days == 5


def test_what_was_stored_of_a_removed_chart_stays(conn: Conn, count: Callable[[str], int]) -> None:
    service.add(conn, "day")
    conn.execute(
        """insert into chart_sync_execution (schedule_id, chart_id, chart_slug, dag_id, run_id)
           select id, chart_id, 'day', 'chartline.chart_sync.day', 'r1' from chart_sync_schedule"""
    )
    conn.execute(
        "insert into chart_ranking (chart_id, day, stamp, total, entries, fetched_at)"
        " select id, '2026-11-01', 'x', 0, 0, now() from chart where slug = 'day'"
    )
    service.remove(conn, "day")
    assert (count("chart_sync_schedule"), count("chart_sync_execution"), count("chart_ranking")) == (0, 1, 1)
    assert service.add(conn, "day").slug == "day"


@pytest.mark.parametrize("slug", ["week", "nobody"])
def test_what_is_not_followed_can_be_neither_changed_nor_removed(conn: Conn, slug: str) -> None:
    for ask in (lambda: service.change(conn, slug, {"history_days": 1}), lambda: service.remove(conn, slug)):
        with pytest.raises(BadInput, match=rf"^chart: {slug} is not followed\."):
            ask()


@pytest.mark.parametrize("slug", ["a/b", "..", "a b", ""])
def test_what_cannot_be_a_slug_is_an_unknown_chart(conn: Conn, slug: str) -> None:
    with pytest.raises(UnknownChart, match=re.escape(repr(slug))):
        service.add(conn, slug)


def test_without_an_account_an_unknown_chart_is_refused_with_the_way_on(conn: Conn) -> None:
    with pytest.raises(UnknownChart, match=r"^chart: global-99 is not in the catalogue\. .*chartline charts search"):
        service.add(conn, "global-99")


def test_a_chart_that_the_warehouse_has_not_met_is_asked_once(conn: Conn, count: Any, simulator: Any) -> None:
    added = service.add(conn, "demo-france-daily", {"history_days": 9}, client=simulator.client)
    assert (added.sync_frequency, added.platform, added.country_code) == ("daily", "spotify", "FR")
    service.remove(conn, "demo-france-daily")
    service.add(conn, "demo-france-daily", client=simulator.client)
    assert count("api_call") == 1
    assert simulator.service.counts.summary()["total"] == 1


def test_a_chart_that_the_api_does_not_have_costs_its_call_and_leaves_nothing(
    conn: Conn, count: Any, simulator: Any
) -> None:
    with pytest.raises(UnknownChart, match=r"^chart: no-such does not exist at the Soundcharts API\."):
        service.add(conn, "no-such", client=simulator.client)
    assert (count("api_call"), count("chart"), count("chart_sync_schedule")) == (1, 3, 0)


def test_no_call_is_spent_on_wrong_settings(conn: Conn, count: Any, simulator: Any) -> None:
    with pytest.raises(BadInput, match="history_days"):
        service.add(conn, "demo-france-daily", {"history_days": 0}, client=simulator.client)
    assert count("api_call") == 0


@pytest.mark.parametrize("slug", ["demo-france-daily\n", "demo-france-daily\r\n", "\ndemo-france-daily", "x" * 201])
def test_no_call_is_spent_on_what_cannot_be_a_slug(conn: Conn, count: Any, simulator: Any, slug: str) -> None:
    with pytest.raises(UnknownChart, match="cannot be a chart's slug"):
        service.add(conn, slug, client=simulator.client)
    with pytest.raises(BadInput, match="cannot be a chart's slug"):
        declare.apply(conn, {slug: {}}, client=simulator.client)
    assert (count("api_call"), simulator.service.counts.summary()["total"]) == (0, 0)


def test_refused_credentials_are_not_taken_for_an_unknown_chart(conn: Conn, count: Any, simulator: Any) -> None:
    from simulator.settings import Settings

    simulator.service.configure(Settings(key_pairs={}), frozenset({"key_pairs"}))
    with pytest.raises(CredentialsRefused):
        service.add(conn, "demo-france-daily", client=lambda: simulator.client("wrong"))
    assert count("api_call") == 1


def asked(schedule: Schedule) -> datetime:
    assert schedule.history_asked_at is not None
    return schedule.history_asked_at


def test_the_past_is_asked_for_anew_when_more_of_it_is_wanted(conn: Conn) -> None:
    first = service.add(conn, "day")
    assert asked(first) == first.created_at
    assert asked(service.change(conn, "day", {"history_days": 500})) == asked(first)  # of no history
    on = service.change(conn, "day", {"sync_historical_data": True, "history_days": 100})
    assert asked(on) > asked(first)
    assert asked(service.change(conn, "day", {"history_days": 30, "sync_frequency": "weekly"})) == asked(on)
    assert asked(service.change(conn, "day", {"is_active": False})) == asked(on)
    assert asked(service.change(conn, "day", {"is_active": True})) == asked(on)
    assert asked(service.change(conn, "day", {"history_days": 31})) > asked(on)


def test_a_past_that_is_held_waits_until_it_is_released(conn: Conn) -> None:
    held = service.add(conn, "day", {"sync_historical_data": True}, held=True)
    assert held.history_held
    assert not held.catchup
    released = service.release_history(conn, "day")
    assert released.catchup
    assert asked(released) > asked(held)
    assert service.change(conn, "day", {"history_days": 900}, held=True).history_held
    assert not service.change(conn, "day", {"sync_historical_data": False}).history_held
    assert not service.add(conn, "week", held=True).history_held  # it asks for no past
    with pytest.raises(BadInput, match="year is not followed"):
        service.release_history(conn, "year")


def calendar(conn: Conn, slug: str, *days: tuple[str, str, str | None]) -> None:
    for day, seen, not_yet in days:
        conn.execute(
            """insert into chartline.chart_calendar (chart_id, day, stamp, first_seen_at, not_yet_at)
               select id, %s, %s, %s, %s from chartline.chart where slug = %s""",
            (day, day, seen, not_yet, slug),
        )


def test_the_calendar_tells_a_charts_own_weekday_and_its_delay(conn: Conn) -> None:
    before = service.add(conn, "week")
    assert (before.weekday, before.grid.text()) == (None, "weekly, Fridays")
    calendar(
        conn, "week",
        ("2026-11-05", "2026-11-20T10:00Z", None),
        ("2026-11-12", "2026-11-13T09:05Z", "2026-11-13T08:05Z"),
        ("2026-11-19", "2026-11-20T09:10Z", "2026-11-20T08:05Z"),
    )  # fmt: skip
    after = service.change(conn, "week", {"history_days": 300})
    assert (after.weekday, after.month_day, after.grid.text()) == (3, None, "weekly, Thursdays")
    assert after.grid.publication_delay == timedelta(hours=9, minutes=15)


def test_the_calendar_tells_a_charts_own_day_of_month(conn: Conn) -> None:
    with conn.transaction():
        chart = ChartLight(slug="month", name="M", platform="spotify", frequency="monthly", country_code="FR")
        charts.upsert_chart(conn, chart)
    assert service.add(conn, "month").grid.text() == "monthly"
    calendar(conn, "month", ("2026-10-15", "2026-11-20T10:00Z", None), ("2026-11-15", "2026-11-20T10:00Z", None))
    schedule = schedules.get(conn, "month")
    assert schedule is not None
    assert schedule.grid.text() == "monthly, day 15"


def test_a_row_spoilt_by_hand_is_still_read(conn: Conn) -> None:
    service.add(conn, "day")
    calendar(conn, "day", ("2026-11-19", "2026-11-20T09:10Z", "2026-11-20T08:05Z"))
    conn.execute("update chartline.chart_sync_schedule set sync_frequency = 'custom', cron = 'now and then'")
    (row,) = schedules.rows(conn)
    assert row["cron"] == "now and then"
    with pytest.raises(BadInput, match="now and then"):
        schedules.get(conn, "day")
    assert service.change(conn, "day", {"sync_frequency": "daily"}).publication_delay == timedelta(hours=9, minutes=15)


def test_a_thousand_schedules_read_only_the_newest_days_of_each_calendar(conn: Conn) -> None:
    conn.execute(
        """insert into chartline.chart (slug, name, platform, frequency, country_code)
           select 'c' || n, 'C', 'spotify', 'daily', 'FR' from generate_series(1, 1000) n"""
    )
    conn.execute(
        """insert into chartline.chart_sync_schedule (chart_id, sync_frequency, track_platforms, artist_platforms)
           select id, 'daily', '{}', '{}' from chartline.chart where name = 'C'"""
    )
    conn.execute(
        """insert into chartline.chart_calendar (chart_id, day, stamp)
           select id, date '2026-11-20' - n, n::text from chartline.chart, generate_series(1, 100) n"""
    )
    conn.execute("analyze")
    assert len(schedules.rows(conn)) == 1000
    row = conn.execute(f"explain (analyze, format json) {schedules._ROWS}", {"newest": 10}).fetchone()
    assert row is not None
    scans = [node for node in nodes(row[0][0]["Plan"]) if node.get("Relation Name") == "chart_calendar"]
    assert [(scan["Actual Loops"], scan["Actual Rows"]) for scan in scans] == [(1000, 10)]


def nodes(plan: dict[str, Any]) -> Iterator[dict[str, Any]]:
    """A node of a query's plan and all below it."""
    yield plan
    for child in plan.get("Plans", []):
        yield from nodes(child)
