"""What keeps the warehouse in shape: the Airflow DAG chartline.housekeeping."""

from __future__ import annotations

from chartline_airflow.dagbuild.housekeeping import build

dag = build()
