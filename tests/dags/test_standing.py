"""The standing DAGs' first runs, as the scheduler works them out."""

from __future__ import annotations

from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
from airflow.sdk import CronTriggerTimetable
from airflow.serialization.decoders import decode_timetable
from airflow.serialization.encoders import encode_timetable
from airflow.timetables import trigger
from airflow.timetables.base import TimeRestriction, Timetable

from chartline.domain import dag_ids

MONDAY = datetime(2026, 11, 30, tzinfo=UTC)
NO_START = TimeRestriction(earliest=None, latest=None, catchup=False)


@pytest.mark.parametrize("minutes", [0.1, 4, 61, 143, 16 * 60 + 1])
def test_a_time_that_is_past_is_never_made_up_for(
    parse: Callable[..., dict[str, Any]], monkeypatch: pytest.MonkeyPatch, minutes: float
) -> None:
    """Whatever the hour at which Airflow first sees them: nobody asked for the calls of that run."""
    dags = [dag for dag_id, dag in parse().items() if dag_id in dag_ids.STANDING]
    by_the_clock = [dag for dag in dags if isinstance(dag.timetable, CronTriggerTimetable)]
    assert by_the_clock
    for dag in by_the_clock:
        timetable = decode_timetable(encode_timetable(dag.timetable))

        def first_run(now: datetime, timetable: Timetable = timetable) -> datetime:
            monkeypatch.setattr(trigger, "utcnow", lambda: now)
            info = timetable.next_dagrun_info(last_automated_data_interval=None, restriction=NO_START)
            assert info is not None
            return info.run_after

        now = first_run(MONDAY) + timedelta(minutes=minutes)
        assert first_run(now) > now, dag.dag_id
