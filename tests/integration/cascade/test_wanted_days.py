"""Which days a run wants, read from the warehouse alone, without a run."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from datetime import date, timedelta
from typing import Any

import pytest

from chartline.cascade import ranking, tracks
from chartline.cascade.wanted_days import TAIL, WantedDays
from chartline.soundcharts.client import SoundchartsClient

from .conftest import Cascade

CHART = "demo-global-daily"
DAY = timedelta(days=1)
Of = Callable[..., WantedDays]


@pytest.fixture
def world() -> dict[str, Any]:
    return {"entries": 10, "charts": 5, "artists": 20, "missing_share": 0}


@pytest.fixture
def newest(cascade: Cascade) -> date:
    day = cascade.server.service.world.latest_day(CHART, cascade.server.service.clock.now())
    assert day is not None
    return day


@pytest.fixture
def of(cascade: Cascade, newest: date) -> Iterator[Of]:
    """What a run like that wants, where the newest ranking is stored and the one before it is kept raw."""

    def no_call() -> SoundchartsClient:
        raise AssertionError("the API was asked")

    run = cascade.open(CHART, "first", day=str(newest), steps=[])
    tracks.upsert_tracks(run, ranking.fetch_ranking(run))
    ranking.fetch_ranking(cascade.open(CHART, "second", day=str(newest - DAY), steps=[]))

    def of(**config: Any) -> WantedDays:
        run = cascade.open(config.pop("chart", CHART), f"r {config}", steps=[], **config)
        return WantedDays(run, conn, no_call)

    with cascade.connect() as conn:
        yield of


def test_what_is_stored_or_kept_is_here_unless_the_run_is_forced(of: Of, newest: date) -> None:
    three = [newest - n * DAY for n in range(3)]
    assert of().here(three) == set(three[:2])
    assert (of().newest(), of().has_any()) == (newest, True)
    assert newest - DAY in of().nearest(newest)
    assert newest not in of().nearest(newest)
    assert of(force=True).here(three) == set()
    assert of(force=True).newest() is None


def test_of_an_unknown_chart_nothing_is_here(of: Of, newest: date) -> None:
    days = of(chart="nobody-knows-it")
    assert (days.here([newest]), days.newest(), days.has_any(), days.nearest(newest)) == (set(), None, False, [])


def test_a_ranking_after_the_newest_is_late_or_may_be_out(of: Of, newest: date) -> None:
    days = of(interval=([newest + DAY], True), due=newest)
    assert days.late(newest, [newest + DAY]) == [newest + DAY]
    assert days.late(newest, [newest]) == []
    assert days.may_be_out(newest - DAY, [])
    assert not days.may_be_out(newest, [])
    assert days.may_be_the_latest(newest + DAY)
    assert not days.may_be_the_latest(newest)


def test_a_run_of_the_present_wants_what_was_missed_when_that_is_little(of: Of, newest: date) -> None:
    later, much_later = newest + 3 * DAY, newest + (TAIL + 2) * DAY
    assert of().of_the_present(later, []) == {newest + n * DAY for n in (1, 2, 3)}
    assert of().of_the_present(much_later, []) == {much_later}
    assert of().of_the_present(newest, [newest + DAY]) == {newest}


def test_stamps_are_read_without_a_call_where_the_calendar_has_them(of: Of, newest: date) -> None:
    days = [newest - n * DAY for n in range(5)]
    stamps = of(interval=(days, False)).stamps(days)
    assert set(days) <= set(stamps)
    assert of().lacking(days, stamps, else_of=days) == []
    assert of().lacking(days, [newest], else_of=days) == sorted(days[1:])
