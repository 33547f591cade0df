"""Whatever a config, a form or a file asks for, it is a checked ask or a refusal by field; for schedules too."""

from __future__ import annotations

from collections.abc import Callable
from datetime import UTC, datetime
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st
from pydantic import BaseModel
from tests.hostile import MEGABYTE, TEXTS, anything, deep, fuzzed, places, put, readable, spoiled

from chartline.cascade.audience import RefreshAsk
from chartline.domain.asks import CascadeAsk
from chartline.domain.schedule import Schedule
from chartline.errors import BadInput

pytestmark = pytest.mark.fuzz

UUID = "0f3c1a52-77aa-4f5e-9f0b-1c2d3e4f5a6b"
SCHEDULE: dict[str, Any] = {
    "slug": "some-daily-200", "name": "Some", "platform": "spotify", "country_code": "FR", "chart_id": 7,
    "frequency": "daily", "created_at": datetime(2026, 3, 1, tzinfo=UTC), "sync_frequency": "custom",
    "custom_interval_hours": 12, "is_active": True, "history_days": 30, "track_platforms": ["spotify"],
    "artist_platforms": ["spotify"],
}  # fmt: skip
GOOD: list[tuple[str, Callable[[dict[str, Any]], BaseModel], dict[str, Any]]] = [
    ("cascade", CascadeAsk.from_config,
     {"chart": "some-daily-200", "days": ["2026-03-01", "2026-03-02"], "steps": ["track_metadata"], "force": True,
      "track_platforms": ["spotify"], "artist_platforms": ["tiktok"], "audience_days": 30}),
    ("refresh", RefreshAsk.from_config,
     {"tracks": [UUID], "artists": [UUID], "charts": ["some-daily-200"], "platforms": ["spotify"], "audience_days": 30,
      "stale_only": False}),
    ("schedule", Schedule.of, SCHEDULE),
]  # fmt: skip
BY_FORM = pytest.mark.parametrize(("read", "good"), [row[1:] for row in GOOD], ids=[row[0] for row in GOOD])
Read = Callable[[dict[str, Any]], BaseModel]


def check(read: Read, config: Any) -> BaseModel | None:
    """Read, or refused by the field, in lines that a person reads and a log may hold."""
    if not isinstance(config, dict) or not all(isinstance(key, str) for key in config):
        return None
    found, told = None, ""
    try:
        found = read(config)
        found.model_dump_json().encode()
    except BadInput as refused:
        told = str(refused)
    assert readable(told), told
    return found


@BY_FORM
@fuzzed
@given(data=st.data())
def test_a_spoiled_ask_is_read_or_refused_by_field(read: Read, good: dict[str, Any], data: st.DataObject) -> None:
    assert check(read, good) is not None, "it is good as it stands"
    check(read, data.draw(spoiled(good)))


@BY_FORM
@fuzzed
@given(config=st.dictionaries(st.text(max_size=12), anything, max_size=4))
def test_any_ask_is_read_or_refused_by_field(read: Read, good: dict[str, Any], config: dict[str, Any]) -> None:
    check(read, config)


@BY_FORM
@pytest.mark.parametrize("odd", [*TEXTS, MEGABYTE, deep(100), deep(900), 10**40, 1e308], ids=lambda odd: repr(odd)[:20])
def test_what_nobody_means_in_each_field(read: Read, good: dict[str, Any], odd: Any) -> None:
    for place in places(good):
        check(read, put(good, place, odd))
    check(read, good | {str(odd)[: 2**20]: odd})
