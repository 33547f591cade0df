from __future__ import annotations

import json
import os
import subprocess
import sys
from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from datetime import UTC, datetime, timedelta
from itertools import pairwise
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pendulum
import pytest
from airflow.exceptions import AirflowTimetableInvalid
from airflow.timetables.base import DataInterval, TimeRestriction
from airflow.utils.types import DagRunType
from hypothesis import example, given, settings
from hypothesis import strategies as st

from chartline.domain.grid import Grid
from chartline.domain.run_ids import looks_past
from chartline_airflow.timetable import ChartTimetable, Info

ROOT = Path(__file__).parents[2]

DAILY = Grid("daily")
WEEKLY = Grid("weekly")
GRIDS = [
    DAILY,
    Grid("weekly", weekday=2),
    Grid("monthly"),
    Grid("monthly", month_day=12),
    Grid("custom", hours=6),
    Grid("custom", hours=31),
    Grid("custom", cron="30 4 * * 1-5"),
    Grid("daily", publication_delay=timedelta(hours=7, minutes=15)),
]
ASKED = datetime(2026, 11, 20, 14, 30, 15, 250, tzinfo=UTC)


def at(year: int, month: int, day: int, hour: int = 0, minute: int = 0, second: int = 0) -> pendulum.DateTime:
    return pendulum.datetime(year, month, day, hour, minute, second)


def chart(grid: Grid = DAILY, window: int = 31, asked_at: datetime = ASKED, at_once: bool = True) -> ChartTimetable:
    """The timetable of a chart followed at `asked_at`."""
    boundary = grid.floor(asked_at)
    first = (grid.previous(boundary), boundary) if at_once else (boundary, grid.next(boundary))
    return ChartTimetable(grid, first, asked_at, window)


class Scheduler:
    """Airflow's way with a timetable: the scheduler's loop, the reset at a parse, backfills; one run a logical date."""

    def __init__(self, timetable: ChartTimetable, start: datetime, *, catchup: bool = True) -> None:
        self.runs: dict[datetime, Any] = {}
        self.ids: dict[str, Any] = {}
        self.order: list[Any] = []
        self.now = ASKED
        self.parse(timetable, start, catchup=catchup)

    def parse(self, timetable: ChartTimetable, start: datetime, *, catchup: bool = True) -> None:
        """The timetable through JSON, and the next run from the one with the greatest logical date."""
        self.timetable = ChartTimetable.deserialize(json.loads(json.dumps(timetable.serialize())))
        self.restriction = TimeRestriction(pendulum.instance(start), None, catchup)
        self.next = self._after(self.runs[max(self.runs)] if self.runs else None)

    def until(self, now: datetime, most: int = 3000) -> list[Any]:
        """All runs that become due by then, as they are created, each as soon as it is due."""
        made: list[Any] = []
        for _ in range(most):
            if self.next is None or self.next.run_after > now:
                self.now = max(self.now, now)
                return made
            self.now = max(self.now, self.next.run_after)
            made += self.step()
        raise AssertionError("the chain does not come to an end")

    def step(self) -> list[Any]:
        """One look of the scheduler at the noted run: what that creates."""
        noted: Any = SimpleNamespace(  # as the database holds it
            next_dagrun_create_after=self.next.run_after,
            next_dagrun=self.next.logical_date,
            next_dagrun_data_interval=self.next.data_interval,
            next_dagrun_partition_date=None,
            next_dagrun_partition_key=None,
        )
        found = self.runs.get(noted.next_dagrun)
        if found is None:
            info = self.timetable.next_run_info_from_dag_model(dag_model=noted)
            assert info is not None
            assert info.logical_date == noted.next_dagrun
            run_id = self.timetable.generate_run_id(
                run_type=DagRunType.SCHEDULED, run_after=info.run_after, data_interval=info.data_interval
            )
            found = self.add(DagRunType.SCHEDULED, run_id, info)
            made = [found]
        else:
            made = []
        self.next = self._after(found)
        return made

    def add(self, run_type: DagRunType, run_id: str, info: Any) -> Any:
        assert info.logical_date not in self.runs
        assert run_id not in self.ids
        start, end = info.data_interval
        run: Any = SimpleNamespace(
            run_type=run_type, run_id=run_id, logical_date=info.logical_date, run_after=info.run_after,
            data_interval_start=start, data_interval_end=end, partition_key=None, partition_date=None,
            created=self.now,
        )  # fmt: skip
        self.runs[run.logical_date] = self.ids[run_id] = run
        self.order.append(run)
        return run

    def backfill(self, first: datetime, last: datetime) -> list[Any]:
        """As `airflow backfill create`: runs of the asked days that do not exist."""
        restriction = TimeRestriction(pendulum.instance(first), pendulum.instance(last), True)
        made: list[Any] = []
        info = None
        with clock(self.now):
            for _ in range(3000):
                info = self.timetable.next_dagrun_info_v2(last_dagrun_info=info, restriction=restriction)
                if info is None:
                    return made
                assert info.data_interval is not None
                if info.data_interval.end < self.now and info.logical_date not in self.runs:
                    made.append(self.add(DagRunType.BACKFILL_JOB, f"backfill__{info.run_after.isoformat()}", info))
        raise AssertionError("the backfill does not come to an end")

    def _after(self, run: Any) -> Any:
        with clock(self.now):
            last = self.timetable.run_info_from_dag_run(dag_run=run) if run else None
            return self.timetable.next_dagrun_info_v2(last_dagrun_info=last, restriction=self.restriction)


@contextmanager
def clock(now: datetime) -> Iterator[None]:
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr("chartline_airflow.timetable._now", lambda: now)
        yield


def spans(runs: Iterable[Any]) -> list[tuple[datetime, datetime]]:
    return sorted((run.data_interval_start, run.data_interval_end) for run in runs)


def tiled(runs: Iterable[Any]) -> tuple[datetime, datetime]:
    """The whole of time that the runs cover, which is without hole or overlap."""
    found = spans(runs)
    for before, after in pairwise(found):
        assert before[1] == after[0]
    return found[0][0], found[-1][1]


def words(runs: Iterable[Any]) -> list[str]:
    return [f"{run.data_interval_start:%m-%d} {run.data_interval_end:%m-%d}" for run in runs]


@pytest.mark.parametrize("grid", GRIDS, ids=str)
def test_serialised_and_back_is_the_same_timetable(grid: Grid) -> None:
    stored = json.loads(json.dumps(chart(grid).serialize()))
    back = ChartTimetable.deserialize(stored)
    assert vars(back) == vars(chart(grid))
    assert back.summary == grid.text()


@pytest.mark.parametrize(
    "data", [{}, {"frequency": "hourly"}, chart().serialize() | {"first": ["x"]}, chart().serialize() | {"grid": {}}]
)
def test_data_of_another_kind_is_refused(data: dict[str, Any]) -> None:
    with pytest.raises(AirflowTimetableInvalid, match="not a chart's timetable"):
        ChartTimetable.deserialize(data)


def test_the_latest_runs_first_then_the_past_newest_first_then_the_next_day() -> None:
    scheduler = Scheduler(chart(), at(2026, 8, 10))
    made = scheduler.until(ASKED)
    assert words(made) == ["11-19 11-20", "10-19 11-19", "09-18 10-19", "08-18 09-18", "08-10 08-18"]
    assert [looks_past(run.run_id) for run in made] == [False, True, True, True, True]
    assert made[0].run_id == "scheduled__2026-11-19"
    assert made[1].run_id.startswith("scheduled__2026-10-19_to_2026-11-18_")
    assert (scheduler.next.data_interval, scheduler.next.run_after) == (
        DataInterval(at(2026, 11, 20), at(2026, 11, 21)), at(2026, 11, 21)
    )  # fmt: skip


def test_a_year_is_few_runs_on_every_grid() -> None:
    counts = {}
    for grid in GRIDS:
        counts[str(grid.text())] = len(Scheduler(chart(grid), grid.floor(ASKED - timedelta(days=365))).until(ASKED))
    assert counts["daily"] == 13
    assert max(counts.values()) <= 14


def test_not_at_once_nothing_runs_before_its_regular_time_and_then_the_past_comes() -> None:
    scheduler = Scheduler(chart(at_once=False), at(2026, 11, 1))
    assert scheduler.until(at(2026, 11, 20, 23, 59)) == []
    assert words(scheduler.until(at(2026, 11, 21, 0, 0, 1))) == ["11-20 11-21", "11-01 11-20"]


def test_without_catchup_only_the_latest_complete_interval_of_the_past_runs() -> None:
    scheduler = Scheduler(chart(), at(2026, 1, 1), catchup=False)
    assert words(scheduler.until(ASKED)) == ["11-19 11-20"]
    assert words(scheduler.until(at(2026, 11, 22))) == ["11-20 11-21", "11-21 11-22"]
    scheduler.now = at(2026, 12, 24, 8)  # slept through a month, and the noted run was the day after
    scheduler.parse(chart(), at(2026, 1, 1), catchup=False)
    assert words(scheduler.until(scheduler.now)) == ["12-23 12-24"]


def test_with_catchup_a_month_slept_through_comes_in_a_window_and_the_latest_by_itself() -> None:
    scheduler = Scheduler(chart(), at(2026, 11, 10))
    scheduler.until(ASKED)
    scheduler.now = at(2027, 1, 15, 8)
    scheduler.parse(chart(), at(2026, 11, 10))
    made = scheduler.until(scheduler.now)
    assert words(made) == ["11-20 12-21", "12-21 01-14", "01-14 01-15"]
    assert [looks_past(run.run_id) for run in made] == [True, True, False]


def test_an_interval_whose_ranking_is_not_published_yet_waits() -> None:
    late = chart(Grid("daily", publication_delay=timedelta(hours=20)))
    scheduler = Scheduler(late, at(2026, 11, 1))
    assert words(scheduler.until(ASKED)) == ["11-19 11-20", "11-01 11-19"]  # at once was asked for
    assert scheduler.until(at(2026, 11, 21, 19, 59)) == []
    assert words(scheduler.until(at(2026, 11, 21, 20))) == ["11-20 11-21"]


def test_a_backfill_covers_exactly_the_asked_days_while_others_exist() -> None:
    scheduler = Scheduler(chart(), at(2026, 1, 1))
    scheduler.until(ASKED)
    (run,) = scheduler.backfill(at(2026, 3, 10), at(2026, 3, 20))
    assert words([run]) == ["03-10 03-21"]
    assert looks_past(run.run_id)
    assert scheduler.backfill(at(2026, 3, 10), at(2026, 3, 20)) == []
    assert words(scheduler.backfill(at(2026, 3, 10), at(2026, 3, 21))) == ["03-10 03-22"]
    assert words(scheduler.backfill(at(2026, 11, 18), at(2026, 12, 24))) == ["11-18 11-20"]
    assert scheduler.backfill(at(2026, 11, 19), at(2026, 11, 19)) == []  # that run exists
    assert scheduler.until(at(2026, 11, 21))[0].run_id == "scheduled__2026-11-20"


def test_followed_again_the_past_has_runs_of_its_own() -> None:
    """Airflow keeps the runs of a chart that was followed before, also those that came to nothing."""
    scheduler = Scheduler(chart(), at(2026, 8, 10))
    before = scheduler.until(ASKED)
    again = chart(asked_at=ASKED + timedelta(minutes=10))
    scheduler.now += timedelta(minutes=10)
    scheduler.parse(again, at(2026, 8, 10))
    assert words(scheduler.until(scheduler.now)) == words(before)[1:]


def test_a_farther_past_is_filled_and_a_nearer_one_needs_nothing_much() -> None:
    scheduler = Scheduler(chart(), at(2026, 10, 1))
    scheduler.until(ASKED)
    later = ASKED + timedelta(days=40)
    scheduler.until(later)
    scheduler.parse(chart(asked_at=later), at(2026, 1, 1))
    made = scheduler.until(later)
    assert tiled(made) == (at(2026, 1, 1), at(2026, 12, 29))
    assert len(made) <= 13
    scheduler.parse(chart(asked_at=later), at(2026, 6, 1))
    assert len(scheduler.until(later)) <= 1


def test_a_run_by_hand_covers_the_latest_complete_interval() -> None:
    inferred = chart(Grid("monthly")).infer_manual_data_interval(run_after=at(2026, 11, 20, 3))
    assert inferred == DataInterval(at(2026, 10, 1), at(2026, 11, 1))


def test_a_run_by_hand_that_took_an_intervals_logical_date_does_not_stop_the_chain() -> None:
    scheduler = Scheduler(chart(), at(2026, 11, 1))
    scheduler.until(ASKED)
    scheduler.add(
        DagRunType.MANUAL, "by_hand",
        Info(pendulum.instance(ASKED.replace(microsecond=700_000)), DataInterval(at(2026, 11, 19), at(2026, 11, 20))),
    )  # fmt: skip
    run = scheduler.ids["by_hand"]
    del scheduler.runs[run.logical_date]
    run.logical_date = at(2026, 11, 20)
    scheduler.runs[run.logical_date] = run
    assert words(scheduler.until(at(2026, 11, 23))) == ["11-21 11-22", "11-22 11-23"]


def test_nothing_without_a_start() -> None:
    with clock(ASKED):
        assert (
            chart().next_dagrun_info(last_automated_data_interval=None, restriction=TimeRestriction(None, None, True))
            is None
        )
        info = chart().next_dagrun_info(
            last_automated_data_interval=DataInterval(at(2026, 11, 20), at(2026, 11, 21)),
            restriction=TimeRestriction(at(2026, 1, 1), None, True),
        )
    assert info is not None
    assert info.data_interval is not None
    assert info.data_interval.start == at(2026, 11, 21)


delays = st.integers(0, 200).map(lambda quarters: timedelta(minutes=15 * quarters))
grids = st.one_of(
    st.builds(Grid, st.just("daily"), publication_delay=delays),
    st.builds(Grid, st.just("weekly"), weekday=st.integers(0, 6), publication_delay=delays),
    st.builds(Grid, st.just("monthly"), month_day=st.none() | st.integers(1, 31), publication_delay=delays),
    st.builds(Grid, st.just("custom"), hours=st.integers(6, 1000), publication_delay=delays),
    st.builds(
        Grid,
        st.just("custom"),
        cron=st.sampled_from(["30 4 * * 1-5", "0 */6 * * *", "0 12 1,15 * *"]),
        publication_delay=delays,
    ),
)
windows = st.integers(1, 40)
askings = st.datetimes(datetime(2025, 1, 1), datetime(2027, 1, 1), timezones=st.just(UTC))  # noqa: DTZ001
askings = askings.map(lambda moment: moment.replace(second=30))
reaches = st.integers(0, 120).map(lambda days: timedelta(days=days))


def begin(grid: Grid, asked_at: datetime, reach: timedelta, window: int, at_once: bool) -> tuple[Any, datetime]:
    timetable = chart(grid, window, asked_at, at_once)
    return timetable, min(timetable.first[0], grid.floor(asked_at - reach))


@given(
    grids,
    askings,
    reaches,
    windows,
    st.booleans(),
    st.lists(st.integers(0, 60 * 24 * 20), max_size=5),
    st.sets(st.integers(0, 40)),
)
@settings(max_examples=60, deadline=None)
def test_all_runs_tile_time_whatever_the_clock_and_a_parse_changes_nothing(
    grid: Grid, asked_at: datetime, reach: timedelta, window: int, at_once: bool, waits: list[int], parses: set[int]
) -> None:
    timetable, start = begin(grid, asked_at, reach, window, at_once)
    quiet, parsed = Scheduler(timetable, start), Scheduler(timetable, start)
    quiet.now = parsed.now = asked_at
    moments = [asked_at]
    for wait in waits:
        moments.append(moments[-1] + timedelta(minutes=wait))
    steps = 0
    for now in moments:
        quiet.until(now)
        while parsed.next.run_after <= now:
            parsed.now = max(parsed.now, parsed.next.run_after)
            parsed.step()
            steps += 1
            if steps in parses:
                parsed.parse(timetable, start)
        parsed.now = max(parsed.now, now)
        assert spans(parsed.order) == spans(quiet.order)
    if not quiet.order:
        assert not at_once
        return
    low, high = tiled(quiet.order)
    assert low == start
    assert high <= moments[-1]
    assert quiet.next.run_after > moments[-1]
    assert high >= grid.next(grid.latest_complete(moments[-1]))
    owned = [day for run in quiet.order for day in grid.days(run.data_interval_start, run.data_interval_end)]
    assert sorted(owned) == grid.days(low, high)
    pasts = [run for run in quiet.order if run.logical_date.microsecond >= 500_000]
    assert spans(pasts) == list(reversed([(run.data_interval_start, run.data_interval_end) for run in pasts]))


@given(grids, askings, reaches, windows, st.data())
@settings(max_examples=60, deadline=None)
def test_a_backfill_covers_exactly_the_asked_days_and_leaves_the_chain_alone(
    grid: Grid, asked_at: datetime, reach: timedelta, window: int, data: Any
) -> None:
    timetable, start = begin(grid, asked_at, reach, window, at_once=True)
    scheduler = Scheduler(timetable, start)
    scheduler.now = asked_at
    scheduler.until(asked_at)
    first = data.draw(st.integers(0, 250))
    last = data.draw(st.integers(-5, first))
    day = datetime(asked_at.year, asked_at.month, asked_at.day, tzinfo=UTC)
    low, high = day - timedelta(days=first), day - timedelta(days=last - 1)
    there = spans(scheduler.order)
    made = scheduler.backfill(low, high - timedelta(days=1))
    complete = grid.next(grid.latest_complete(asked_at))
    assert all(low <= begun and end <= min(high, complete) for begun, end in spans(made))
    covered = {d for begun, end in spans(made) for d in grid.days(begun, end)}
    again = {d for begun, end in there if low <= begun and end <= min(high, complete) for d in grid.days(begun, end)}
    assert set(grid.days(low, max(low, min(high, complete)))) <= covered | again
    for (_, end), (begun, _) in pairwise(spans(made)):
        assert end <= begun
    scheduler.parse(timetable, start)
    before = len(scheduler.order)
    scheduler.until(asked_at)
    assert len(scheduler.order) <= before + 1


@given(grids, grids, askings, reaches, windows, st.integers(0, 60 * 24 * 90))
@example(Grid("weekly", weekday=0), Grid("weekly", weekday=1), at(2025, 1, 1, 0, 0, 30), timedelta(days=15), 1, 0)
@settings(max_examples=60, deadline=None)
def test_after_a_change_of_frequency_nothing_is_lost_and_little_runs_again(
    before: Grid, after: Grid, asked_at: datetime, reach: timedelta, window: int, wait: int
) -> None:
    timetable, start = begin(before, asked_at, reach, window, at_once=True)
    scheduler = Scheduler(timetable, start)
    scheduler.now = asked_at
    changed = asked_at + timedelta(minutes=wait)
    scheduler.until(changed)
    timetable, start = begin(after, asked_at, reach, window, at_once=True)
    scheduler.parse(timetable, start)
    made = scheduler.until(changed + timedelta(days=100))
    covered = asked_at - reach
    for begun, end in [span for span in spans(scheduler.order) if span[1] > covered]:
        assert begun <= covered
        covered = max(covered, end)
    assert covered >= after.next(after.latest_complete(changed + timedelta(days=98)))
    again = [run for run in made if run.data_interval_end <= changed - max(before.publication_delay, DELAY)]
    windows_of_all = 2 + 2 * len(Scheduler(*begin(after, asked_at, reach, window, at_once=True)).until(changed))
    assert len(again) <= windows_of_all


DELAY = timedelta(minutes=15 * 200)


PROBE = """
import json, sys
from airflow import plugins_manager
from airflow.sdk import DAG
from airflow.serialization.serialized_objects import DagSerialization
from chartline.domain.grid import Grid
from chartline_airflow.timetable import ChartTimetable
from datetime import UTC, datetime, timedelta
from airflow.providers.standard.operators.empty import EmptyOperator
from types import SimpleNamespace

WEIGHT_RULE = "chartline_airflow.priority.NewestFirst"
plugins, errors = plugins_manager._get_plugins()
print(errors, file=sys.stderr)
ours = [p for p in plugins if p.name.startswith("chartline")]
grid = Grid("custom", hours=6)
asked = datetime(2026, 1, 1, tzinfo=UTC)
timetable = ChartTimetable(grid, (asked - timedelta(hours=6), asked), asked, 31)
dag = DAG("probe", schedule=timetable, start_date=asked, default_args={"weight_rule": WEIGHT_RULE})
EmptyOperator(task_id="one", dag=dag, priority_weight=7)
stored = json.loads(json.dumps(DagSerialization.to_dict(dag)))
back = DagSerialization.from_dict(stored)
print("PROBE" + json.dumps({
    "errors": errors,
    "names": [p.name for p in ours],
    "timetables": [f"{t.__module__}.{t.__qualname__}" for p in plugins for t in p.timetables],
    "stored": stored["dag"]["timetable"],
    "same": vars(back.timetable) == vars(timetable),
    "weights": [
        back.get_task("one").weight_rule.get_weight(SimpleNamespace(task=back.get_task("one"), run_id=run_id))
        for run_id in ("scheduled__2026-01-01", "scheduled__2026-01-01_to_2026-01-31_5", "backfill__x", "manual__x")
    ],
    "bare": sorted({path.stem for path in __import__("pathlib").Path(sys.argv[1]).rglob("*.py")} & set(sys.modules)),
    "preloaded": "chartline.cascade.engine" in sys.modules,
}))
"""


def test_airflow_loads_exactly_one_file_and_knows_the_timetable_by_one_path(tmp_path: Path) -> None:
    env = {name: value for name, value in os.environ.items() if not name.startswith("AIRFLOW")} | {
        "AIRFLOW_HOME": str(tmp_path),
        "AIRFLOW__CORE__PLUGINS_FOLDER": str(ROOT / "plugins"),
        "AIRFLOW__CORE__LOAD_EXAMPLES": "False",
        "PYTHONPATH": f"{ROOT / 'include'}:{ROOT / 'plugins'}",
    }
    done = subprocess.run(
        [sys.executable, "-c", PROBE, str(ROOT / "plugins")],
        env=env, cwd=tmp_path, capture_output=True, text=True, timeout=100, check=False,
    )  # fmt: skip
    said = [line for line in done.stdout.splitlines() if line.startswith("PROBE")]
    assert said, done.stdout + done.stderr
    found = json.loads(said[0].removeprefix("PROBE"))
    path = "chartline_airflow.timetable.ChartTimetable"
    assert found["errors"] == {}
    assert found["names"] == ["chartline"]
    assert found["timetables"].count(path) == 1
    assert [t for t in found["timetables"] if t.endswith("ChartTimetable")] == [path]
    assert found["stored"]["__type"] == path
    assert found["same"]
    assert found["bare"] == ["chartline_plugin"]
    assert found["preloaded"]
    assert found["weights"] == [1007, 107, 107, 1007]


def test_a_dag_that_goes_on_under_another_id_makes_no_run_of_what_was_run() -> None:
    """Neither of the past nor of the latest interval: the first run is of the one that follows."""
    first = (at(2026, 11, 19), at(2026, 11, 20))
    scheduler = Scheduler(ChartTimetable(DAILY, first, at(2026, 1, 1, 10), 31, first[0]), at(1970, 1, 1))
    assert words(scheduler.until(at(2026, 11, 22, 12))) == ["11-19 11-20", "11-20 11-21", "11-21 11-22"]
