"""What is healed, and when."""

from __future__ import annotations

from collections.abc import Set
from datetime import UTC, date, datetime, timedelta
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from chartline.gaps import audit
from chartline.gaps.audit import ChartGaps
from chartline.gaps.healing import plan
from chartline.gaps.shown import findings, ranges
from chartline.warehouse.reads.gaps import Unclosed

DAY = timedelta(days=1)
FIRST = date(2026, 1, 1)
days = st.dates(FIRST, FIRST + 60 * DAY)


def of(slug: str, *, missing: Set[date] = frozenset(), short: Set[date] = frozenset(), **more: Any) -> ChartGaps:
    values: dict[str, Any] = {
        "slug": slug, "dag_id": f"chartline.chart_sync.{slug}", "is_active": True,
        "first": FIRST, "last": FIRST + 60 * DAY, "listed": 61, "stored": 61,
        "missing": tuple(sorted(missing)), "short": tuple(sorted(short)), "absent": (),
    }  # fmt: skip
    return ChartGaps(**values | more)


@st.composite
def charts(draw: st.DrawFn) -> list[ChartGaps]:
    found = []
    for slug in draw(st.sets(st.sampled_from("abcd"))):
        missing, short = draw(st.sets(days, max_size=20)), draw(st.sets(days, max_size=5))
        some = st.frozensets(st.sampled_from(sorted(missing | short))) if missing | short else st.just(frozenset())
        found.append(of(slug, missing=missing, short=short - missing, busy=draw(some), failed=draw(some)))
    return found


@given(charts(), st.integers(1, 40), st.integers(1, 10), st.sets(st.sampled_from("ab"), max_size=1))
def test_the_plan_is_the_newest_gaps_and_nothing_else(
    found: list[ChartGaps], at_most: int, window: int, leave: set[str]
) -> None:
    heals, left = plan(found, at_most, window, leave)
    gaps_of = {chart.slug: {*chart.missing, *chart.short} - chart.busy for chart in found if chart.slug not in leave}
    failed = {(day, chart.slug) for chart in found for day in chart.failed}
    every = [(day, slug) for slug, own in gaps_of.items() for day in own]
    planned = [(day, heal.slug) for heal in heals for day in heal.days]
    untried = sorted(set(every) - failed, reverse=True)
    assert set(planned) == set([*untried, *sorted(set(every) & failed, reverse=True)][:at_most])
    assert len(planned) == len(set(planned)) == min(at_most, len(every))
    assert sum(left.values()) == len(every) - len(planned)
    assert all(1 <= len(heal.days) <= window for heal in heals)
    assert all(heal.conf["days"] == sorted((day.isoformat() for day in heal.days), reverse=True) for heal in heals)
    newest = [max(heal.days) for heal in heals]
    assert newest == sorted(newest, reverse=True)


@given(charts())
def test_the_plan_wastes_no_run(found: list[ChartGaps]) -> None:
    """A chart's days are in as few runs as the window allows, none of which overlaps another."""
    heals, left = plan(found, 1000, 7)
    assert left == {}
    for chart in found:
        own = [heal for heal in heals if heal.slug == chart.slug]
        assert len(own) == -(-len(chart.open) // 7)
        assert sorted(day for heal in own for day in heal.days) == sorted(chart.open)


def test_the_config_of_a_run_is_exactly_its_days() -> None:
    (heal,), _ = plan([of("a", missing={date(2026, 1, 3)}, short={date(2026, 1, 9)})], 10, 31)
    assert heal.conf == {"days": ["2026-01-09", "2026-01-03"]}
    assert heal.dag_id == "chartline.chart_sync.a"


@given(st.sets(days))
def test_ranges_tell_every_day(found: set[date]) -> None:
    told: set[date] = set()
    for part in filter(None, ranges(found, most=100).split(", ")):
        first, _, last = part.partition(" to ")
        start, end = date.fromisoformat(first), date.fromisoformat(last or first)
        told |= {start + count * DAY for count in range((end - start).days + 1)}
    assert told == found


def test_many_ranges_show_the_newest() -> None:
    every_other = [FIRST + 2 * count * DAY for count in range(6)]
    assert ranges(every_other, most=2) == "4 earlier, 2026-01-09, 2026-01-11"


def test_findings_say_all_that_is_wrong_and_nothing_of_a_complete_chart() -> None:
    assert findings(of("a")) == []
    told = "\n".join(
        findings(
            of(
                "a",
                missing={FIRST},
                short={FIRST + DAY},
                absent=(FIRST + 2 * DAY,),
                busy=frozenset({FIRST}),
                begins=FIRST + 9 * DAY,
                history_held=True,
                is_active=False,
            ),
            "The ranking of 2026-01-01 is overdue.",
        )
    )
    assert "missing 1: 2026-01-01" in told
    assert "short 1: 2026-01-02" in told
    assert "being fetched now 1: 2026-01-01" in told
    assert "absent from the calendar 1: 2026-01-03" in told
    assert "Soundcharts begins on 2026-01-10" in told
    assert "The ranking of 2026-01-01 is overdue." in told
    assert "waits for approval" in told
    assert "not active" in told


@pytest.mark.parametrize(
    ("asked", "expected"),
    [
        ({"day": "2026-01-03"}, {date(2026, 1, 3)}),
        ({"days": ["2026-01-03", "2026-01-04"], "day": None}, {date(2026, 1, 3), date(2026, 1, 4)}),
        ({"interval": ["2026-01-05"], "day": None, "days": None}, {date(2026, 1, 5)}),
        ({"chart": "a"}, set()),
        ({}, set()),
    ],
)
def test_a_runs_days_are_read_from_its_ask(asked: dict[str, object], expected: set[date]) -> None:
    run = Unclosed(1, "a", "chartline.chart_sync.a", "r", "manual", datetime(2026, 1, 1, tzinfo=UTC), asked, None, None)
    assert audit.days_of(run) == expected
