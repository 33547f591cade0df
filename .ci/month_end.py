"""Prints the end of a month at which .ci/run tests: another one each day, so that those of four years come round.

Five minutes are left of the month, so that some tests run in it and others in the next.
"""

from __future__ import annotations

from datetime import UTC, date, datetime, timedelta

MONTHS = 48  # with a leap year


def month_end(today: date) -> datetime:
    """The instant for `today`: in the month that follows `today`'s by 0 to 47 months."""
    index = today.year * 12 + today.month + today.toordinal() % MONTHS  # of the month after that
    year, month = divmod(index, 12)
    return datetime(year, month + 1, 1, tzinfo=UTC) - timedelta(minutes=5)


if __name__ == "__main__":
    print(f"{month_end(datetime.now(UTC).date()):%Y-%m-%dT%H:%M}")
