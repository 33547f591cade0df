"""The audience of given tracks, artists and charts, on demand: the Airflow DAG audience_refresh."""

from __future__ import annotations

from chartline_airflow.dagbuild.audience_refresh import build

dag = build()
