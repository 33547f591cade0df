"""When a followed chart's DAG runs: data intervals on the chart's own grid, the newest first.

The scheduler computes each run from the one that it has just created, so a timetable may walk backwards. The chain is:
the first interval; then the history in windows, each ending where the one before began, down to the DAG's start; then
the intervals after the first. A window's `run_after` holds what the chain needs to go on from it alone. At each parse
Airflow goes back to the run with the greatest logical date; while that is the first interval, the chain walks the same
windows again, and Airflow skips those that exist.
"""

from __future__ import annotations

from datetime import UTC, datetime
from math import ceil
from typing import TYPE_CHECKING, Any
from zlib import crc32

import pendulum
from airflow.exceptions import AirflowTimetableInvalid
from airflow.timetables.base import DagRunInfo, DataInterval, TimeRestriction, Timetable
from airflow.utils.types import DagRunType

from chartline.domain import run_ids
from chartline.domain.grid import DAY, Grid

if TYPE_CHECKING:
    from airflow.models.dag import DagModel
    from airflow.models.dagrun import DagRun

PAST = 500_000
"""Marks from here on are of windows of the history; smaller ones of other windows; 0 is an interval by itself."""

BEHIND = 2
"""Periods that may lie between a regular interval and the latest complete one before they become a window."""


class Info(DagRunInfo):
    """A run whose mark, the microseconds of `run_after`, is part of its logical date too.

    Airflow takes an equal logical date for the same run: a window must have another one than the single interval, or
    the shorter window, that begins where it begins.
    """

    __slots__ = ()

    @property
    def mark(self) -> int:
        """0 for one interval, else the window's own number."""
        return self.run_after.microsecond

    @property
    def logical_date(self) -> pendulum.DateTime | None:
        """The interval's start, marked."""
        return self.data_interval and self.data_interval.start.replace(microsecond=self.mark)


class ChartTimetable(Timetable):
    """Intervals of `grid`; a run each when its ranking can be had (end + publication delay), the history in windows.

    first: start and end of the interval that runs first. asked_at: when the history was asked for; each asking has runs
    of its own, so that a chart that is followed again gets what its former runs had not brought. window: periods (and,
    on a grid finer than days, days) of one window. start: where the history begins; None: with the DAG. Without catchup
    the only past interval is the latest complete one. After a change of the grid the next interval begins where the
    last one ended.
    """

    def __init__(
        self,
        grid: Grid,
        first: tuple[datetime, datetime],
        asked_at: datetime,
        window: int,
        start: datetime | None = None,
    ) -> None:
        self.grid, self.first, self.asked_at, self.window, self.start = grid, first, asked_at, window, start
        self.description = f"{grid.text().capitalize()}, UTC"

    @property
    def summary(self) -> str:
        """For Airflow's DAG list."""
        return self.grid.text()

    def serialize(self) -> dict[str, Any]:
        """JSON values."""
        return {
            "grid": self.grid.to_json(),
            "first": [moment.isoformat() for moment in self.first],
            "asked_at": self.asked_at.isoformat(),
            "window": self.window,
            "start": self.start and self.start.isoformat(),
        }

    @classmethod
    def deserialize(cls, data: dict[str, Any]) -> ChartTimetable:
        """The timetable of `serialize`. Raises AirflowTimetableInvalid for data of another kind."""
        try:
            start, end = map(datetime.fromisoformat, data["first"])
            asked_at = datetime.fromisoformat(data["asked_at"])
            begins = datetime.fromisoformat(data["start"]) if data.get("start") else None
            return cls(Grid.from_json(data["grid"]), (start, end), asked_at, int(data["window"]), begins)
        except (KeyError, TypeError, ValueError) as wrong:
            raise AirflowTimetableInvalid(f"This is not a chart's timetable: {wrong}") from wrong

    def infer_manual_data_interval(self, *, run_after: pendulum.DateTime) -> DataInterval:
        """The latest complete interval at that time."""
        start = self.grid.latest_complete(run_after)
        return _interval(start, self.grid.next(start))

    def generate_run_id(
        self, *, run_type: DagRunType, run_after: pendulum.DateTime, data_interval: DataInterval | None, **extra: Any
    ) -> str:
        """Of a scheduled run: by its interval, and as unique as its logical date."""
        if run_type != DagRunType.SCHEDULED or data_interval is None:
            return super().generate_run_id(run_type=run_type, run_after=run_after, data_interval=data_interval, **extra)
        mark = run_after.microsecond
        return run_ids.window_id(*data_interval, mark) if mark else run_ids.interval_id(data_interval.start)

    def next_run_info_from_dag_model(self, *, dag_model: DagModel) -> DagRunInfo | None:
        """The run that Airflow has noted down as the next."""
        return _marked(super().next_run_info_from_dag_model(dag_model=dag_model))

    def run_info_from_dag_run(self, *, dag_run: DagRun) -> DagRunInfo:
        """A run as the chain sees it. One by hand that took the logical date of an interval stands for that one; a
        backfill, which keeps to the asked days and not to the grid, for the last interval that had ended then."""
        if dag_run.run_type in (DagRunType.SCHEDULED, DagRunType.BACKFILL_JOB):
            info = _marked(super().run_info_from_dag_run(dag_run=dag_run))
            assert info is not None
            if dag_run.run_type == DagRunType.BACKFILL_JOB and 0 < info.mark < PAST and info.data_interval:
                end = self.grid.floor(info.data_interval.end)
                return self._single(self.grid.previous(end), end)
            return info
        start = dag_run.logical_date or dag_run.run_after
        return self._single(start, self.grid.next(start))

    def next_dagrun_info(
        self, *, last_automated_data_interval: DataInterval | None, restriction: TimeRestriction
    ) -> DagRunInfo | None:
        """As `next_dagrun_info_v2`, after a run of one interval."""
        last = last_automated_data_interval and Info(last_automated_data_interval.end, last_automated_data_interval)
        return self.next_dagrun_info_v2(last_dagrun_info=last, restriction=restriction)

    def next_dagrun_info_v2(
        self, *, last_dagrun_info: DagRunInfo | None, restriction: TimeRestriction
    ) -> DagRunInfo | None:
        """The run after that one. None: the DAG has no start, or a backfill is at its end."""
        last = _marked(last_dagrun_info)
        interval = last.data_interval if last else None
        if restriction.earliest is None:
            return None
        if restriction.latest is not None:  # no chart's DAG has an end: this is a backfill
            return self._backfill(interval, _day(restriction.earliest), _day(restriction.latest) + DAY)
        if not restriction.catchup:
            return self._latest(interval)
        earliest = max(self.start or restriction.earliest, restriction.earliest)
        if last is None or interval is None:
            return self._single(*self.first)
        if last.mark >= PAST:
            return self._before(interval.start, earliest, then=last.run_after.replace(microsecond=0))
        if interval.end <= self.first[0]:  # of an earlier time: the history holds what follows it
            return self._single(*self.first)
        if interval.start < self.first[1]:
            return self._before(interval.start, earliest, then=interval.end)
        return self._onwards(interval.end)

    def _before(self, end: datetime, earliest: datetime, then: datetime) -> Info:
        """The window that ends there; when nothing is left before, the chain goes on with the interval from `then`."""
        if end <= earliest:
            return self._onwards(then)
        start = min(self.grid.back(end, self.window), self.grid.ceil(end - self.window * DAY))
        start = max(start, earliest)
        # Another `then` is another window: taken for the same, it would lead the chain back to where it came from.
        mark = PAST + crc32(f"{self.asked_at.isoformat()} {end - start} {then.isoformat()}".encode()) % PAST
        return _info(start, end, then, mark)

    def _onwards(self, start: datetime) -> Info:
        """The regular interval from there; when it lies far back, because the DAG was paused, a window."""
        latest = self.grid.latest_complete(_now())
        if self.grid.advance(start, BEHIND) > latest:
            return self._single(start, self.grid.next(start))
        return self._window(start, latest)

    def _latest(self, last: DataInterval | None) -> Info:
        starts = [self.first[0], self.grid.latest_complete(_now())]
        start = max([*starts, last.end] if last else starts)
        return self._single(start, self.grid.next(start))

    def _backfill(self, last: DataInterval | None, start: datetime, end: datetime) -> Info | None:
        """Exactly the asked days, oldest first; nothing that is not complete."""
        start = last.end if last else start
        end = min(end, self.grid.next(self.grid.latest_complete(_now())))
        return self._window(start, end) if start < end else None

    def _window(self, start: datetime, limit: datetime) -> Info:
        """From `start` up to a window's length, not past `limit`."""
        widest = max(self.grid.advance(start, self.window), self.grid.floor(start + self.window * DAY))
        end = min(widest, limit)
        if start == self.grid.floor(start) and end == self.grid.next(start):
            return _info(start, end, end, 0)
        return _info(start, end, end, min(ceil((end - start).total_seconds() / 3600), PAST - 1))

    def _single(self, start: datetime, end: datetime) -> Info:
        run_after = end + self.grid.publication_delay
        if start == self.first[0] and end <= self.asked_at:
            run_after = min(run_after, self.asked_at)  # at once was asked for
        return _info(start, end, run_after, 0)


def _now() -> datetime:
    return datetime.now(UTC)


def _day(moment: datetime) -> datetime:
    utc = moment.astimezone(UTC)
    return datetime(utc.year, utc.month, utc.day, tzinfo=UTC)


def _info(start: datetime, end: datetime, run_after: datetime, mark: int) -> Info:
    return Info(pendulum.instance(run_after.replace(microsecond=mark)), _interval(start, end))


def _marked(info: DagRunInfo | None) -> Info | None:
    return info if info is None or isinstance(info, Info) else Info(*info)


def _interval(start: datetime, end: datetime) -> DataInterval:
    return DataInterval(pendulum.instance(start), pendulum.instance(end))
