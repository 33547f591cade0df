from __future__ import annotations

import re
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest

from chartline.domain.schedule import Schedule, default_frequency
from chartline.errors import BadInput

ROW: dict[str, Any] = {
    "slug": "global-28",
    "name": "Demo Daily 200",
    "platform": "spotify",
    "country_code": "",
    "chart_id": 1,
    "frequency": "daily",
    "sync_frequency": "daily",
    "created_at": datetime(2026, 11, 18, 15, tzinfo=UTC),  # a Wednesday
}


def refusal(**changes: Any) -> BadInput:
    with pytest.raises(BadInput) as caught:
        Schedule.of(ROW | changes)
    return caught.value


def test_defaults() -> None:
    schedule = Schedule.of(ROW)
    assert schedule.is_active
    assert schedule.sync_immediately
    assert not schedule.sync_historical_data
    assert schedule.history_days == 365
    assert schedule.track_platforms == ("spotify", "youtube", "shazam", "airplay")
    assert schedule.artist_platforms == ("spotify", "youtube", "instagram", "tiktok")
    assert schedule.dag_id == "chartline.chart_sync.global-28"


@pytest.mark.parametrize(
    ("changes", "field", "reason"),
    [
        ({"slug": "a/b"}, "slug", "should match"),
        ({"slug": "..", "name": "x"}, "slug", "should match"),
        ({"slug": "a~b"}, "slug", "should match"),
        ({"slug": "x" * 201}, "slug", "at most 200"),
        ({"sync_frequency": "hourly"}, "sync_frequency", "'daily', 'weekly', 'monthly' or 'custom'"),
        ({"sync_frequency": "custom"}, "sync_frequency", "custom_interval_hours or cron"),
        (
            {"sync_frequency": "custom", "cron": "@daily", "custom_interval_hours": 6},
            "sync_frequency",
            "one of the two",
        ),
        ({"cron": "0 0 * * *"}, "cron", "goes with sync_frequency custom only, not with daily"),
        ({"custom_interval_hours": 6}, "custom_interval_hours", "goes with sync_frequency custom only"),
        ({"sync_frequency": "custom", "custom_interval_hours": 0}, "custom_interval_hours", "got 0"),
        ({"sync_frequency": "custom", "custom_interval_hours": 8761}, "custom_interval_hours", "8760"),
        ({"sync_frequency": "custom", "custom_interval_hours": True}, "custom_interval_hours", "integer"),
        ({"sync_frequency": "custom", "cron": "0 25 * * *"}, "cron", "'0 25 \\* \\* \\*' is not a cron"),
        ({"history_days": 0}, "history_days", "got 0"),
        ({"history_days": 3651}, "history_days", "3650"),
        ({"history_days": "30"}, "history_days", "integer"),
        ({"is_active": "yes"}, "is_active", "boolean"),
        ({"track_platforms": ["spotify", "apple-music"]}, "track_platforms", "'apple-music'; it does for airplay, "),
        ({"artist_platforms": ["shazam"]}, "artist_platforms", "'shazam'; it does for airplay, "),
        ({"artist_platforms": "spotify"}, "artist_platforms", "should be a list"),
        ({"colour": "red"}, "colour", "there is no such setting"),
        ({"created_at": "2026-11-18 15:00"}, "created_at", "timezone"),
    ],
)
def test_a_wrong_setting_is_refused_by_field(changes: dict[str, Any], field: str, reason: str) -> None:
    error = refusal(**changes)
    assert error.field == field
    assert re.search(rf"^{field}: .*{reason}", error.what)
    assert len(error.what.splitlines()) == 1


def test_every_wrong_field_has_its_line() -> None:
    error = refusal(history_days=0, track_platforms=["tidal"], colour=1)
    assert [line.split(":")[0] for line in error.what.splitlines()] == ["history_days", "track_platforms", "colour"]


def test_a_missing_field_is_named() -> None:
    with pytest.raises(BadInput, match=r"^sync_frequency: is missing$"):
        Schedule.of({name: value for name, value in ROW.items() if name != "sync_frequency"})


def test_a_schedule_does_not_change() -> None:
    held: Any = Schedule.of(ROW)
    with pytest.raises(ValueError, match="frozen"):
        held.history_days = 1


@pytest.mark.parametrize(
    ("changes", "at_once", "later"),
    [
        ({}, datetime(2026, 11, 17, tzinfo=UTC), datetime(2026, 11, 18, tzinfo=UTC)),
        ({"sync_frequency": "weekly"}, datetime(2026, 11, 7, tzinfo=UTC), datetime(2026, 11, 14, tzinfo=UTC)),
        ({"sync_frequency": "monthly"}, datetime(2026, 10, 1, tzinfo=UTC), datetime(2026, 11, 1, tzinfo=UTC)),
    ],
)
def test_intervals_begin_with_the_complete_one_or_the_open_one(
    changes: dict[str, Any], at_once: datetime, later: datetime
) -> None:
    assert Schedule.of(ROW | changes).start_date == at_once
    assert Schedule.of(ROW | changes | {"sync_immediately": False}).start_date == later


def test_stored_as_json_and_back_is_the_same() -> None:
    schedule = Schedule.of(ROW | {"sync_frequency": "custom", "cron": "0 9 * * 1", "track_platforms": ["airplay"]})
    assert Schedule.of(schedule.model_dump(mode="json")) == schedule
    assert Schedule.model_validate_json(schedule.model_dump_json()) == schedule


@pytest.mark.parametrize(
    ("own", "found"),
    [
        ("daily", "daily"),
        ("Weekly", "weekly"),
        ("monthly", "monthly"),
        ("yearly", "weekly"),
        ("", "weekly"),
        ("custom", "weekly"),
    ],
)
def test_the_charts_own_frequency_else_weekly(own: str, found: str) -> None:
    assert default_frequency(own) == found


HISTORY = ROW | {"sync_historical_data": True, "history_days": 10}


def test_with_history_it_begins_so_many_days_before_it_was_followed() -> None:
    schedule = Schedule.of(HISTORY | {"history_asked_at": datetime(2026, 11, 19, 9, tzinfo=UTC)})
    assert schedule.start_date == datetime(2026, 11, 8, tzinfo=UTC)
    assert schedule.first_interval == (datetime(2026, 11, 18, tzinfo=UTC), datetime(2026, 11, 19, tzinfo=UTC))
    later = Schedule.of(HISTORY | {"sync_immediately": False})
    assert later.first_interval == (datetime(2026, 11, 18, tzinfo=UTC), datetime(2026, 11, 19, tzinfo=UTC))


def test_a_history_that_waits_for_approval_brings_no_longer_audience() -> None:
    year = HISTORY | {"history_days": 365}
    assert Schedule.of(year).audience_days == 365
    assert Schedule.of(year | {"history_held": True}).audience_days is None
    assert Schedule.of(year | {"sync_historical_data": False}).audience_days is None


def test_a_history_shorter_than_an_interval_begins_with_the_first_interval() -> None:
    schedule = Schedule.of(HISTORY | {"sync_frequency": "monthly", "history_days": 1})
    assert schedule.start_date == schedule.first_interval[0] == datetime(2026, 10, 1, tzinfo=UTC)


@pytest.mark.parametrize(
    ("changes", "catchup"),
    [
        ({}, True),
        ({"is_active": False}, False),
        ({"sync_historical_data": False}, False),
        ({"history_held": True}, False),
    ],
)
def test_the_past_runs_by_itself_only_when_asked_for_and_not_held(changes: dict[str, Any], catchup: bool) -> None:
    assert Schedule.of(HISTORY | changes).catchup is catchup


def test_a_changed_delay_moves_neither_the_start_nor_the_first_interval() -> None:
    plain, late = (Schedule.of(HISTORY | {"publication_delay": timedelta(hours=hours)}) for hours in (0, 23))
    assert late.grid.publication_delay == timedelta(hours=23)
    assert (plain.start_date, plain.first_interval) == (late.start_date, late.first_interval)


def test_the_learned_fields_survive_json() -> None:
    schedule = Schedule.of(HISTORY | {"weekday": 3, "month_day": 15, "publication_delay": timedelta(minutes=555)})
    assert Schedule.of(schedule.model_dump(mode="json")) == schedule


@pytest.mark.parametrize(
    ("changes", "window", "least"),
    [
        ({"history_days": 365}, 31, 12),
        ({"history_days": 365}, 1, 365),
        ({"history_days": 3650, "sync_frequency": "weekly"}, 31, 17),
        ({"history_days": 365, "sync_frequency": "custom", "custom_interval_hours": 1}, 31, 12),
        ({"sync_historical_data": False}, 31, 1),
    ],
)
def test_all_of_the_past_can_be_at_work_and_a_new_day_too(changes: dict[str, Any], window: int, least: int) -> None:
    assert least + 4 <= Schedule.of(HISTORY | changes).max_active_runs(window) <= 3 * least + 10


def test_a_dag_that_had_another_id_goes_on_after_what_was_run_under_that() -> None:
    """Only it: the days that are wanted stay those of the schedule."""
    schedule = Schedule.of(ROW | {"sync_frequency": "daily", "sync_historical_data": True})
    assert schedule.begins == (schedule.first_interval, schedule.start_date)
    end = schedule.created_at.replace(hour=0, minute=0, second=0, microsecond=0) + timedelta(days=40)
    moved = schedule.model_copy(update={"resumes_at": end})
    assert moved.begins == ((end, end + timedelta(days=1)), end)
    assert moved.start_date == schedule.start_date
