""".ci/month_end.py: month ends come round."""

from __future__ import annotations

import runpy
from datetime import UTC, date, datetime, time, timedelta

from chartline.places import REPOSITORY

month_end = runpy.run_path(str(REPOSITORY / ".ci" / "month_end.py"))["month_end"]


def test_every_day_has_a_month_end_that_is_still_to_come() -> None:
    for days in range(1500):
        today = date(2026, 11, 28) + timedelta(days=days)
        at = month_end(today)
        assert at.time() == time(23, 55)
        assert (at + timedelta(minutes=5)).day == 1
        assert today <= at.date()


def test_within_a_few_months_each_month_comes_and_the_leap_day_too() -> None:
    ends = [month_end(date(2026, 11, 28) + timedelta(days=days)) for days in range(100)]
    assert {at.month for at in ends} == set(range(1, 13))
    assert datetime(2028, 2, 29, 23, 55, tzinfo=UTC) in ends
