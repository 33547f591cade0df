from __future__ import annotations

import json
import os
import subprocess
import sys
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pendulum
import pytest
import time_machine
from airflow.exceptions import AirflowTimetableInvalid
from airflow.timetables.base import DataInterval, TimeRestriction
from hypothesis import given
from hypothesis import strategies as st

from chartline.schedules.calendar import Grid
from chartline_airflow.timetable import ChartTimetable

ROOT = Path(__file__).parents[2]
NOW = datetime(2026, 11, 20, 14, 30, tzinfo=UTC)  # a Friday

DAILY = Grid("daily")
GRIDS = [
    DAILY,
    Grid("weekly", weekday=2),
    Grid("monthly"),
    Grid("custom", hours=6),
    Grid("custom", cron="30 4 * * 1-5"),
    Grid("daily", publication_delay=timedelta(hours=7, minutes=5)),
]


def at(*parts: int) -> pendulum.DateTime:
    return pendulum.datetime(*parts)


def following(
    timetable: ChartTimetable,
    last: DataInterval | None = None,
    *,
    earliest: pendulum.DateTime | None,
    latest: pendulum.DateTime | None = None,
    catchup: bool = False,
):
    return timetable.next_dagrun_info(
        last_automated_data_interval=last, restriction=TimeRestriction(earliest, latest, catchup)
    )


@pytest.mark.parametrize("grid", GRIDS, ids=Grid.text)
def test_serialised_and_back_is_the_same_timetable(grid: Grid) -> None:
    stored = json.loads(json.dumps(ChartTimetable(grid).serialize()))
    back = ChartTimetable.deserialize(stored)
    assert back.grid == grid
    assert back.summary == grid.text()


@pytest.mark.parametrize("data", [{}, {"frequency": "hourly", "publication_delay": 0}, {"publication_delay": "x"}])
def test_data_of_another_kind_is_refused(data: dict) -> None:
    with pytest.raises(AirflowTimetableInvalid, match="not a chart's timetable"):
        ChartTimetable.deserialize(data)


@time_machine.travel(NOW, tick=False)
def test_without_catchup_only_the_latest_complete_interval_of_the_past_runs() -> None:
    first = following(ChartTimetable(DAILY), earliest=at(2026, 1, 1))
    assert first.data_interval == DataInterval(at(2026, 11, 19), at(2026, 11, 20))
    assert first.run_after == at(2026, 11, 20)

    then = following(ChartTimetable(DAILY), first.data_interval, earliest=at(2026, 1, 1))
    assert then.data_interval == DataInterval(at(2026, 11, 20), at(2026, 11, 21))
    assert then.run_after == at(2026, 11, 21)


@time_machine.travel(NOW, tick=False)
def test_days_slept_through_are_not_caught_up() -> None:
    slept = DataInterval(at(2026, 11, 1), at(2026, 11, 2))
    assert following(ChartTimetable(DAILY), slept, earliest=at(2026, 1, 1)).data_interval.start == at(2026, 11, 19)


@time_machine.travel(NOW, tick=False)
def test_nothing_runs_before_the_dag_begins() -> None:
    weekly = ChartTimetable(Grid("weekly"))
    assert following(weekly, earliest=at(2026, 11, 25)).data_interval.start == at(2026, 11, 27)
    assert following(weekly, earliest=at(2026, 11, 20)).data_interval.start == at(2026, 11, 20)
    assert following(weekly, earliest=at(2026, 11, 13)).data_interval.start == at(2026, 11, 13)


@time_machine.travel(NOW, tick=False)
def test_an_interval_whose_ranking_is_not_published_yet_is_not_the_latest_complete_one() -> None:
    late = ChartTimetable(Grid("daily", publication_delay=timedelta(hours=20)))
    first = following(late, earliest=at(2026, 1, 1))
    assert first.data_interval.start == at(2026, 11, 18)
    assert first.run_after == at(2026, 11, 19, 20)


def test_nothing_without_a_start_nor_after_the_end() -> None:
    assert following(ChartTimetable(DAILY), earliest=None) is None
    assert following(ChartTimetable(DAILY), earliest=at(2026, 1, 5), latest=at(2026, 1, 4), catchup=True) is None


@time_machine.travel(NOW, tick=False)
def test_after_a_change_of_frequency_time_stays_tiled() -> None:
    weekly_run = DataInterval(at(2026, 11, 13), at(2026, 11, 20))
    monthly = following(ChartTimetable(Grid("monthly")), weekly_run, earliest=at(2026, 1, 1))
    assert monthly.data_interval == DataInterval(at(2026, 11, 20), at(2026, 12, 1))


def test_a_run_by_hand_covers_the_latest_complete_interval() -> None:
    inferred = ChartTimetable(Grid("monthly")).infer_manual_data_interval(run_after=at(2026, 11, 20, 3))
    assert inferred == DataInterval(at(2026, 10, 1), at(2026, 11, 1))


@given(
    grid=st.sampled_from(GRIDS),
    earliest=st.datetimes(datetime(2025, 1, 1), datetime(2027, 1, 1), timezones=st.just(UTC)),  # noqa: DTZ001
    catchup=st.booleans(),
)
@time_machine.travel(NOW, tick=False)
def test_runs_follow_one_another_without_hole_or_overlap(grid: Grid, earliest: datetime, catchup: bool) -> None:
    timetable, start, last = ChartTimetable(grid), pendulum.instance(earliest), None
    for _ in range(5):
        info = following(timetable, last, earliest=start, catchup=catchup)
        assert info.data_interval.start >= start
        assert info.data_interval.start < info.data_interval.end <= info.run_after
        assert last is None or info.data_interval.start == last.end
        last = info.data_interval


PROBE = """
import json, sys
from airflow import plugins_manager
from airflow.sdk import DAG
from airflow.serialization.serialized_objects import DagSerialization
from chartline.schedules.calendar import Grid
from chartline_airflow.timetable import ChartTimetable
from datetime import UTC, datetime

plugins, errors = plugins_manager._get_plugins()
print(errors, file=sys.stderr)
ours = [p for p in plugins if p.name.startswith("chartline")]
grid = Grid("custom", hours=6)
dag = DAG("probe", schedule=ChartTimetable(grid), start_date=datetime(2026, 1, 1, tzinfo=UTC))
stored = json.loads(json.dumps(DagSerialization.to_dict(dag)))
back = DagSerialization.from_dict(stored)
print("PROBE" + json.dumps({
    "errors": errors,
    "names": [p.name for p in ours],
    "timetables": [f"{t.__module__}.{t.__qualname__}" for p in plugins for t in p.timetables],
    "stored": stored["dag"]["timetable"],
    "same": back.timetable.grid == grid,
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
