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
from airflow.timetables.base import TimeRestriction

from chartline.domain import dag_ids

EARLIER = TimeRestriction(earliest=None, latest=None, catchup=False)


@pytest.mark.parametrize("minutes", [0.1, 4, 61, 143, 16 * 60 + 1])
def test_a_time_that_is_past_is_never_made_up_for(
    parse: Callable[..., dict[str, Any]], monkeypatch: pytest.MonkeyPatch, minutes: float
) -> None:
    """Whatever the hour at which Airflow first sees them: nobody asked for the calls of that run."""
    dags = {dag_id: dag for dag_id, dag in parse().items() if dag_id in dag_ids.STANDING}
    timetables = {dag_id: dag.timetable for dag_id, dag in dags.items() if isinstance(dag.timetable, CronTriggerTimetable)}
    assert timetables
    for dag_id, timetable in timetables.items():
        scheduled = decode_timetable(encode_timetable(timetable))
        monday = datetime(2026, 11, 30, tzinfo=UTC)
        monkeypatch.setattr(trigger, "utcnow", lambda: monday)
        first = scheduled.next_dagrun_info(last_automated_data_interval=None, restriction=EARLIER)
        now = first.run_after + timedelta(minutes=minutes)
        monkeypatch.setattr(trigger, "utcnow", lambda now=now: now)
        again = scheduled.next_dagrun_info(last_automated_data_interval=None, restriction=EARLIER)
        assert again.run_after > now, dag_id
