"""An estimate adds up, asks a person from a stated share on, and travels as JSON."""

from __future__ import annotations

import pytest

from chartline.costs.model import Estimate, Range
from chartline.costs.shown import rows
from chartline.settings import Settings


def estimate(low: int, high: int, quota: int | None = None, kind: str = "ranking", note: str = "") -> Estimate:
    return Estimate(
        about="a chart",
        calls={kind: Range(low=low, high=high), "calendar": Range.exactly(1)},
        per_minute=600,
        quota_left=quota,
        storage_bytes=Range(low=999, high=2_500_000),
        notes=(note,) if note else (),
    )


def test_it_adds_up() -> None:
    found = estimate(9, 1199, quota=2400)
    assert (found.total, found.minutes, found.share) == (Range(low=10, high=1200), 2.0, 0.5)
    told = found.model_dump(mode="json")
    assert (told["total"], told["minutes"], told["share"]) == ({"low": 10, "high": 1200}, 2.0, 0.5)


@pytest.mark.parametrize(
    ("high", "quota", "asks"), [(199, 1000, False), (200, 1000, True), (5, 0, True), (10**9, None, False)]
)
def test_who_is_asked(high: int, quota: int | None, asks: bool) -> None:
    assert estimate(0, high, quota).needs_approval(Settings(approval_share=0.2)) is asks


def test_several_works_are_one() -> None:
    whole = Estimate.together("all", [estimate(1, 2, 50, note="a"), estimate(3, 4, 50, "song", note="a")])
    assert whole.calls == {
        "ranking": Range(low=1, high=2),
        "song": Range(low=3, high=4),
        "calendar": Range.exactly(2),
    }
    assert (whole.total, whole.quota_left, whole.notes) == (Range(low=6, high=8), 50, ("a",))
    assert whole.storage_bytes == Range(low=1998, high=5_000_000)


def test_the_table_is_for_people() -> None:
    told = dict(rows(estimate(1, 59_999, quota=100_000)))
    assert told["ranking"] == "1 to 59,999"
    assert told["calendar"] == "1"
    assert told["time at the limit"] == "1 h 40 min at 600 calls a minute"
    assert told["share of it"] == "60.0%"
    assert told["storage"] == "999 B to 2 MB"
    assert dict(rows(estimate(1, 2)))["quota left"] == "unknown"
