from __future__ import annotations

import pytest

from simulator.counts import Counts, Noted, busiest_minute


def call(at: float = 0.0, entity: str = "a", status: int = 200, fault: str = "", offset: int = 0) -> Noted:
    return Noted(at, "song", entity, "", "", offset, status, status == 200, fault)


@pytest.mark.parametrize(
    ("times", "most"),
    [([], 0), ([0, 1, 59.9], 3), ([0, 60], 1), ([0, 30, 60, 61, 89], 4), ([61, 0, 60, 30], 3)],
)
def test_the_busiest_minute_slides(times: list[float], most: int) -> None:
    assert busiest_minute(times) == most


def test_an_answer_with_a_fault_is_no_good_answer() -> None:
    counts = Counts()
    for one in (call(fault="cut"), call(), call(status=503), call(offset=100)):
        counts.note(one)
    assert counts.summary()["duplicates"] == 0
    counts.note(call())
    assert counts.summary()["duplicates"] == 1


def test_the_log_is_found_by_time_entity_and_number() -> None:
    counts = Counts()
    for at, entity in enumerate(("a", "a,b", "c", "b")):
        counts.note(call(float(at), entity))
    assert [row.at for row in counts.log(entity="b")] == [1.0, 3.0]
    assert [row.at for row in counts.log(since=2.0)] == [2.0, 3.0]
    assert [row.at for row in counts.log(limit=1)] == [3.0]
