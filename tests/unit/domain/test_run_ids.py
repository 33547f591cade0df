from __future__ import annotations

from datetime import UTC, date, datetime

import pytest

from chartline.domain.run_ids import heal_run_id, interval_id, is_past, window_id


def utc(*parts: int) -> datetime:
    return datetime(*parts, tzinfo=UTC)  # type: ignore[misc,arg-type]


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
def test_a_runs_name_tells_whether_it_is_of_the_past(run_id: str, text: str, past: bool) -> None:
    assert run_id == text
    assert is_past(run_id) is past
