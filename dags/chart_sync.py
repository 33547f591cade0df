"""One Airflow DAG for each schedule, from the snapshot of the schedules."""

from __future__ import annotations

from chartline_airflow.dagbuild.chart_sync import build_all

globals().update(build_all())
