"""What one run is asked to do, and what is refused."""

from __future__ import annotations

from datetime import UTC, date, datetime, timedelta
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from chartline.domain.asks import MAX_DAYS, METADATA, STEPS, CascadeAsk
from chartline.domain.schedule import Schedule
from chartline.errors import BadInput

TODAY = datetime.now(UTC).date()
DAY = date(2026, 3, 1)


def schedule(**more: Any) -> Schedule:
    row = {
        "slug": "demo",
        "name": "Demo",
        "platform": "spotify",
        "country_code": "",
        "chart_id": 1,
        "frequency": "daily",
        "sync_frequency": "daily",
        "created_at": datetime(2026, 1, 1, tzinfo=UTC),
    }
    return Schedule.of(row | more)


@pytest.mark.parametrize(
    ("config", "field"),
    [
        ({"days": []}, "days"),
        ({"days": "soon"}, "days"),
        ({"days": ["2026-02-30"]}, "days.0"),
        ({"days": [str(DAY), str(TODAY + timedelta(days=3))]}, "days"),
        ({"day": str(TODAY + timedelta(days=3))}, "day"),
        ({"days": [str(DAY - timedelta(days=n)) for n in range(MAX_DAYS + 1)]}, "days"),
        ({"days": [str(DAY)], "day": str(DAY)}, "days"),
        ({"interval": [str(DAY)]}, "interval"),
        ({"current": True}, "current"),
        ({"days": [str(DAY)], "steps": 5}, "steps"),
    ],
)
def test_bad_days_are_refused_by_field(config: dict[str, Any], field: str) -> None:
    with pytest.raises(BadInput) as refused:
        CascadeAsk.from_config({"chart": "demo"} | config)
    assert refused.value.field == field


@given(st.lists(st.dates(date(2020, 1, 1), date(2026, 1, 1)), min_size=1, max_size=40))
def test_days_are_sorted_and_distinct_and_come_back_from_the_row(days: list[date]) -> None:
    ask = CascadeAsk.from_config({"chart": "demo", "days": [str(day) for day in days]})
    assert ask.days == ask.past == tuple(sorted(set(days)))
    assert CascadeAsk.model_validate(ask.model_dump(mode="json")) == ask


@pytest.mark.parametrize(
    ("config", "interval", "past", "steps"),
    [
        ({}, None, None, STEPS),
        ({}, ([DAY], True), None, STEPS),
        ({}, ([DAY], False), (DAY,), METADATA),
        ({}, ([], False), (), METADATA),
        ({"day": str(DAY)}, ([TODAY], False), None, STEPS),
        ({"days": [str(DAY)]}, ([TODAY], True), (DAY,), METADATA),
    ],
)
def test_what_a_schedules_run_is_about(config: Any, interval: Any, past: Any, steps: Any) -> None:
    ask = CascadeAsk.from_schedule(schedule(), config, interval)
    assert (ask.past, ask.steps) == (past, steps)
    assert ask.interval == (tuple(interval[0]) if interval and not config else None)


def test_a_step_that_is_off_stays_off() -> None:
    ask = CascadeAsk.from_schedule(schedule(fetch_artist_metadata=False), {}, ([DAY], False))
    assert ask.steps == ("track_metadata",)


def test_a_schedules_config_takes_nothing_else() -> None:
    with pytest.raises(BadInput, match="steps"):
        CascadeAsk.from_schedule(schedule(), {"steps": []})
