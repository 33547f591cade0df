"""When a followed chart's DAG runs: data intervals on the chart's own grid."""

from __future__ import annotations

from datetime import UTC, datetime
from typing import Any

import pendulum
from airflow.exceptions import AirflowTimetableInvalid
from airflow.timetables.base import DagRunInfo, DataInterval, TimeRestriction, Timetable

from chartline.schedules.calendar import Grid


class ChartTimetable(Timetable):
    """Intervals of a grid, each run when its ranking can be had (interval end + publication delay).

    Without catchup the only past interval that runs is the latest complete one. After a change of the grid the first
    interval begins where the last one ended, so that time stays tiled: no hole, no overlap.
    """

    def __init__(self, grid: Grid) -> None:
        self.grid = grid
        self.description = f"{grid.text().capitalize()}, UTC"

    @property
    def summary(self) -> str:
        """For Airflow's DAG list."""
        return self.grid.text()

    def serialize(self) -> dict[str, Any]:
        """JSON values."""
        return self.grid.to_json()

    @classmethod
    def deserialize(cls, data: dict[str, Any]) -> ChartTimetable:
        """The timetable of `serialize`. Raises AirflowTimetableInvalid for data of another kind."""
        try:
            return cls(Grid.from_json(data))
        except (KeyError, TypeError, ValueError) as wrong:
            raise AirflowTimetableInvalid(f"This is not a chart's timetable: {wrong}") from wrong

    def infer_manual_data_interval(self, *, run_after: pendulum.DateTime) -> DataInterval:
        """The latest complete interval at that time."""
        start = self.grid.latest_complete(run_after)
        return _interval(start, self.grid.next(start))

    def next_dagrun_info(
        self, *, last_automated_data_interval: DataInterval | None, restriction: TimeRestriction
    ) -> DagRunInfo | None:
        """The next interval, never before the DAG's start; None when there is no start, or the end is passed."""
        starts = []
        if restriction.earliest is not None:
            starts.append(self.grid.ceil(restriction.earliest))
        if last_automated_data_interval is not None:
            starts.append(last_automated_data_interval.end)
        if not starts:
            return None
        if not restriction.catchup:
            starts.append(self.grid.latest_complete(datetime.now(UTC)))
        start = max(starts)
        if restriction.latest is not None and start > restriction.latest:
            return None
        end = self.grid.next(start)
        run_after = end + self.grid.publication_delay
        return DagRunInfo(run_after=pendulum.instance(run_after), data_interval=_interval(start, end))


def _interval(start: datetime, end: datetime) -> DataInterval:
    return DataInterval(pendulum.instance(start), pendulum.instance(end))
