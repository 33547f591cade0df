from __future__ import annotations

from datetime import date

import pytest

from chartline.warehouse.partitions import month_of, shift


@pytest.mark.parametrize(
    ("month", "by", "expected"),
    [
        (date(2026, 11, 1), 0, date(2026, 11, 1)),
        (date(2026, 11, 1), 1, date(2026, 12, 1)),
        (date(2026, 11, 1), 2, date(2027, 1, 1)),
        (date(2026, 1, 1), -1, date(2025, 12, 1)),
        (date(2026, 11, 1), -24, date(2024, 11, 1)),
        (date(2026, 12, 1), 12, date(2027, 12, 1)),
    ],
)
def test_months_are_counted_across_years(month: date, by: int, expected: date) -> None:
    assert shift(month, by) == expected


def test_a_month_starts_on_its_first_day() -> None:
    assert month_of(date(2024, 2, 29)) == date(2024, 2, 1)
